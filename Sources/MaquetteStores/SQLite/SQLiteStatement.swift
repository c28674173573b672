import CSQLite
import MaquetteSystem

/// A prepared statement of a connection. Whoever steps it resets it.
final class SQLiteStatement {
  let handle: OpaquePointer
  /// Outlives its statements: it holds them.
  private unowned let connection: SQLiteConnection

  init(_ sql: String, _ connection: SQLiteConnection) throws(MaquetteError) {
    var handle: OpaquePointer?
    let code = sqlite3_prepare_v3(connection.handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &handle, nil)
    try connection.check(code, "use")
    guard let handle else { throw MaquetteError(.internal, "an empty statement for '\(connection.path)'") }
    self.handle = handle
    self.connection = connection
  }

  deinit {
    sqlite3_finalize(handle)
  }

  // MARK: Giving values

  func bind(_ values: [SQLiteValue]) throws(MaquetteError) {
    for (index, value) in values.enumerated() { try bind(Int32(truncatingIfNeeded: index + 1), value) }
  }

  /// Gives a value to the parameter of that number, from 1; it is copied.
  func bind(_ index: Int32, _ value: SQLiteValue) throws(MaquetteError) {
    // SQLITE_TRANSIENT: SQLite copies.
    let copies = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    let code: Int32
    switch value {
    case .null: code = sqlite3_bind_null(handle, index)
    case .integer(let value): code = sqlite3_bind_int64(handle, index, value)
    case .number(let value): code = sqlite3_bind_double(handle, index, value)
    case .text(var text):
      let handle = handle
      code = text.withUTF8 { utf8 in
        utf8.withMemoryRebound(to: CChar.self) { text in
          // An empty string may have no address, which would mean NULL.
          guard let start = text.baseAddress else { return sqlite3_bind_text(handle, index, "", 0, copies) }
          return sqlite3_bind_text64(handle, index, start, UInt64(text.count), copies, UInt8(SQLITE_UTF8))
        }
      }
    case .bytes(let bytes):
      code = bytes.withUnsafeBytes { bytes in
        bytes.count == 0
          ? sqlite3_bind_zeroblob(handle, index, 0)
          : sqlite3_bind_blob64(handle, index, bytes.baseAddress, UInt64(bytes.count), copies)
      }
    }
    try connection.check(code, "write to")
  }

  // MARK: Stepping

  /// Goes on to the next row; false after the last.
  func step() throws(MaquetteError) -> Bool {
    switch sqlite3_step(handle) {
    case SQLITE_ROW: return true
    case SQLITE_DONE: return false
    case let code:
      let action = sqlite3_column_count(handle) > 0 ? "read" : "write to"
      throw SQLiteError.current(connection.handle, code, action, connection.path)
    }
  }

  func reset() {
    sqlite3_reset(handle)
    sqlite3_clear_bindings(handle)
  }

  // MARK: Reading columns of the present row, from 0

  func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }
  func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }
  func number(_ column: Int32) -> Double { sqlite3_column_double(handle, column) }

  /// The bytes of a text or a blob, until the next step.
  func bytes(_ column: Int32) -> UnsafeRawBufferPointer {
    let start = sqlite3_column_blob(handle, column)
    return UnsafeRawBufferPointer(
      start: start, count: start == nil ? 0 : Int(sqlite3_column_bytes(handle, column)))
  }

  /// A text; nil for NULL.
  func text(_ column: Int32) throws(MaquetteError) -> String? {
    guard !isNull(column) else { return nil }
    guard let text = String(validating: bytes(column), as: UTF8.self) else {
      throw MaquetteError(
        .badFormat, "'\(connection.path)' holds a text that is not UTF-8", name: connection.path)
    }
    return text
  }
}
