import CSQLite
import MaquetteFormats
import MaquetteSystem

/// Gathers rows into a matrix from inside of SQLite: an aggregate function sees each row without the detour of a
/// result row, which is a third of the time.
final class TableCollector {
  private var target = UnsafeMutableRawBufferPointer(start: nil, count: 0)
  private var codes = UnsafeMutableBufferPointer<Int32>(start: nil, count: 0)
  private var rowBytes = 0
  private var labels = LabelInterner()
  private(set) var row = 0
  /// The place of the first row that can't be used.
  private(set) var failedPlace: Int64?

  /// Makes the function `maquette_collect(x, y, fields, place)` known to a connection that outlives this.
  func register(_ handle: OpaquePointer) -> Int32 {
    sqlite3_create_function_v2(
      handle, "maquette_collect", 4, SQLITE_UTF8 | SQLITE_DIRECTONLY,
      Unmanaged.passUnretained(self).toOpaque(), nil,
      { context, _, values in
        guard let values, let collector = sqlite3_user_data(context) else { return }
        Unmanaged<TableCollector>.fromOpaque(collector)._withUnsafeGuaranteedRef { collector in
          if !collector.add(values) { sqlite3_result_error(context, "no row of numbers", -1) }
        }
      }, { context in sqlite3_result_null(context) }, nil)
  }

  /// Where the next rows go: `rowBytes` each into `target`, and a code.
  func start(
    _ target: UnsafeMutableRawBufferPointer, _ rowBytes: Int, _ codes: UnsafeMutableBufferPointer<Int32>
  ) {
    self.target = target
    self.rowBytes = rowBytes
    self.codes = codes
    labels = LabelInterner()
    row = 0
    failedPlace = nil
  }

  /// The labels of the rows; the memory that was lent is not touched any more.
  func finish(_ codes: [Int32]) -> LabelColumn {
    defer { start(UnsafeMutableRawBufferPointer(start: nil, count: 0), 0, .init(start: nil, count: 0)) }
    return labels.column(codes)
  }

  private func add(_ values: UnsafeMutablePointer<OpaquePointer?>) -> Bool {
    let source = sqlite3_value_blob(values[0])
    guard failedPlace == nil, row < codes.count, let source, let target = target.baseAddress,
      sqlite3_value_type(values[0]) == SQLITE_BLOB, Int(sqlite3_value_bytes(values[0])) == rowBytes,
      let code = try? label(values)
    else {
      failedPlace = failedPlace ?? sqlite3_value_int64(values[3])
      return false
    }
    (target + row &* rowBytes).copyMemory(from: source, byteCount: rowBytes)
    codes[row] = code
    row += 1
    return true
  }

  private func label(_ values: UnsafeMutablePointer<OpaquePointer?>) throws(MaquetteError) -> Int32 {
    switch sqlite3_value_type(values[1]) {
    case SQLITE_TEXT: return try labels.code(bytes(values[1]))
    case SQLITE_NULL:
      if sqlite3_value_type(values[2]) == SQLITE_NULL { return -1 }
      let y = try JSON(parsing: Array(bytes(values[2])))["y"]
      guard let y, !y.isNull else { return -1 }
      return try labels.code(y.description)
    default: return try labels.code(JSON.number(sqlite3_value_double(values[1])).description)
    }
  }

  private func bytes(_ value: OpaquePointer?) -> UnsafeRawBufferPointer {
    let start = sqlite3_value_blob(value)
    return UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : Int(sqlite3_value_bytes(value)))
  }
}
