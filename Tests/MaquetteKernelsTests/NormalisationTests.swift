import MaquetteKernels
import Testing

private func normalised(_ row: [Float], _ variant: KernelVariant) -> [Float] {
  var y = unwritten(row.count)
  Normalisation.unitLength(
    row, xStride: row.count, rows: 1, columns: row.count, into: &y, yStride: row.count, using: variant)
  return y
}

@Suite struct NormalisationTests {
  @Test("Rows get the length one", arguments: variants)
  func unitLength(variant: KernelVariant) {
    for columns in sizes {
      for scale: Float in [1, 1e-38, 1e-25, 1e-10, 1e10, 1e25, 3e38] {
        let x = noise(3 * columns).map { $0 * scale }
        var y = unwritten(3 * (columns + 2))
        Normalisation.unitLength(
          x, xStride: columns, rows: 3, columns: columns, into: &y, yStride: columns + 2, using: variant)
        for row in 0..<3 {
          let values = x[row * columns..<(row + 1) * columns].map(Double.init)
          let length = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
          let result = Array(y[row * (columns + 2)..<row * (columns + 2) + columns])
          #expect(largestDifference(result, values.map { $0 / length }) < 1e-6, "\(columns) \(scale)")
          #expect(y[row * (columns + 2) + columns].isNaN)
        }
      }
    }
  }

  @Test("A row of zeros stays one", arguments: variants)
  func zeros(variant: KernelVariant) {
    for columns in sizes {
      let zeros = [Float](repeating: 0, count: columns)
      #expect(normalised(zeros, variant) == zeros)
    }
  }

  @Test("The smallest and the largest numbers there are", arguments: variants)
  func extremes(variant: KernelVariant) {
    #expect(normalised([.leastNonzeroMagnitude, 0], variant) == [1, 0])
    #expect(normalised([0, -.greatestFiniteMagnitude], variant) == [0, -1])
    let many = normalised([Float](repeating: .greatestFiniteMagnitude, count: 400), variant)
    #expect(many.allSatisfy { ($0 - 0.05).magnitude < 1e-7 })
    let mixed = normalised([.greatestFiniteMagnitude, .leastNonzeroMagnitude], variant)
    #expect(mixed == [1, 0])
  }

  @Test("A row may be normalised in its place", arguments: variants)
  func inPlace(variant: KernelVariant) {
    var x = noise(3 * 19)
    let expected = (0..<3).flatMap { normalised(Array(x[$0 * 19..<($0 + 1) * 19]), variant) }
    x.withUnsafeMutableBufferPointer {
      guard let x = $0.baseAddress else { return }
      Normalisation.unitLength(
        x, xStride: 19, rows: 3, columns: 19, into: x, yStride: 19, using: variant)
    }
    #expect(bits(x) == bits(expected))
  }
}
