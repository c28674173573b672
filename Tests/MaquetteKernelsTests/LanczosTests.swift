import MaquetteSystem
import Testing

@testable import MaquetteKernels

@Suite struct `Lanczos' method` {
  /// A symmetric matrix of known eigenvalues: a diagonal one, turned by two reflections.
  private func matrix(_ values: [Double]) -> [[Double]] {
    let size = values.count
    var matrix = (0..<size).map { row in (0..<size).map { $0 == row ? values[row] : 0 } }
    for seed: UInt64 in [1, 2] {
      let direction = noise(size, seed: seed).map(Double.init)
      let square = direction.map { $0 * $0 }.reduce(0, +)
      func reflected(_ x: [Double]) -> [Double] {
        let product = zip(x, direction).map(*).reduce(0, +)
        return zip(x, direction).map { $0 - 2 * product / square * $1 }
      }
      matrix = matrix.map(reflected)
      for column in 0..<size {
        let turned = reflected((0..<size).map { matrix[$0][column] })
        for row in 0..<size { matrix[row][column] = turned[row] }
      }
    }
    return matrix
  }

  private func leading(
    _ count: Int, of matrix: [[Double]], known: FloatBuffer? = nil
  ) throws -> Matrix {
    try Lanczos.leading(count, size: matrix.count, known: known, seed: 3) { x, y in
      for row in matrix.indices {
        y[row] = Float(matrix.indices.map { matrix[row][$0] * Double(x[$0]) }.reduce(0, +))
      }
    }
  }

  private func residual(_ vector: [Float], _ value: Double, _ matrix: [[Double]]) -> Double {
    matrix.enumerated().map { row, columns in
      let product = zip(columns, vector).map { $0 * Double($1) }.reduce(0, +)
      return abs(product - value * Double(vector[row]))
    }.max() ?? 0
  }

  @Test(arguments: [1, 2, 7, 30, 120]) func `finds the eigenvectors of the greatest values`(size: Int) throws
  {
    // Also those of great magnitude and negative sign, which are not wanted.
    let values = (0..<size).map { $0 % 3 == 2 ? -2 : 1 / Double($0 + 1) }
    let matrix = matrix(values)
    let wanted = values.sorted(by: >).prefix(3)
    let found = try leading(3, of: matrix)
    #expect(found.rows == min(3, size) && found.columns == size)
    // Of a value that is there twice, one vector is as good as another.
    for (row, value) in wanted.enumerated() where value > 0 && row < found.rows {
      #expect(residual(found[row: row], value, matrix) < 5e-3)
      #expect(abs(found[row: row].map { $0 * $0 }.reduce(0, +) - 1) < 1e-3)
    }
  }

  @Test func `leaves out the one that is known`() throws {
    let matrix = matrix([5, 3, 2, 1, 0.5, 0.1])
    let first = try leading(1, of: matrix)
    let known = try FloatBuffer(zeros: 6)
    for index in 0..<6 { known.pointer[index] = first[0, index] }
    let found = try leading(2, of: matrix, known: known)
    #expect(residual(found[row: 0], 3, matrix) < 5e-2)
    #expect(residual(found[row: 1], 2, matrix) < 5e-2)
  }

  @Test func `gives what there is of an operator that is nothing`() throws {
    let found = try Lanczos.leading(2, size: 5, known: nil, seed: 1) { _, y in
      y.update(repeating: 0, count: 5)
    }
    #expect(found.withUnsafeBufferPointer { $0.allSatisfy(\.isFinite) })
    #expect(try Lanczos.leading(2, size: 0, known: nil, seed: 1) { _, _ in }.rows == 0)
  }
}
