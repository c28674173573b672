package import MaquetteSystem

extension Matrix {
  /// Looks at every number; those of a large matrix are shared among the ``Workers``.
  ///
  /// - Throws: what `failure` makes of the place and the value of the first NaN or infinity, row by row.
  package func requireFinite(
    or failure: (_ row: Int, _ column: Int, _ value: Float) -> MaquetteError
  ) throws(MaquetteError) {
    try withUnsafeBufferPointer { (values) throws(MaquetteError) in
      guard let base = values.baseAddress,
        let place = Floats.firstNotFinite(base, count: values.count)
      else { return }
      throw failure(place / columns, place % columns, values[place])
    }
  }
}
