public import MaquetteSystem

/// An immutable table of 32-bit floats, row after row without gaps. Copies share their memory.
public struct Matrix: Sendable {
  public let rows: Int
  public let columns: Int
  private let storage: FloatBuffer

  /// A matrix that `fill` writes, in row-major order, over zeros.
  ///
  /// - Throws: ``MaquetteError/Code/badShape`` for a negative or unthinkable shape,
  ///   ``MaquetteError/Code/outOfMemory``, or what `fill` throws.
  public init(
    rows: Int, columns: Int,
    fill: (UnsafeMutableBufferPointer<Float>) throws(MaquetteError) -> Void
  ) throws(MaquetteError) {
    let (count, overflow) = rows.multipliedReportingOverflow(by: columns)
    // BLAS counts with 32 bits.
    guard rows >= 0, columns >= 0, !overflow, rows <= Int32.max, columns <= Int32.max else {
      throw MaquetteError(
        .badShape, "a matrix of \(rows) rows and \(columns) columns can't be: both must be 0 to 2147483647")
    }
    self.rows = rows
    self.columns = columns
    storage = try FloatBuffer(zeros: count)
    try fill(UnsafeMutableBufferPointer(start: storage.pointer, count: count))
  }

  /// A matrix of the given numbers, in row-major order.
  ///
  /// - Throws: ``MaquetteError/Code/badShape`` unless there are `rows × columns` values.
  public init(rows: Int, columns: Int, _ values: [Float]) throws(MaquetteError) {
    guard rows.multipliedReportingOverflow(by: columns) == (values.count, false) else {
      throw MaquetteError(
        .badShape, "\(values.count) values do not fill a matrix of \(rows) rows and \(columns) columns")
    }
    try self.init(rows: rows, columns: columns) { (buffer) throws(MaquetteError) in
      _ = buffer.update(from: values)
    }
  }

  /// A matrix of rows of the same width; no rows give a matrix of 0 × 0.
  ///
  /// - Throws: ``MaquetteError/Code/badShape`` when the widths differ.
  public init(_ rows: [[Float]]) throws(MaquetteError) {
    let columns = rows.first?.count ?? 0
    if let odd = rows.firstIndex(where: { $0.count != columns }) {
      throw MaquetteError(
        .badShape, "row \(odd) has \(rows[odd].count) values, row 0 has \(columns): they must be of one width"
      )
    }
    try self.init(rows: rows.count, columns: columns, rows.flatMap { $0 })
  }

  /// The first rows of what is in `storage`, which nobody writes any more; not copied.
  ///
  /// - Throws: ``MaquetteError/Code/badShape`` where `storage` does not hold that many numbers.
  package init(rows: Int, columns: Int, sharing storage: FloatBuffer) throws(MaquetteError) {
    let (count, overflow) = rows.multipliedReportingOverflow(by: columns)
    guard rows >= 0, columns >= 0, !overflow, count <= storage.count, rows <= Int32.max, columns <= Int32.max
    else {
      throw MaquetteError(
        .badShape, "\(storage.count) numbers are no matrix of \(rows) rows and \(columns) columns")
    }
    self.rows = rows
    self.columns = columns
    self.storage = storage
  }

  /// The numbers, row after row.
  public func withUnsafeBufferPointer<Result, Failure: Error>(
    _ body: (UnsafeBufferPointer<Float>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(UnsafeBufferPointer(start: storage.pointer, count: rows * columns))
  }

  /// One number. The indices must lie in the matrix.
  public subscript(row: Int, column: Int) -> Float {
    precondition(row >= 0 && row < rows && column >= 0 && column < columns, "index outside of the matrix")
    return storage.pointer[row * columns + column]
  }

  /// One row. The index must lie in the matrix.
  public subscript(row row: Int) -> [Float] {
    precondition(row >= 0 && row < rows, "index outside of the matrix")
    return Array(UnsafeBufferPointer(start: storage.pointer + row * columns, count: columns))
  }
}

extension Matrix: Equatable {
  public static func == (left: Matrix, right: Matrix) -> Bool {
    left.rows == right.rows && left.columns == right.columns
      && left.withUnsafeBufferPointer { left in
        right.withUnsafeBufferPointer { right in left.elementsEqual(right) }
      }
  }
}
