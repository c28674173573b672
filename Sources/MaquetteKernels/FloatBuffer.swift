import Glibc
public import MaquetteSystem

/// A block of floats on a 64-byte boundary, freed with its last owner.
package final class FloatBuffer: @unchecked Sendable {  // written only by whoever made it, before it is shared
  package let pointer: UnsafeMutablePointer<Float>
  package let count: Int

  /// - Throws: ``MaquetteError/Code/outOfMemory`` when there is not that much.
  package init(zeros count: Int) throws(MaquetteError) {
    let (bytes, overflow) = max(count, 1).multipliedReportingOverflow(by: MemoryLayout<Float>.stride)
    var memory: UnsafeMutableRawPointer?
    // Large blocks on large pages: touching 25 MB for the first time costs 13 faults, not 6,250.
    let isLarge = bytes >= 4 << 20
    guard !overflow, count >= 0, posix_memalign(&memory, isLarge ? 2 << 20 : 64, bytes) == 0, let memory else {
      throw MaquetteError(.outOfMemory, "not enough memory for \(count) numbers of 4 bytes")
    }
    if isLarge { madvise(memory, bytes, MADV_HUGEPAGE) }
    memset(memory, 0, bytes)
    pointer = memory.bindMemory(to: Float.self, capacity: max(count, 1))
    self.count = count
  }

  deinit {
    free(pointer)
  }
}
