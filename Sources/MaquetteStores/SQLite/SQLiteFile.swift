import CSQLite
import Glibc
import MaquetteSystem

/// What makes a database file a Maquette store.
enum SQLiteFile {
  /// "Maqu", in the header of every store.
  static let applicationID: Int64 = 0x4D61_7175
  /// The layouts of the tables there were so far. A file says the first that can hold what is in it, so that older
  /// versions of Maquette go on reading what they can read.
  enum Layout: Int64, CaseIterable {
    case first = 1
    /// `y` may be a blob of little-endian 32-bit floats: an array of numbers.
    case targetsInBlobs = 2
    /// `fields` may be a blob: the document is a prediction, and `maquette_predictions` says what its `x` means.
    case predictions = 3
    /// Who writes leaves a line in `maquette_changes`, since somebody has watched: see ``SQLiteChanges``. Older versions
    /// would write without, so that those who watch would miss it.
    case changes = 4
    /// `x` may be a blob of a byte for each number; `shape` is `{"dtype":"u8","shape":[…]}` then.
    case bytes = 5
    /// Rows behind the place `maquette_services.counted`, where it is not NULL, are in none of the numbers of documents
    /// that are written down: see ``SQLiteSession/count(_:)``. From here on there is `maquette_changes` only if somebody
    /// has watched.
    case tails = 6
  }

  /// The newest layout; a store with a greater number is left alone.
  static let version = Layout.tails.rawValue

  /// Notes, inside of a transaction, that the file holds from now on what needs that layout.
  static func require(_ layout: Layout, _ connection: SQLiteConnection) throws(MaquetteError) {
    guard try connection.integer("PRAGMA user_version") ?? 0 < layout.rawValue else { return }
    // Versions that know no layout above these take their numbers for saying that this is there.
    if layout == .changes || layout == .bytes { try connection.execute(SQLiteChanges.schema) }
    if layout == .tails { try connection.execute("ALTER TABLE maquette_services ADD COLUMN counted INTEGER") }
    // A greater number says that this is there.
    if layout.rawValue >= Layout.predictions.rawValue {
      try connection.execute(
        "CREATE TABLE IF NOT EXISTS maquette_predictions(service TEXT PRIMARY KEY NOT NULL, run TEXT NOT NULL)"
      )
    }
    try connection.execute("PRAGMA user_version = \(layout.rawValue)")
  }

  private static let schema = """
    CREATE TABLE maquette_services(
      name TEXT PRIMARY KEY NOT NULL, tableName TEXT NOT NULL UNIQUE, documents INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE maquette_datasets(
      service TEXT NOT NULL, name TEXT NOT NULL, instances INTEGER NOT NULL, PRIMARY KEY(service, name)) WITHOUT ROWID;
    CREATE TABLE maquette_files(
      folder TEXT NOT NULL, name TEXT NOT NULL, service TEXT NOT NULL, document TEXT NOT NULL, bytes BLOB NOT NULL,
      PRIMARY KEY(folder, name));
    CREATE INDEX maquette_files_of_document ON maquette_files(document);
    """

  /// Opens a store, or makes one of a file that is missing or empty.
  ///
  /// - Throws: ``MaquetteError/Code/notAStore`` for a file that is anything else, which stays as it is.
  static func open(_ path: String, _ options: SQLiteOptions) throws(MaquetteError) -> SQLiteConnection {
    let connection = try SQLiteConnection(path)
    try checkHeader(connection)
    try connection.waitForLocks(milliseconds: options.timeout)
    do throws(MaquetteError) {
      if try connection.integer("PRAGMA application_id") == 0 { try create(connection) }
      try checkVersion(connection)
      // It begins to read, and then to write: where another process does the same, SQLite gives up instead of waiting.
      try connection.executeWaiting("PRAGMA journal_mode = WAL")
    } catch {
      // A damaged file is told apart from a full disk: it will not get better.
      throw error.code == .badFormat ? notAStore(path, error.message) : error
    }
    try check(connection, options.check)
    try connection.execute("PRAGMA synchronous = \(options.isSynchronousFull ? "FULL" : "NORMAL")")
    // The pages are copied into the file after the caller has its answer; see SQLiteBackend.
    try connection.execute("PRAGMA wal_autocheckpoint = 0")
    try connection.execute("PRAGMA journal_size_limit = 67108864")
    // What is deleted is overwritten where that needs no further writing.
    try connection.execute("PRAGMA secure_delete = FAST")
    // Reading a dataset goes through its pages once: a larger cache is only more memory to touch (16 MB: 25 ms for
    // 100,000 rows of 64 features, 4 MB: 17).
    try connection.execute("PRAGMA cache_size = -4096")
    connection.finalizeStatements()
    return connection
  }

  /// - Throws: ``MaquetteError/Code/badFormat`` with the first damage that was found.
  private static func check(
    _ connection: SQLiteConnection, _ check: SQLiteOptions.Check
  ) throws(MaquetteError) {
    let pragma: String
    switch check {
    case .none: return
    case .quick: pragma = "PRAGMA quick_check(1)"
    case .full: pragma = "PRAGMA integrity_check(1)"
    }
    let found = try connection.rows(pragma) { (row) throws(MaquetteError) in try row.text(0) ?? "" }
    guard found == ["ok"] else {
      throw MaquetteError(
        .badFormat,
        "'\(connection.path)' is damaged: \(found.first ?? "the check gave no result"). It was left as it is; restore a "
          + "backup, or open it without the check to save what can be read", name: connection.path)
    }
  }

  private static func create(_ connection: SQLiteConnection) throws(MaquetteError) {
    // Rows of features are a few hundred bytes to some kilobytes: larger pages hold more of them whole. A row that is
    // longer than half a page has a page for itself: 6,250 of 1,024 floats are a file of 34 MB, 51 with pages of 8 kB;
    // 12,500 of 512 are 30 MB, 52 with pages of 4 kB. Rows that come one at a time would be written faster with small
    // pages, since their pages go whole into the log (118 µs, 72, 42 for 64 floats in C).
    try connection.execute("PRAGMA page_size = 16384")
    // In the old journal mode, so that the header that says whose file it is never is in the log alone.
    try connection.execute("BEGIN IMMEDIATE")
    do throws(MaquetteError) {
      // Another process may have been faster.
      if try connection.integer("PRAGMA application_id") == 0 {
        guard try connection.integer("SELECT count(*) FROM sqlite_schema") == 0 else {
          throw notAStore(connection.path, "it is a database of another application")
        }
        try connection.execute(schema)
        try connection.execute("PRAGMA application_id = \(applicationID)")
        try connection.execute("PRAGMA user_version = \(Layout.first.rawValue)")
      }
      try connection.execute("COMMIT")
    } catch {
      connection.finalizeStatements()
      _ = try? connection.execute("ROLLBACK")
      throw error
    }
  }

  private static func checkVersion(_ connection: SQLiteConnection) throws(MaquetteError) {
    let found = try connection.integer("PRAGMA application_id") ?? 0
    guard found == applicationID else {
      throw notAStore(connection.path, "it is a database of another application (application_id \(found))")
    }
    try check(version: try connection.integer("PRAGMA user_version") ?? 0, connection.path)
    let tables = try connection.integer(
      "SELECT count(*) FROM sqlite_schema WHERE name IN ('maquette_services', 'maquette_datasets', 'maquette_files')"
    )
    guard tables == 3 else {
      throw notAStore(connection.path, "it lacks tables that every store has")
    }
  }

  private static func check(version found: Int64, _ path: String) throws(MaquetteError) {
    guard found <= version else {
      throw notAStore(path, "a newer Maquette wrote it (layout \(found), this one knows \(version))")
    }
  }

  /// Looks at the first bytes before SQLite does, which would tidy up after another application.
  ///
  /// Through SQLite's own descriptor: closing another one of this file would drop the locks of all its connections
  /// in this process.
  private static func checkHeader(_ connection: SQLiteConnection) throws(MaquetteError) {
    var file: UnsafeMutablePointer<sqlite3_file>?
    let code = sqlite3_file_control(connection.handle, "main", SQLITE_FCNTL_FILE_POINTER, &file)
    guard code == SQLITE_OK, let file, let methods = file.pointee.pMethods,
      let fileSize = methods.pointee.xFileSize, let read = methods.pointee.xRead
    else { throw MaquetteError(.internal, "SQLite gives no access to '\(connection.path)'") }
    var size: Int64 = 0
    guard fileSize(file, &size) == SQLITE_OK else { return }
    if size == 0 {
      // To SQLite a file of one byte is empty; to its owner it may not be. `stat` opens nothing.
      var info = stat()
      guard stat(connection.path, &info) != 0 || info.st_size == 0 else {
        throw notAStore(connection.path, "it is no SQLite database")
      }
      return
    }
    var header = [UInt8](repeating: 0, count: 100)
    guard size >= 100, read(file, &header, 100, 0) == SQLITE_OK,
      header[..<16].elementsEqual(Array("SQLite format 3".utf8) + [0])
    else { throw notAStore(connection.path, "it is no SQLite database") }
    func number(_ place: Int) -> Int64 { header[place..<place + 4].reduce(0) { $0 << 8 | Int64($1) } }
    guard number(68) == applicationID else {
      throw notAStore(
        connection.path, "it is a database of another application (application_id \(number(68)))")
    }
    try check(version: number(60), connection.path)
  }

  private static func notAStore(_ path: String, _ reason: String) -> MaquetteError {
    MaquetteError(
      .notAStore, "'\(path)' is not a Maquette store: \(reason). It was left as it is; choose another file",
      name: path)
  }
}
