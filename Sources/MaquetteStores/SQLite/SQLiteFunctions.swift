import CSQLite
import MaquetteSystem

/// Functions of ours that SQL can use.
enum SQLiteFunctions {
  /// Makes `maquette_moment(text)` known: the milliseconds since 1970 of a text that is a date; NULL for anything else.
  static func register(_ handle: OpaquePointer) -> Int32 {
    sqlite3_create_function_v2(
      handle, "maquette_moment", 1, SQLITE_UTF8 | SQLITE_DIRECTONLY | SQLITE_DETERMINISTIC, nil,
      { context, _, values in
        guard let value = values?.pointee, sqlite3_value_type(value) == SQLITE_TEXT,
          let start = sqlite3_value_text(value),
          let moment = Timestamp(
            utf8: UnsafeBufferPointer(start: start, count: Int(sqlite3_value_bytes(value))))
        else {
          sqlite3_result_null(context)
          return
        }
        sqlite3_result_int64(context, moment.milliseconds)
      }, nil, nil, nil)
  }
}
