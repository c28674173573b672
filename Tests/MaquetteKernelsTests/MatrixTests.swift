import MaquetteKernels
import MaquetteSystem
import Testing

@Suite struct MatrixTests {
  private static func odd(_ values: [Float], columns: Int) throws -> [Int]? {
    let matrix = try Matrix(rows: values.count / columns, columns: columns, values)
    do {
      try matrix.requireFinite { row, column, value in
        MaquetteError(.notFinite, "\(value)", name: "\(row) \(column)")
      }
      return nil
    } catch {
      return error.name.split(separator: " ").compactMap { Int($0) }
    }
  }

  @Test("The first number that is not finite is told, however many threads look for it")
  func finite() throws {
    let columns = 3
    let block = FloatBuffer.numbersOfLargePage
    var values = [Float](repeating: 1, count: (4 * block / columns + 1) * columns)
    #expect(try Self.odd(values, columns: columns) == nil)
    for place in [values.count - 1, 3 * block, 3 * block - 1, block + 5, block, block - 1, 0] {
      values[place] = place % 2 == 0 ? .nan : -.infinity
      #expect(try Self.odd(values, columns: columns) == [place / columns, place % columns])
    }
  }

  @Test("A matrix without rows has nothing that is not finite")
  func none() throws {
    #expect(try Self.odd([], columns: 1) == nil)
  }
}
