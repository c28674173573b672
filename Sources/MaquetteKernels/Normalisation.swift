internal import CMaquetteKernels

package enum Normalisation {
  /// Divides each row by its length; a row of zeros stays one. Neither huge nor tiny numbers overflow or vanish.
  ///
  /// `x` and `y` may be the same memory.
  package static func unitLength(
    _ x: UnsafePointer<Float>, xStride: Int, rows: Int, columns: Int, into y: UnsafeMutablePointer<Float>,
    yStride: Int, using variant: KernelVariant = .best
  ) {
    variant.table.pointee.normalise(x, xStride, rows, columns, y, yStride)
  }
}
