import CSQLite

/// The SQLite that is linked in.
package enum SQLiteLibrary {
  package static var version: String { String(cString: sqlite3_libversion()) }
}
