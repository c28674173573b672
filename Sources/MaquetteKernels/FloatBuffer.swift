import Glibc
package import MaquetteSystem
import Synchronization

/// A block of floats on a 64-byte boundary, freed with its last owner; or memory of somebody else.
package final class FloatBuffer: @unchecked Sendable {  // written only by its maker, before it is shared
  package let pointer: UnsafeMutablePointer<Float>
  package let count: Int
  /// 0 of memory that is not ours.
  private let bytes: Int

  /// What threads that share the filling of a large block do best at a time: no two of them meet a large page that
  /// nobody has touched before.
  package static let numbersOfLargePage = LargeBlocks.page / MemoryLayout<Float>.stride

  /// - Throws: ``MaquetteError/Code/outOfMemory`` when there is not that much.
  package convenience init(zeros count: Int) throws(MaquetteError) {
    try self.init(unwritten: count)
    memset(pointer, 0, max(count, 1) * MemoryLayout<Float>.stride)
  }

  /// Of whatever the memory holds: for those who write all of it.
  ///
  /// - Throws: as ``init(zeros:)``.
  package init(unwritten count: Int) throws(MaquetteError) {
    let (bytes, overflow) = max(count, 1).multipliedReportingOverflow(by: MemoryLayout<Float>.stride)
    guard !overflow, count >= 0, let memory = LargeBlocks.take(bytes) ?? Self.allocate(bytes) else {
      throw MaquetteError(.outOfMemory, "not enough memory for \(count) numbers of 4 bytes")
    }
    pointer = memory.bindMemory(to: Float.self, capacity: max(count, 1))
    self.count = count
    self.bytes = bytes
  }

  /// Memory that somebody lends, to be written into: whoever makes this must let go of it before the lender does.
  package init(borrowing memory: UnsafeMutablePointer<Float>, count: Int) {
    pointer = memory
    self.count = count
    bytes = 0
  }

  private static func allocate(_ bytes: Int) -> UnsafeMutableRawPointer? {
    var memory: UnsafeMutableRawPointer?
    guard bytes < LargeBlocks.smallest else { return LargeBlocks.allocate(bytes) }
    return posix_memalign(&memory, 64, bytes) == 0 ? memory : nil
  }

  deinit {
    switch bytes {
    case 0: break
    case ..<LargeBlocks.smallest: free(pointer)
    default: LargeBlocks.give(pointer, bytes)
    }
  }
}

extension FloatBuffer {
  /// - Throws: ``MaquetteError/Code/outOfMemory``.
  package func copy() throws(MaquetteError) -> FloatBuffer {
    let copy = try FloatBuffer(zeros: count)
    copy.pointer.update(from: pointer, count: count)
    return copy
  }
}

/// Blocks of 4 MB and more, on large pages where the system has them: touching 25 MB for the first time costs 13 faults
/// then, not 6,250.
///
/// The one given back last is kept for the next that fits, since a dataset that is edited and learned again asks for the
/// same again and again, and memory that was touched before is there at once; in a virtual machine, whose host takes
/// back free pages, 25 MB of new memory took 50 ms, of such 2. The system may take the kept block when it needs memory.
private enum LargeBlocks {
  static let smallest = 4 << 20
  /// A greater one is not kept.
  private static let greatestKept = 64 << 20
  static let page = 2 << 20

  private struct Spare: @unchecked Sendable {  // nobody else has it
    var memory: UnsafeMutableRawPointer
    var bytes: Int
  }

  private static let spare = Mutex<Spare?>(nil)

  /// All blocks are whole pages.
  private static func rounded(_ bytes: Int) -> Int? {
    let (sum, overflow) = bytes.addingReportingOverflow(page - 1)
    return overflow ? nil : sum & ~(page - 1)
  }

  /// The kept block, if it is of that size.
  static func take(_ bytes: Int) -> UnsafeMutableRawPointer? {
    guard bytes >= smallest, let bytes = rounded(bytes) else { return nil }
    return spare.withLock { spare -> Spare? in
      guard spare?.bytes == bytes else { return nil }
      defer { spare = nil }
      return spare
    }?.memory
  }

  static func allocate(_ bytes: Int) -> UnsafeMutableRawPointer? {
    var memory: UnsafeMutableRawPointer?
    guard let bytes = rounded(bytes), posix_memalign(&memory, page, bytes) == 0, let memory else {
      return nil
    }
    madvise(memory, bytes, MADV_HUGEPAGE)
    return memory
  }

  static func give(_ memory: UnsafeMutableRawPointer, _ bytes: Int) {
    guard let bytes = rounded(bytes), bytes <= greatestKept else { return free(memory) }
    madvise(memory, bytes, MADV_FREE)
    let old = spare.withLock { spare -> Spare? in
      defer { spare = Spare(memory: memory, bytes: bytes) }
      return spare
    }
    free(old?.memory)
  }
}
