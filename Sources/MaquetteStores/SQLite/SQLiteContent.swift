import CSQLite
import Glibc
import MaquetteSystem

/// Which file a path leads to.
struct FileIdentity: Equatable {
  private let device: dev_t
  private let file: ino_t

  /// Nil where there is none.
  init?(_ path: String) {
    var info = stat()
    guard stat(path, &info) == 0 else { return nil }
    device = info.st_dev
    file = info.st_ino
  }
}

/// The connection of a backend and what is remembered about its services.
final class SQLiteContent: @unchecked Sendable {  // touched by one caller after the other
  private var connection: SQLiteConnection?
  private var tables: [ExactText: SQLiteTable] = [:]
  let changes = SQLiteChanges()
  let checkpoint = SQLiteCheckpoint()

  /// Whether a commit is on the disk when it returns.
  private var isSynchronousFull = true

  /// How to make the connection anew, and the log that this one writes to.
  private var options = SQLiteOptions()
  private var log: FileIdentity?
  /// Where the file is whose connection could not be made anew yet.
  private var abandonedPath: String?

  func open(_ path: String, _ options: SQLiteOptions) throws(MaquetteError) {
    let connection = try SQLiteFile.open(path, options)
    self.connection = connection
    self.options = options
    // What was looked through once is not looked through again.
    self.options.check = .none
    isSynchronousFull = options.isSynchronousFull
    // A log is made when something is read first.
    _ = try connection.integer("SELECT 1 FROM maquette_services LIMIT 1")
    log = FileIdentity(path + "-wal")
    abandonedPath = nil
    checkpoint.forget()
    sqlite3_wal_hook(
      connection.handle,
      { content, _, _, pages in
        guard let content else { return SQLITE_OK }
        Unmanaged<SQLiteContent>.fromOpaque(content).takeUnretainedValue().checkpoint.note(pages: pages)
        return SQLITE_OK
      }, Unmanaged.passUnretained(self).toOpaque())
  }

  /// Forgets what is remembered of the services.
  func forgetAll() {
    for table in tables.values { table.forget() }
  }

  func close() {
    tables = [:]
    connection = nil
  }

  /// Makes the connection anew if its log is not the file's any more.
  ///
  /// That is what another copy of SQLite in this process does: when it closes the file it takes itself for the last one
  /// who has it open, because locks are the process's, and removes the log. Whatever were written to the removed log
  /// would be seen by nobody else, and lost in a crash.
  func renew() throws(MaquetteError) {
    guard let path = abandoned() else { return }
    // Before the new one: connections of one copy of SQLite share what they know of the file.
    connection = nil
    try open(path, options)
    for table in tables.values {
      table.forget()
      table.version.own += 1
      table.version.foreign = -1
    }
    changes.lookAgain()
  }

  /// The path of the file whose connection is to be made anew; nil where it is as it should be.
  private func abandoned() -> String? {
    // Once it failed, it is tried again.
    guard let connection else { return abandonedPath }
    guard let log, !connection.isInTransaction, FileIdentity(connection.path + "-wal") != log,
      // A file that is gone as a whole is not made anew.
      !connection.hasMoved
    else { return nil }
    Log.warning(
      "another SQLite in this process has removed the log of '\(connection.path)': don't open a store's file beside it"
    )
    checkpoint.waitForPass()
    // What nobody has copied into the file yet; whoever removes a log in order has copied all of it.
    sqlite3_wal_checkpoint_v2(connection.handle, nil, SQLITE_CHECKPOINT_PASSIVE, nil, nil)
    connection.abandonLog()
    abandonedPath = connection.path
    return connection.path
  }

  /// Nil where there is none at the moment.
  var presentConnection: SQLiteConnection? { connection }

  /// Whether the log that the connection writes to is the file's.
  var hasItsLog: Bool {
    guard let connection, let log else { return false }
    return FileIdentity(connection.path + "-wal") == log
  }

  func connected() throws(MaquetteError) -> SQLiteConnection {
    guard let connection else { throw MaquetteError(.closed, "the store is closed") }
    return connection
  }

  func execute(_ sql: String) throws(MaquetteError) { try connected().execute(sql) }

  func pragma(_ name: String) throws(MaquetteError) -> Int64? {
    let connection = try connected()
    // What was prepared before would tell the setting of then.
    connection.finalizeStatements()
    return try connection.integer("PRAGMA \(name)")
  }

  /// Runs `body` between `begin` and COMMIT, or undoes what it did.
  func transaction<Value>(
    _ begin: String, _ body: (SQLiteConnection) throws(MaquetteError) -> Value
  ) throws(MaquetteError) -> Value {
    try renew()
    let connection = try connected()
    try connection.run(begin)
    do throws(MaquetteError) {
      let value = try body(connection)
      try connection.run("COMMIT")
      return value
    } catch {
      // After some failures SQLite has undone everything already.
      if connection.isInTransaction { _ = try? connection.run("ROLLBACK") }
      throw error
    }
  }

  /// Runs `body` so that its commits don't wait for the disk, unless they have to: they are in the log all the same, and
  /// on the disk with the next commit that waits.
  func synchronizing<Value>(
    _ hasTo: Bool, _ body: () throws(MaquetteError) -> Value
  ) throws(MaquetteError) -> Value {
    guard !hasTo, isSynchronousFull else { return try body() }
    let connection = try connected()
    // Not kept as prepared statements: these take effect while they are compiled.
    try connection.execute("PRAGMA synchronous = NORMAL")
    let outcome: Result<Value, MaquetteError>
    do throws(MaquetteError) { outcome = .success(try body()) } catch { outcome = .failure(error) }
    try connection.execute("PRAGMA synchronous = FULL")
    return try outcome.get()
  }

  // MARK: Services

  func serviceNames() throws(MaquetteError) -> [String] {
    try connected().rows("SELECT name FROM maquette_services ORDER BY rowid") { (row) throws(MaquetteError) in
      try row.text(0) ?? ""
    }
  }

  func table(_ service: String) throws(MaquetteError) -> SQLiteTable {
    guard let table = try find(service) else {
      throw MaquetteError(.notFound, "there is no service '\(service)'", name: service)
    }
    return table
  }

  func find(_ service: String) throws(MaquetteError) -> SQLiteTable? {
    if let table = tables[ExactText(service)] { return table }
    let found = try connected().rows(
      "SELECT tableName FROM maquette_services WHERE name = ?", .text(service)
    ) { (row) throws(MaquetteError) in try row.text(0) ?? "" }
    guard let name = found.first else { return nil }
    let table = SQLiteTable(service: service, name: name)
    tables[ExactText(service)] = table
    return table
  }

  /// Makes the table of a service; inside of a transaction.
  func make(_ service: String) throws(MaquetteError) {
    if try find(service) != nil { return }
    let connection = try connected()
    let name = try freeTableName(service)
    try connection.execute(SQLiteTable.schema(name))
    try connection.run(
      "INSERT INTO maquette_services(name, tableName) VALUES(?, ?)", .text(service), .text(name))
  }

  /// Makes the indices of a service that are not there.
  func index(_ service: String, _ fields: [IndexedField]) throws(MaquetteError) {
    guard !fields.isEmpty else { return }
    let table = try table(service)
    let missing = try transaction("BEGIN") { (connection) throws(MaquetteError) in
      try SQLiteSession(connection, table).missingIndices(among: fields)
    }
    guard !missing.isEmpty else { return }
    try transaction("BEGIN IMMEDIATE") { (connection) throws(MaquetteError) in
      let session = try SQLiteSession(connection, table)
      for field in missing { try session.createIndex(on: field) }
    }
  }

  /// The service's own name, where SQLite takes it and knows none that differs in case only.
  private func freeTableName(_ service: String) throws(MaquetteError) -> String {
    let folded = service.utf8.map { $0 >= 65 && $0 <= 90 ? $0 | 0x20 : $0 }
    let isReserved = ["sqlite_", "maquette_"].contains { folded.starts(with: $0.utf8) }
    let base = isReserved ? "service " + service : service
    var name = base
    var number = 1
    while try connected().integer(
      "SELECT 1 FROM sqlite_schema WHERE name COLLATE NOCASE IN (?1, ?1 || ' ids', ?1 || ' names')",
      .text(name)) != nil
    {
      number += 1
      name = "\(base) (\(number))"
    }
    return name
  }

  func file(_ folder: String, _ name: String) throws(MaquetteError) -> [UInt8]? {
    try connected().rows(
      "SELECT bytes FROM maquette_files WHERE folder = ? AND name = ?", .text(folder), .text(name)
    ) { (row) throws(MaquetteError) in Array(row.bytes(0)) }.first
  }
}
