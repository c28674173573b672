internal import CMaquetteKernels
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
    // All in deviations from one place among the rows, brought to their mean at the end.
    let middle = try Self.middle(of: rows)
    var sum = Sum(columns: columns)
    let blocks = (rows.rows + Self.rowsAtOnce - 1) / Self.rowsAtOnce
    // Every block by itself, a few at a time on all threads, then added in their order: the same bits for any number.
    let parts = try (0..<min(4, blocks)).map { (_) throws(MaquetteError) in try Part(columns: columns) }
    let scratch = ScratchPool(bytes: min(Self.rowsAtOnce, rows.rows) * columns * 4)
    for first in stride(from: 0, to: blocks, by: parts.count) {
      try check()
      let count = min(parts.count, blocks - first)
      try Workers.forEachBlock(of: 1, rows: count) { (range) throws(MaquetteError) in
        for place in range {
          let start = (first + place) * Self.rowsAtOnce
          scratch.withScratch {
            parts[place].take(rows, start..<min(start + Self.rowsAtOnce, rows.rows), middle, $0)
          }
        }
      }
      for part in parts[..<count] { sum.add(part) }
    }
    sum.center(count: rows.rows)
    let mean = (0..<columns).map { Double(middle.pointer[$0]) + sum.sums[$0] / Double(rows.rows) }
    merge(count: rows.rows, mean: mean, sum.products)
  }

  /// The mean of the first rows.
  private static func middle(of rows: Matrix) throws(MaquetteError) -> FloatBuffer {
    let (count, columns) = (min(rows.rows, rowsAtOnce), rows.columns)
    let middle = try FloatBuffer(zeros: columns)
    var means = [Double](repeating: 0, count: columns)
    rows.withUnsafeBufferPointer { values in
      for row in 0..<count {
        for column in 0..<columns { means[column] += Double(values[row * columns + column]) }
      }
    }
    for column in 0..<columns { middle.pointer[column] = Float(means[column] / Double(count)) }
    return middle
  }

  /// One block's sums and products of deviations.
  private final class Part: @unchecked Sendable {  // no two threads write the same
    let columns: Int
    let sums: Buffer<Double>
    let products: FloatBuffer

    init(columns: Int) throws(MaquetteError) {
      self.columns = columns
      sums = try Buffer(zeros: columns)
      products = try FloatBuffer(zeros: columns * columns)
    }

    func take(
      _ rows: Matrix, _ range: Range<Int>, _ middle: FloatBuffer, _ scratch: UnsafeMutableRawPointer
    ) {
      let deviations = scratch.assumingMemoryBound(to: Float.self)
      sums.pointer.update(repeating: 0, count: columns)
      rows.withUnsafeBufferPointer { values in
        guard let base = values.baseAddress else { return }
        KernelVariant.best.table.pointee.deviations(
          base + range.lowerBound * columns, range.count, columns, middle.pointer, deviations, sums.pointer)
      }
      cblas_ssyrk(
        CblasRowMajor, CblasUpper, CblasTrans, blasint(columns), blasint(range.count), 1, deviations,
        blasint(columns), 0, products.pointer, blasint(columns))
    }
  }

  /// The sums and products of all blocks.
  private struct Sum {
    let columns: Int
    var sums: [Double]
    var products: [Double]

    init(columns: Int) {
      self.columns = columns
      sums = [Double](repeating: 0, count: columns)
      products = [Double](repeating: 0, count: columns * columns)
    }

    mutating func add(_ part: Part) {
      for column in 0..<columns { sums[column] += part.sums.pointer[column] }
      products.withUnsafeMutableBufferPointer { products in
        for row in 0..<columns {
          for place in row * columns + row..<(row + 1) * columns {
            products[place] += Double(part.products.pointer[place])
          }
        }
      }
    }

    /// From deviations from whatever place to those from the mean.
    mutating func center(count: Int) {
      products.withUnsafeMutableBufferPointer { products in
        for row in 0..<columns {
          let factor = sums[row] / Double(count)
          for column in row..<columns { products[row * columns + column] -= factor * sums[column] }
        }
      }
    }
  }

  private mutating func merge(count other: Int, mean otherMean: [Double], _ products: [Double]) {
    let (total, columns) = (Double(count + other), columns)
    let weight = Double(count) * Double(other) / total
    let difference = zip(otherMean, mean).map { $0 - $1 }
    scatter.withUnsafeMutableBufferPointer { scatter in
      for row in 0..<columns {
        let factor = weight * difference[row]
        for column in row..<columns {
          scatter[row * columns + column] += products[row * columns + column] + factor * difference[column]
        }
      }
    }
    for column in 0..<columns { mean[column] += difference[column] * Double(other) / total }
    count += other
  }
}

/// Symmetric matrices.
package enum Eigen {
  /// The `count` greatest eigenvalues in descending order, and the unit eigenvectors that go with them, one a row.
  ///
  /// LAPACK's `dsyevr`: Dhillon & Parlett, "Multiple representations to compute orthogonal eigenvectors of symmetric
  /// tridiagonal matrices", 2004. A few eigenvectors take half the time of all.
  ///
  /// - Parameters:
  ///   - matrix: [size, size], of which the upper triangle is read.
  ///   - count: at most `size`.
  /// - Throws: ``MaquetteError/Code/outOfMemory``; ``MaquetteError/Code/diverged`` where it finds none.
  package static func leading(
    _ count: Int, of matrix: [Double], size: Int
  ) throws(MaquetteError) -> (values: [Double], vectors: [Double]) {
    guard size > 0, count > 0 else { return ([], []) }
    OpenBLAS.prepare()
    // Row-major upper is column-major lower.
    var matrix = matrix
    var values = [Double](repeating: 0, count: size)
    var vectors = [Double](repeating: 0, count: size * count)
    var support = [Int32](repeating: 0, count: 2 * count)
    var (order, lowest, highest, found) = (Int32(size), Int32(size - count + 1), Int32(size), Int32(0))
    var (unused, tolerance, status) = (0.0, 0.0, Int32(0))
    var (workSize, integerSize) = (Int32(-1), Int32(-1))
    var (bestWork, bestInteger) = (0.0, Int32(0))
    dsyevr_(
      "V", "I", "L", &order, &matrix, &order, &unused, &unused, &lowest, &highest, &tolerance, &found,
      &values,
      &vectors, &order, &support, &bestWork, &workSize, &bestInteger, &integerSize, &status)
    guard status == 0, bestWork < Double(Int32.max) else {
      throw MaquetteError(.outOfMemory, "\(size) × \(size) numbers are too many to decompose")
    }
    workSize = Int32(bestWork)
    integerSize = bestInteger
    var work = [Double](repeating: 0, count: Int(workSize))
    var integers = [Int32](repeating: 0, count: Int(integerSize))
    dsyevr_(
      "V", "I", "L", &order, &matrix, &order, &unused, &unused, &lowest, &highest, &tolerance, &found,
      &values,
      &vectors, &order, &support, &work, &workSize, &integers, &integerSize, &status)
    guard status == 0, Int(found) == count else {
      throw MaquetteError(
        .diverged, "the eigenvalues of \(size) × \(size) numbers could not be found (\(status))")
    }
    // LAPACK has them ascending, a column of column-major each: a row of ours.
    var descending: [Double] = []
    descending.reserveCapacity(size * count)
    for index in (0..<count).reversed() { descending += vectors[index * size..<(index + 1) * size] }
    return (values[..<count].reversed(), descending)
  }
}
