import Glibc
package import MaquetteSystem

/// A block of floats on a 64-byte boundary, freed with its last owner.
package final class FloatBuffer: @unchecked Sendable {  // written by its maker only, before it is shared
  package let pointer: UnsafeMutablePointer<Float>
  package let count: Int
  private let memory: UnsafeMutableRawPointer

  /// - Throws: ``MaquetteError/Code/outOfMemory`` when there is not that much.
  package init(zeros count: Int) throws(MaquetteError) {
    let (bytes, overflow) = max(count, 1).multipliedReportingOverflow(by: MemoryLayout<Float>.stride)
    // calloc, which gets large blocks zeroed by the system page by page when they are first written.
    guard !overflow, count >= 0, bytes <= Int.max - 64, let memory = calloc(1, bytes + 63) else {
      throw MaquetteError(.outOfMemory, "not enough memory for \(count) numbers of 4 bytes")
    }
    self.memory = memory
    pointer = memory.alignedUp(toMultipleOf: 64).bindMemory(to: Float.self, capacity: max(count, 1))
    self.count = count
  }

  deinit {
    free(memory)
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
