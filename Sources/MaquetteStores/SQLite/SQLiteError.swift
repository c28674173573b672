import CSQLite
import Glibc
import MaquetteSystem

/// SQLite's codes in Maquette's terms; the extended code stays in the message.
enum SQLiteError {
  /// The error a connection has just met.
  static func current(_ handle: OpaquePointer?, _ code: Int32, _ action: String, _ path: String)
    -> MaquetteError
  {
    let extended = handle.map { sqlite3_extended_errcode($0) } ?? code
    let reason = handle.flatMap { sqlite3_errmsg($0) } ?? sqlite3_errstr(code)
    var words = reason.map { String(cString: $0) } ?? "unknown"
    let number = handle.map { systemError($0, code) } ?? 0
    if number != 0, [SQLITE_IOERR, SQLITE_CANTOPEN, SQLITE_FULL].contains(code & 0xFF) {
      words += ": " + describe(errno: number)
    }
    // Every store has the tables and columns that are asked for.
    let isOdd = code & 0xFF == SQLITE_ERROR && words.hasPrefix("no such ")
    return MaquetteError(
      isOdd ? .badFormat : kind(code, number),
      "could not \(action) '\(path)': \(words) (SQLite code \(extended))", name: path)
  }

  /// The operating system's number for a failure of input or output; 0 where there is none.
  private static func systemError(_ handle: OpaquePointer, _ code: Int32) -> Int32 {
    let number = sqlite3_system_errno(handle)
    guard number == 0, code & 0xFF == SQLITE_IOERR else { return number }
    // A failing COMMIT does not pass it on, but the log's file remembers it.
    for name in [SQLITE_FCNTL_JOURNAL_POINTER, SQLITE_FCNTL_FILE_POINTER] {
      var file: UnsafeMutablePointer<sqlite3_file>?
      var number: Int32 = 0
      guard sqlite3_file_control(handle, "main", name, &file) == SQLITE_OK, let file,
        let control = file.pointee.pMethods?.pointee.xFileControl
      else { continue }
      if control(file, SQLITE_FCNTL_LAST_ERRNO, &number) == SQLITE_OK, number != 0 { return number }
    }
    return 0
  }

  private static func kind(_ code: Int32, _ number: Int32) -> MaquetteError.Code {
    switch code & 0xFF {
    case SQLITE_FULL: .full
    case SQLITE_IOERR where [ENOSPC, EFBIG, EDQUOT].contains(number): .full
    case SQLITE_IOERR, SQLITE_CANTOPEN, SQLITE_READONLY, SQLITE_PERM, SQLITE_AUTH: .inputOutput
    case SQLITE_BUSY, SQLITE_LOCKED, SQLITE_PROTOCOL: .locked
    case SQLITE_NOTADB: .notAStore
    case SQLITE_CORRUPT: .badFormat
    case SQLITE_NOMEM: .outOfMemory
    case SQLITE_TOOBIG: .invalidArgument
    default: .internal
    }
  }
}
