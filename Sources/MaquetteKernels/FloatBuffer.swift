import Glibc
package import MaquetteSystem

/// A block of floats on a 64-byte boundary, freed with its last owner.
package final class FloatBuffer: @unchecked Sendable {  // written by its maker only, before it is shared
  package let pointer: UnsafeMutablePointer<Float>
  package let count: Int

  /// - Throws: ``MaquetteError/Code/outOfMemory`` when there is not that much.
  package init(zeros count: Int) throws(MaquetteError) {
    let (bytes, overflow) = max(count, 1).multipliedReportingOverflow(by: MemoryLayout<Float>.stride)
    var memory: UnsafeMutableRawPointer?
    guard !overflow, count >= 0, posix_memalign(&memory, 64, bytes) == 0, let memory else {
      throw MaquetteError(.outOfMemory, "not enough memory for \(count) numbers of 4 bytes")
    }
    memset(memory, 0, bytes)
    pointer = memory.bindMemory(to: Float.self, capacity: max(count, 1))
    self.count = count
  }

  deinit {
    free(pointer)
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
