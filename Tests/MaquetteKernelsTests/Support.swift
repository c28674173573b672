import MaquetteKernels
import Testing

/// Where a loop of eight or sixteen begins, ends and is left over.
let sizes = [0, 1, 7, 8, 9, 16, 17, 257]

let variants = KernelVariant.available

extension KernelVariant: CustomTestStringConvertible {
  public var testDescription: String { name }
}

/// Numbers in -1 ..< 1, the same for the same seed.
func noise(_ count: Int, seed: UInt64 = 1) -> [Float] {
  var random = Random(seed: seed)
  return (0..<count).map { _ in 2 * random.uniformFloat() - 1 }
}

/// Rows of `columns` floats, spaced out to whole vectors by zeros.
func padded(_ values: [Float], rows: Int, columns: Int) -> [Float] {
  let stride = Dense.stride(of: columns)
  var result = [Float](repeating: 0, count: rows * stride)
  for row in 0..<rows {
    for column in 0..<columns { result[row * stride + column] = values[row * columns + column] }
  }
  return result
}

/// The columns that are not padding.
func unpadded(_ values: [Float], rows: Int, columns: Int) -> [Float] {
  let stride = Dense.stride(of: columns)
  return (0..<rows).flatMap { values[$0 * stride..<$0 * stride + columns] }
}

/// Whether all that lies between the columns and the stride is zero.
func paddingIsZero(_ values: [Float], rows: Int, columns: Int) -> Bool {
  let stride = Dense.stride(of: columns)
  return (0..<rows).allSatisfy { row in
    values[row * stride + columns..<(row + 1) * stride].allSatisfy { $0 == 0 }
  }
}

func bits(_ values: some Sequence<Float>) -> [UInt32] { values.map(\.bitPattern) }

/// The greatest difference between a result and what it should be.
func largestDifference(_ values: [Float], _ expected: [Double]) -> Double {
  guard values.count == expected.count else { return .infinity }
  var largest = 0.0
  for (value, expected) in zip(values, expected) {
    let difference = (Double(value) - expected).magnitude
    if !(difference <= largest) { largest = difference }
  }
  return largest
}

/// Numbers to put over results, to see that every one is written.
func unwritten(_ count: Int) -> [Float] { [Float](repeating: .nan, count: count) }
