import Synchronization

/// A few pieces of memory that threads borrow for the length of a call, without a lock and without allocating; a
/// thread that finds all of them in use gets one of its own for that call.
package final class ScratchPool: Sendable {
  private static let places = 16
  private let bytes: Int
  private let memory: UncheckedPointer
  /// A bit for each place that is in use.
  private let used = Atomic<UInt32>(0)

  private struct UncheckedPointer: @unchecked Sendable {  // a place belongs to whoever set its bit
    let pointer: UnsafeMutableRawPointer
  }

  /// - Parameter bytes: the size of a piece.
  package init(bytes: Int) {
    self.bytes = (bytes + 63) & ~63
    memory = UncheckedPointer(
      pointer: .allocate(byteCount: Swift.max(64, self.bytes * Self.places), alignment: 64))
  }

  deinit {
    memory.pointer.deallocate()
  }

  package func withScratch<Result, Failure: Error>(
    _ body: (UnsafeMutableRawPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    var mask = used.load(ordering: .relaxed)
    while true {
      let place = (~mask).trailingZeroBitCount
      guard place < Self.places else { break }
      let (exchanged, original) = used.weakCompareExchange(
        expected: mask, desired: mask | 1 << UInt32(place), ordering: .acquiringAndReleasing)
      if exchanged {
        defer { used.bitwiseAnd(~(1 << UInt32(place)), ordering: .releasing) }
        return try body(memory.pointer + place * bytes)
      }
      mask = original
    }
    let own = UnsafeMutableRawPointer.allocate(byteCount: Swift.max(64, bytes), alignment: 64)
    defer { own.deallocate() }
    return try body(own)
  }
}
