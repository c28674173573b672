private import COpenBLAS
package import MaquetteSystem

/// The greatest eigenvalues of a symmetric operator that is known by its products alone.
///
/// Lanczos' method, 1950, with full orthogonalisation, started anew from what it found: Saad, "Numerical methods for
/// large eigenvalue problems", 2011, chapter 6. Runs on the calling thread; only the products may use others.
package enum Lanczos {
  /// - Parameters:
  ///   - size: of the operator.
  ///   - count: how many eigenvectors.
  ///   - known: an eigenvector of unit length that is not asked for, if any.
  ///   - multiply: writes the product of the operator and the first vector into the second.
  /// - Returns: [count, size], the greatest eigenvalue's first, of unit length; fewer rows where the operator has no
  ///   more. Within `tolerance`, as far as 8 rounds bring it: enough to start an optimisation from.
  package static func leading(
    _ count: Int, size: Int, known: FloatBuffer?, tolerance: Double = 1e-3, seed: UInt64,
    multiply: (UnsafePointer<Float>, UnsafeMutablePointer<Float>) throws(MaquetteError) -> Void
  ) throws(MaquetteError) -> Matrix {
    OpenBLAS.prepare()
    let available = size - (known == nil ? 0 : 1)
    let steps = min(available, max(4 * count, 48))
    guard available > 0, count > 0 else { return try Matrix(rows: 0, columns: 0) { _ in } }
    // Row 0 is the known vector, or zeros.
    let basis = try FloatBuffer(zeros: (steps + 1) * size)
    let product = try FloatBuffer(zeros: size)
    let coefficients = try FloatBuffer(zeros: steps + 1)
    let found = try FloatBuffer(zeros: count * size)
    if let known { basis.pointer.update(from: known.pointer, count: size) }
    var random = Random(seed: seed)
    for index in 0..<size { product.pointer[index] = Float(random.normal()) }
    var held = 0
    for round in 0..<8 {
      var diagonal: [Double] = []
      var beside: [Double] = []
      var taken = 0
      var last = 0.0
      while taken < steps {
        orthogonalise(product, against: basis, rows: taken + 1, size: size, coefficients)
        let length = Double(cblas_snrm2(blasint(size), product.pointer, 1))
        // Nothing is left in this direction: what was found is a whole subspace.
        guard length > 1e-5 * max(last, 1e-30), length.isFinite, length > 0 else { break }
        if taken > 0 { beside.append(length) }
        let vector = basis.pointer + (taken + 1) * size
        for index in 0..<size { vector[index] = product.pointer[index] / Float(length) }
        try multiply(vector, product.pointer)
        diagonal.append(Double(cblas_sdot(blasint(size), vector, 1, product.pointer, 1)))
        last = Double(cblas_snrm2(blasint(size), product.pointer, 1))
        taken += 1
      }
      guard taken > 0 else { break }
      orthogonalise(product, against: basis, rows: taken + 1, size: size, coefficients)
      let rest = Double(cblas_snrm2(blasint(size), product.pointer, 1))
      let (values, vectors) = TridiagonalMatrix(diagonal: diagonal, beside: beside).eigenvectors()
      let order = (0..<taken).sorted { values[$0] > values[$1] }
      held = min(count, taken)
      var worst = 0.0
      for (place, column) in order.prefix(held).enumerated() {
        for row in 0..<taken { coefficients.pointer[row] = Float(vectors[row * taken + column]) }
        cblas_sgemv(
          CblasRowMajor, CblasTrans, blasint(taken), blasint(size), 1, basis.pointer + size, blasint(size),
          coefficients.pointer, 1, 0, found.pointer + place * size, 1)
        worst = max(worst, (rest * vectors[(taken - 1) * taken + column]).magnitude)
      }
      if worst <= tolerance * max(values.map(\.magnitude).max() ?? 0, 1e-30) || round == 7 { break }
      // From the sum of what was found on.
      for index in 0..<size {
        var sum: Float = 0
        for place in 0..<held { sum += found.pointer[place * size + index] }
        product.pointer[index] = sum
      }
    }
    return try Matrix(rows: held, columns: size) { buffer in
      buffer.baseAddress?.update(from: found.pointer, count: held * size)
    }
  }

  /// Takes out what lies in the directions of the first rows; twice, since once leaves rounding.
  private static func orthogonalise(
    _ vector: FloatBuffer, against basis: FloatBuffer, rows: Int, size: Int, _ coefficients: FloatBuffer
  ) {
    for _ in 0..<2 {
      cblas_sgemv(
        CblasRowMajor, CblasNoTrans, blasint(rows), blasint(size), 1, basis.pointer, blasint(size),
        vector.pointer, 1, 0, coefficients.pointer, 1)
      cblas_sgemv(
        CblasRowMajor, CblasTrans, blasint(rows), blasint(size), -1, basis.pointer, blasint(size),
        coefficients.pointer, 1, 1, vector.pointer, 1)
    }
  }
}

/// A symmetric matrix with nothing beside its three middle diagonals.
struct TridiagonalMatrix {
  var diagonal: [Double]
  /// One fewer.
  var beside: [Double]

  /// All eigenvalues, and [size, size] the eigenvectors as columns.
  ///
  /// Source: the implicit QL method, Bowdler, Martin, Reinsch & Wilkinson, 1968.
  func eigenvectors() -> (values: [Double], vectors: [Double]) {
    let size = diagonal.count
    var values = diagonal
    var off = beside + [0]
    var vectors = [Double](repeating: 0, count: size * size)
    for index in 0..<size { vectors[index * size + index] = 1 }
    for low in 0..<size {
      // Each eigenvalue takes two or three rounds.
      for _ in 0..<60 {
        var high = low
        while high < size - 1 {
          let scale = values[high].magnitude + values[high + 1].magnitude
          if off[high].magnitude <= 1e-16 * scale { break }
          high += 1
        }
        if high == low { break }
        var g = (values[low + 1] - values[low]) / (2 * off[low])
        var r = (g * g + 1).squareRoot()
        g = values[high] - values[low] + off[low] / (g + (g < 0 ? -r : r))
        var (sine, cosine, p) = (1.0, 1.0, 0.0)
        var index = high - 1
        var vanished = false
        while index >= low {
          let f = sine * off[index]
          let b = cosine * off[index]
          r = (f * f + g * g).squareRoot()
          off[index + 1] = r
          if r == 0 {
            values[index + 1] -= p
            off[high] = 0
            vanished = true
            break
          }
          sine = f / r
          cosine = g / r
          g = values[index + 1] - p
          r = (values[index] - g) * sine + 2 * cosine * b
          p = sine * r
          values[index + 1] = g + p
          g = cosine * r - b
          for row in 0..<size {
            let upper = vectors[row * size + index + 1]
            let lower = vectors[row * size + index]
            vectors[row * size + index + 1] = sine * lower + cosine * upper
            vectors[row * size + index] = cosine * lower - sine * upper
          }
          index -= 1
        }
        if vanished { continue }
        values[low] -= p
        off[low] = g
        off[high] = 0
      }
    }
    return (values, vectors)
  }
}
