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
    let number = handle.map { sqlite3_system_errno($0) } ?? 0
    if number != 0, [SQLITE_IOERR, SQLITE_CANTOPEN, SQLITE_FULL].contains(code & 0xFF) {
      words += ": " + describe(errno: number)
    }
    return MaquetteError(
      kind(code, number), "could not \(action) '\(path)': \(words) (SQLite code \(extended))", name: path)
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
