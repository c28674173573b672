package import MaquetteSystem

extension Matrix {
  /// Looks at every number; those of a large matrix are shared among the ``Workers``.
  ///
  /// - Throws: what `failure` makes of the place and the value of the first NaN or infinity, row by row.
  package func requireFinite(
    or failure: @escaping @Sendable (_ row: Int, _ column: Int, _ value: Float) -> MaquetteError
  ) throws(MaquetteError) {
    let columns = columns
    try Workers.forEachBlock(of: FloatBuffer.numbersOfLargePage, rows: rows * columns) {
      (block) throws(MaquetteError) in
      try withUnsafeBufferPointer { (values) throws(MaquetteError) in
        guard let base = values.baseAddress,
          !Floats.allFinite(base + block.lowerBound, count: block.count),
          let place = block.first(where: { !values[$0].isFinite })
        else { return }
        throw failure(place / columns, place % columns, values[place])
      }
    }
  }
}
