package import MaquetteSystem

/// A block of numbers of another type than float, otherwise as ``FloatBuffer``.
package final class Buffer<Element: BitwiseCopyable>: @unchecked Sendable {  // as FloatBuffer
  package let pointer: UnsafeMutablePointer<Element>
  package let count: Int
  private let storage: FloatBuffer

  /// - Throws: ``MaquetteError/Code/outOfMemory``.
  package init(zeros count: Int) throws(MaquetteError) {
    let (bytes, overflow) = max(count, 0).multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
    guard !overflow, count >= 0 else {
      throw MaquetteError(.outOfMemory, "not enough memory for \(count) numbers")
    }
    storage = try FloatBuffer(zeros: bytes / 4 + 1)
    pointer = UnsafeMutableRawPointer(storage.pointer).bindMemory(to: Element.self, capacity: max(count, 1))
    self.count = count
  }
}
