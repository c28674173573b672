import CSQLite
import MaquetteSystem

/// A connection to a database file, for one thread at a time.
final class SQLiteConnection {
  let handle: OpaquePointer
  let path: String
  let collector = TableCollector()
  let newRows = SQLiteRows()
  private var busyWait: SQLiteBusyWait?
  /// By their text to the byte: names of tables are in it.
  private var statements: [ExactText: SQLiteStatement] = [:]
  /// Statements made of queries, of which there may be any number.
  private var queries: [ExactText: SQLiteStatement] = [:]

  /// Opens the file, and makes it where it isn't there; nothing is read or written yet.
  init(_ path: String) throws(MaquetteError) {
    var handle: OpaquePointer?
    let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
    // A relative path must not look like ":memory:" or "file:" to SQLite.
    let code = sqlite3_open_v2(path.hasPrefix("/") ? path : "./" + path, &handle, flags, nil)
    guard code == SQLITE_OK, let handle else {
      let error = SQLiteError.current(handle, code, "open", path)
      sqlite3_close_v2(handle)
      throw error
    }
    self.handle = handle
    self.path = path
    try check(collector.register(handle), "open")
    try check(SQLiteFunctions.register(handle), "open")
    try check(newRows.register(handle), "open")
  }

  deinit {
    finalizeStatements()
    sqlite3_close_v2(handle)
  }

  /// Waits for locks of others from now on, so many milliseconds at the most.
  func waitForLocks(milliseconds: Int32) throws(MaquetteError) {
    let wait = SQLiteBusyWait(milliseconds: milliseconds)
    try check(wait.register(handle), "open")
    busyWait = wait
  }

  func check(_ code: Int32, _ action: String) throws(MaquetteError) {
    guard code == SQLITE_OK else { throw SQLiteError.current(handle, code, action, path) }
  }

  /// Runs statements that give no rows and are not worth keeping.
  func execute(_ sql: String) throws(MaquetteError) {
    try check(sqlite3_exec(handle, sql, nil, nil, nil), "use")
  }

  /// Runs a statement for which SQLite does not wait for locks itself, and waits for them.
  func executeWaiting(_ sql: String) throws(MaquetteError) {
    var tries: Int32 = 0
    while true {
      let code = sqlite3_exec(handle, sql, nil, nil, nil)
      guard code == SQLITE_BUSY, let busyWait, busyWait.wait(tries: tries) else {
        return try check(code, "use")
      }
      tries &+= 1
    }
  }

  /// The statement of that text, prepared once.
  func statement(_ sql: String) throws(MaquetteError) -> SQLiteStatement {
    if let statement = statements[ExactText(sql)] { return statement }
    let statement = try SQLiteStatement(sql, self)
    statements[ExactText(sql)] = statement
    return statement
  }

  /// The statement of a query; kept for a while unless it is long.
  func query(_ sql: String) throws(MaquetteError) -> SQLiteStatement {
    if let statement = queries[ExactText(sql)] { return statement }
    let statement = try SQLiteStatement(sql, self)
    guard sql.utf8.count <= 1024 else { return statement }
    if queries.count >= 64 { queries = [:] }
    queries[ExactText(sql)] = statement
    return statement
  }

  /// Forgets the prepared statements.
  func finalizeStatements() {
    statements = [:]
    queries = [:]
  }

  /// Runs a statement that gives no rows.
  func run(_ sql: String, _ values: SQLiteValue...) throws(MaquetteError) {
    let statement = try statement(sql)
    defer { statement.reset() }
    try statement.bind(values)
    while try statement.step() {}
  }

  /// The rows of a statement, each turned into a value.
  func rows<Value>(
    _ sql: String, _ values: SQLiteValue..., read: (SQLiteStatement) throws(MaquetteError) -> Value
  ) throws(MaquetteError) -> [Value] {
    let statement = try statement(sql)
    defer { statement.reset() }
    try statement.bind(values)
    var result: [Value] = []
    while try statement.step() { result.append(try read(statement)) }
    return result
  }

  /// The whole number that is the first column of the first row; nil where there is none.
  func integer(_ sql: String, _ values: SQLiteValue...) throws(MaquetteError) -> Int64? {
    let statement = try statement(sql)
    defer { statement.reset() }
    try statement.bind(values)
    return try statement.step() && !statement.isNull(0) ? statement.integer(0) : nil
  }

  /// How many rows this connection has changed so far; those that were undone again are counted, too.
  var changes: Int64 { sqlite3_total_changes64(handle) }

  /// Whether the file was deleted or moved; SQLite has it open all the same.
  var hasMoved: Bool {
    var hasMoved: Int32 = 0
    return sqlite3_file_control(handle, "main", SQLITE_FCNTL_HAS_MOVED, &hasMoved) == SQLITE_OK
      && hasMoved != 0
  }

  /// When this is closed nothing of its log is copied into the file.
  func abandonLog() { maquette_sqlite_abandon_log(handle) }

  var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }
}

/// A value to give to a statement.
enum SQLiteValue: Hashable {
  case null
  case integer(Int64)
  case number(Double)
  case text(String)
  case bytes([UInt8])

  static func text(orNull text: String?) -> SQLiteValue { text.map { .text($0) } ?? .null }
}

/// A name as SQL writes it.
func quotedName(_ name: String) -> String {
  var result = "\""
  for character in name.unicodeScalars {
    if character == "\"" { result.unicodeScalars.append("\"") }
    result.unicodeScalars.append(character)
  }
  return result + "\""
}
