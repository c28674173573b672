import Glibc
package import MaquetteSystem

/// A block of floats on a 64-byte boundary, zero at first, freed with its last owner.
package final class FloatBuffer: @unchecked Sendable {  // written only by its maker, before it is shared
  package let pointer: UnsafeMutablePointer<Float>
  package let count: Int
  private let memory: UnsafeMutableRawPointer
  /// The length of a mapping of its own; 0 for a piece of the heap.
  private let mappedBytes: Int

  /// Blocks from here on are mapped, on large pages where the system has them: touching 25 MB for the first time costs
  /// 13 faults then, not 6,250.
  private static let mappingLimit = 4 << 20

  /// - Throws: ``MaquetteError/Code/outOfMemory`` when there is not that much.
  package init(zeros count: Int) throws(MaquetteError) {
    let (bytes, overflow) = max(count, 1).multipliedReportingOverflow(by: MemoryLayout<Float>.stride)
    guard !overflow, count >= 0, bytes <= Int.max - 64, let (memory, mappedBytes) = Self.allocate(bytes)
    else {
      throw MaquetteError(.outOfMemory, "not enough memory for \(count) numbers of 4 bytes")
    }
    self.memory = memory
    self.mappedBytes = mappedBytes
    pointer = memory.alignedUp(toMultipleOf: 64).bindMemory(to: Float.self, capacity: max(count, 1))
    self.count = count
  }

  /// Zeroed memory, with room to align what begins in it.
  private static func allocate(_ bytes: Int) -> (UnsafeMutableRawPointer, Int)? {
    guard bytes >= mappingLimit else { return calloc(1, bytes + 63).map { ($0, 0) } }
    guard let memory = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
      memory != MAP_FAILED
    else { return nil }
    madvise(memory, bytes, MADV_HUGEPAGE)
    return (memory, bytes)
  }

  deinit {
    if mappedBytes > 0 { munmap(memory, mappedBytes) } else { free(memory) }
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
