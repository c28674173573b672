import MaquetteKernels
import MaquetteSystem
import Testing

@Suite struct CovarianceTests {
  /// Means, and the products of the deviations from them, in doubles.
  private func plain(_ x: [Float], columns: Int) -> (mean: [Double], scatter: [Double]) {
    let rows = x.count / columns
    let mean = (0..<columns).map { column in
      (0..<rows).reduce(0.0) { $0 + Double(x[$1 * columns + column]) } / Double(rows)
    }
    let scatter = (0..<columns * columns).map { place in
      (0..<rows).reduce(0.0) { sum, row in
        let (left, right) = (place / columns, place % columns)
        return sum + (Double(x[row * columns + left]) - mean[left])
          * (Double(x[row * columns + right]) - mean[right])
      }
    }
    return (mean, scatter)
  }

  @Test("Means and products are those of plain loops, at once and in parts, near zero and far from it")
  func products() throws {
    for (rows, columns) in [(1, 3), (2, 1), (7, 17), (33, 16), (1025, 5), (2500, 9)] {
      for offset in [Float(0), 1000] {
        let x = noise(rows * columns, seed: 31).map { $0 + offset }
        let expected = plain(x, columns: columns)
        for cut in [0, 1, rows / 2] {
          var covariance = Covariance(columns: columns)
          for part in [x[..<(cut * columns)], x[(cut * columns)...]] {
            try covariance.add(try Matrix(rows: part.count / columns, columns: columns, Array(part)))
          }
          #expect(covariance.count == rows)
          for column in 0..<columns {
            #expect((covariance.mean[column] - expected.mean[column]).magnitude < 1e-5)
            for other in column..<columns {
              let place = column * columns + other
              #expect(
                (covariance.scatter[place] - expected.scatter[place]).magnitude < 1e-3 + 1e-6 * Double(rows))
            }
          }
        }
      }
    }
  }

  @Test("The leading eigenvectors are eigenvectors, in descending order, at right angles")
  func eigenvectors() throws {
    let size = 23
    var covariance = Covariance(columns: size)
    try covariance.add(try Matrix(rows: 90, columns: size, noise(90 * size, seed: 32)))
    func element(_ row: Int, _ column: Int) -> Double {
      covariance.scatter[min(row, column) * size + max(row, column)]
    }
    for count in [0, 1, 5, size] {
      let (values, vectors) = try Eigen.leading(count, of: covariance.scatter, size: size)
      #expect(values.count == count && vectors.count == count * size)
      #expect(values == values.sorted(by: >))
      for place in 0..<count {
        let vector = vectors[place * size..<(place + 1) * size].map { $0 }
        for row in 0..<size {
          let product = (0..<size).reduce(0.0) { $0 + element(row, $1) * vector[$1] }
          #expect((product - values[place] * vector[row]).magnitude < 1e-9 * (1 + values[0]))
        }
        for other in 0...place {
          let product = (0..<size).reduce(0.0) { $0 + vector[$1] * vectors[other * size + $1] }
          #expect((product - (other == place ? 1 : 0)).magnitude < 1e-9)
        }
      }
      if count == size {
        let trace = (0..<size).reduce(0.0) { $0 + element($1, $1) }
        #expect((values.reduce(0, +) - trace).magnitude < 1e-9 * trace)
      }
    }
  }
}
