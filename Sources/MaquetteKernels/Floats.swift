internal import CMaquetteKernels

/// Plain runs of floats.
package enum Floats {
  /// Whether there is neither a NaN nor an infinity among them.
  package static func allFinite(
    _ x: UnsafePointer<Float>, count: Int, using variant: KernelVariant = .best
  ) -> Bool {
    variant.table.pointee.finite(x, count)
  }

  /// y = eˣ, within 2 units in the last place; `x` and `y` may be the same memory.
  package static func exponential(
    _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, count: Int,
    using variant: KernelVariant = .best
  ) {
    variant.table.pointee.exponential(x, y, count)
  }
}
