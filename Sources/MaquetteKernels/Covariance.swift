private import COpenBLAS
package import MaquetteSystem

/// The mean of rows and how their columns vary together, taken from any number of blocks of rows, in doubles.
///
/// Chan, Golub & LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979, for whole
/// matrices.
package struct Covariance: Sendable {
  package let columns: Int
  package private(set) var count: Int
  package private(set) var mean: [Double]
  /// The sum of (x − mean)(x − mean)ᵀ, [columns, columns]; the upper triangle counts.
  package private(set) var scatter: [Double]

  package init(columns: Int) {
    self.init(
      count: 0, mean: [Double](repeating: 0, count: columns),
      scatter: [Double](repeating: 0, count: columns * columns))
  }

  package init(count: Int, mean: [Double], scatter: [Double]) {
    columns = mean.count
    self.count = count
    self.mean = mean
    self.scatter = scatter
  }

  /// So many rows are multiplied with each other in single precision; the products are summed up in double.
  private static let rowsAtOnce = 1024

  /// Adds rows of as many columns.
  ///
  /// - Parameter check: called now and then; may end it by throwing.
  /// - Throws: ``MaquetteError/Code/outOfMemory``, or what `check` throws.
  package mutating func add(
    _ rows: Matrix, check: @Sendable () throws(MaquetteError) -> Void = {}
  ) throws(MaquetteError) {
    guard rows.rows > 0, rows.columns == columns else { return }
    OpenBLAS.prepare()
    let columns = columns
    let blocks = (rows.rows + Self.rowsAtOnce - 1) / Self.rowsAtOnce
    // Every block by itself, a few at a time on all threads, then added in their order: the same bits for any number.
    let atOnce = 4
    for first in stride(from: 0, to: blocks, by: atOnce) {
      try check()
      let count = min(atOnce, blocks - first)
      let parts = Parts(count)
      try Workers.forEachBlock(of: 1, rows: count) { (range) throws(MaquetteError) in
        for place in range {
          let start = (first + place) * Self.rowsAtOnce
          parts.set(place, try Self.block(rows, start..<min(start + Self.rowsAtOnce, rows.rows)))
        }
      }
      for place in 0..<count {
        guard let part = parts.parts[place] else { continue }
        merge(count: part.count, mean: part.mean, products: part.products, columns)
      }
    }
  }

  /// One block's mean and products of deviations.
  private struct Part {
    let count: Int
    let mean: [Double]
    let products: FloatBuffer
  }

  /// A place for each block; no two threads write the same.
  private final class Parts: @unchecked Sendable {
    private(set) var parts: [Part?]
    private let lock = Monitor(())
    init(_ count: Int) { parts = [Part?](repeating: nil, count: count) }
    func set(_ place: Int, _ part: Part) { lock.withLock { _ in parts[place] = part } }
  }

  private static func block(_ rows: Matrix, _ range: Range<Int>) throws(MaquetteError) -> Part {
    let columns = rows.columns
    var mean = [Double](repeating: 0, count: columns)
    let deviations = try FloatBuffer(zeros: range.count * columns)
    let products = try FloatBuffer(zeros: columns * columns)
    rows.withUnsafeBufferPointer { values in
      guard let base = values.baseAddress else { return }
      for row in range {
        let x = base + row * columns
        for column in 0..<columns { mean[column] += Double(x[column]) }
      }
      for column in 0..<columns { mean[column] /= Double(range.count) }
      for (place, row) in range.enumerated() {
        let x = base + row * columns
        let to = deviations.pointer + place * columns
        for column in 0..<columns { to[column] = Float(Double(x[column]) - mean[column]) }
      }
    }
    cblas_ssyrk(
      CblasRowMajor, CblasUpper, CblasTrans, blasint(columns), blasint(range.count), 1, deviations.pointer,
      blasint(columns), 0, products.pointer, blasint(columns))
    return Part(count: range.count, mean: mean, products: products)
  }

  private mutating func merge(
    count other: Int, mean otherMean: [Double], products: FloatBuffer, _ columns: Int
  ) {
    let total = Double(count + other)
    let weight = Double(count) * Double(other) / total
    let difference = zip(otherMean, mean).map { $0 - $1 }
    scatter.withUnsafeMutableBufferPointer { scatter in
      for row in 0..<columns {
        let factor = weight * difference[row]
        for column in row..<columns {
          scatter[row * columns + column] +=
            Double(products.pointer[row * columns + column]) + factor * difference[column]
        }
      }
    }
    for column in 0..<columns { mean[column] += difference[column] * Double(other) / total }
    count += other
  }
}

/// Symmetric matrices.
package enum Eigen {
  /// The eigenvalues in descending order, and the unit eigenvectors that go with them, one a row.
  ///
  /// LAPACK's `dsyevd`: Cuppen, "A divide and conquer method for the symmetric tridiagonal eigenproblem", 1980.
  ///
  /// - Parameter matrix: [size, size], of which the upper triangle is read.
  /// - Throws: ``MaquetteError/Code/outOfMemory``; ``MaquetteError/Code/diverged`` where it finds none.
  package static func decompose(
    _ matrix: [Double], size: Int
  ) throws(MaquetteError) -> (values: [Double], vectors: [Double]) {
    guard size > 0 else { return ([], []) }
    OpenBLAS.prepare()
    // Row-major upper is column-major lower.
    var vectors = matrix
    var values = [Double](repeating: 0, count: size)
    var order = Int32(size)
    var status: Int32 = 0
    var (workSize, integerSize) = (Int32(-1), Int32(-1))
    var (bestWork, bestInteger) = (0.0, Int32(0))
    dsyevd_(
      "V", "L", &order, &vectors, &order, &values, &bestWork, &workSize, &bestInteger, &integerSize, &status)
    guard status == 0, bestWork < Double(Int32.max) else {
      throw MaquetteError(.outOfMemory, "\(size) × \(size) numbers are too many to decompose")
    }
    workSize = Int32(bestWork)
    integerSize = bestInteger
    var work = [Double](repeating: 0, count: Int(workSize))
    var integers = [Int32](repeating: 0, count: Int(integerSize))
    dsyevd_("V", "L", &order, &vectors, &order, &values, &work, &workSize, &integers, &integerSize, &status)
    guard status == 0 else {
      throw MaquetteError(
        .diverged, "the eigenvalues of \(size) × \(size) numbers could not be found (\(status))")
    }
    // LAPACK has them ascending, a column of column-major each: a row of ours.
    var descending: [Double] = []
    descending.reserveCapacity(size * size)
    for index in (0..<size).reversed() { descending += vectors[index * size..<(index + 1) * size] }
    return (values.reversed(), descending)
  }
}
