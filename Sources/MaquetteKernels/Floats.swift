internal import CMaquetteKernels
internal import Synchronization

/// Plain runs of floats.
package enum Floats {
  /// Whether there is neither a NaN nor an infinity among them.
  package static func allFinite(
    _ x: UnsafePointer<Float>, count: Int, using variant: KernelVariant = .best
  ) -> Bool {
    variant.table.pointee.finite(x, count)
  }

  /// The place of the first NaN or infinity among them; many are looked at on several threads.
  package static func firstNotFinite(_ x: UnsafePointer<Float>, count: Int) -> Int? {
    let block = FloatBuffer.numbersOfLargePage
    guard count >= 2 * block else {
      return allFinite(x, count: count) ? nil : (0..<count).first { !x[$0].isFinite }
    }
    let x = Lent(pointer: x)
    let first = Atomic<Int>(.max)
    // Looking does not fail.
    try? Workers.forEachBlock(of: block, rows: count) { rows in
      guard !allFinite(x.pointer + rows.lowerBound, count: rows.count),
        let place = rows.first(where: { !x.pointer[$0].isFinite })
      else { return }
      first.min(place, ordering: .relaxed)
    }
    let place = first.load(ordering: .relaxed)
    return place == .max ? nil : place
  }

  /// Copies numbers to another place; many on several threads, since of memory that nobody has touched yet the system
  /// has to make the pages, which takes longer than the copying.
  package static func copy(
    _ source: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>, count: Int
  ) {
    let block = FloatBuffer.numbersOfLargePage
    guard count >= 4 * block else { return target.update(from: source, count: count) }
    let (source, target) = (Lent(pointer: source), Lent(pointer: target))
    // A copy does not fail.
    try? Workers.forEachBlock(of: block, rows: count) { rows in
      (target.pointer + rows.lowerBound).update(from: source.pointer + rows.lowerBound, count: rows.count)
    }
  }

  /// Memory that other threads use while its owner waits for them.
  private struct Lent<Pointer>: @unchecked Sendable {
    let pointer: Pointer
  }

  /// y = eˣ, within 2 units in the last place; `x` and `y` may be the same memory.
  package static func exponential(
    _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, count: Int,
    using variant: KernelVariant = .best
  ) {
    variant.table.pointee.exponential(x, y, count)
  }
}
