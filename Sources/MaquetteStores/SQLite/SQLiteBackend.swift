import CSQLite
import MaquetteSystem

/// Services in a SQLite file, behind one connection that callers use in turn.
final class SQLiteBackend: Backend {
  private let access = SerialAccess()
  /// Does what nobody waits for.
  private let upkeep: SerialWorker
  private let content: SQLiteContent
  private let watcher: SQLiteWatcher
  private let path: String
  private let indices: [IndexedField]

  init(_ path: String, _ options: SQLiteOptions) throws(MaquetteError) {
    upkeep = try SerialWorker("maquette-store")
    content = SQLiteContent()
    self.path = path
    indices = options.indices
    let content = content
    let blindness = RecurringWarning()
    watcher = SQLiteWatcher(path + "-wal") { [access] in Self.look(content, access, blindness) }
    // Where this throws, the thread is ended by deinit.
    try access.run { () throws(MaquetteError) in
      try content.open(path, options)
    }
  }

  deinit {
    watcher.stop()
    upkeep.stop()
    // The last connection copies the log into the file and removes it.
    _ = try? access.run { content.close() }
    access.stop()
  }

  /// Runs `body` when it is this caller's turn.
  private func run<Value>(
    _ body: () throws(MaquetteError) -> Value
  ) throws(MaquetteError) -> Value {
    try access.run { () throws(MaquetteError) in
      defer {
        if content.checkpoint.starts() {
          upkeep.post { [access, content] in SQLiteCheckpoint.run(content, access) }
        }
        content.checkpoint.holdUp()
      }
      return try body()
    }
  }

  func serviceNames() throws(MaquetteError) -> [String] {
    try run { () throws(MaquetteError) in try content.serviceNames() }
  }

  func openService(_ name: String) throws(MaquetteError) {
    try run { () throws(MaquetteError) in
      if try content.find(name) == nil {
        try content.transaction("BEGIN IMMEDIATE") { (_) throws(MaquetteError) in try content.make(name) }
      }
      try content.index(name, indices)
    }
  }

  func read<Result: Sendable>(
    _ service: String, _ body: @escaping @Sendable (any Session) throws(MaquetteError) -> Result
  ) throws(MaquetteError) -> Result {
    try run { () throws(MaquetteError) in
      let table = try content.table(service)
      do throws(MaquetteError) {
        return try content.transaction("BEGIN") { (connection) throws(MaquetteError) in
          try body(try SQLiteSession(connection, table))
        }
      } catch {
        // Who reads may have had to count anew.
        table.forget()
        throw error
      }
    }
  }

  func write<Result: Sendable>(
    _ service: String, committed: @escaping @Sendable (Result) -> Void,
    _ body: @escaping @Sendable (any Session) throws(MaquetteError) -> Result
  ) throws(MaquetteError) -> Result {
    try write(service, isAhead: false, committed, body)
  }

  func writeAhead<Result: Sendable>(
    _ service: String, committed: @escaping @Sendable (Result) -> Void,
    _ body: @escaping @Sendable (any Session) throws(MaquetteError) -> Result
  ) throws(MaquetteError) -> Result {
    try write(service, isAhead: true, committed, body)
  }

  private func write<Result: Sendable>(
    _ service: String, isAhead: Bool, _ committed: @escaping @Sendable (Result) -> Void,
    _ body: @escaping @Sendable (any Session) throws(MaquetteError) -> Result
  ) throws(MaquetteError) -> Result {
    try run { () throws(MaquetteError) in
      let table = try content.table(service)
      let result: Result
      var logged: Int64 = 0
      do throws(MaquetteError) {
        result = try content.synchronizing(!isAhead) { () throws(MaquetteError) in
          try content.transaction("BEGIN IMMEDIATE") { (connection) throws(MaquetteError) in
            let session = try SQLiteSession(connection, table)
            try session.requirePresence()
            // What others did before comes before, and is handed out soon.
            if !content.changes.mustReload, try content.changes.tell(content) { watcher.wake() }
            defer { logged = session.logged }
            return try body(session)
          }
        }
      } catch {
        table.forget()
        throw error
      }
      table.version.own += 1
      content.changes.skip(to: logged)
      committed(result)
      return result
    }
  }

  /// Copies the store to another file.
  func backup(to target: String) throws(MaquetteError) { try SQLiteBackup.copy(path, to: target) }

  func watch(_ service: String, _ receiver: ChangeReceiver) throws(MaquetteError) {
    let outcome: Result<Void, MaquetteError>
    do throws(MaquetteError) {
      try run { () throws(MaquetteError) in try content.changes.watch(service, receiver, content) }
      outcome = .success(())
    } catch { outcome = .failure(error) }
    // Whatever has failed: the thread tries again.
    try watcher.start()
    try outcome.get()
  }

  func unwatch(_ service: String) {
    // A closed store has no watcher any more.
    _ = try? run {
      content.changes.unwatch(service)
      if content.changes.isEmpty { watcher.rest() }
    }
  }

  /// Takes in what others did, and hands it out; on the watcher's thread.
  private static func look(
    _ content: SQLiteContent, _ access: SerialAccess, _ blindness: RecurringWarning
  ) {
    do throws(MaquetteError) {
      let receivers = try access.run { () throws(MaquetteError) -> [ChangeReceiver] in
        try content.changes.look(content)
        return Array(content.changes.receivers.values)
      }
      blindness.succeeded("what others do to the store is seen again")
      for receiver in receivers { receiver.handOut() }
    } catch {
      // The next look tries again.
      if error.code != .closed {
        blindness.failed("what others do to the store is not seen: \(error.message)")
      }
    }
  }

  func file(_ folder: String, _ name: String) throws(MaquetteError) -> [UInt8]? {
    try run { () throws(MaquetteError) in try content.file(folder, name) }
  }

  /// Runs SQL on the connection, for tests.
  package func execute(_ sql: String) throws(MaquetteError) {
    try run { () throws(MaquetteError) in try content.execute(sql) }
  }

  /// A whole number, for tests.
  package func number(_ sql: String) throws(MaquetteError) -> Int64? {
    try run { () throws(MaquetteError) in try content.connected().integer(sql) }
  }

  /// A setting of the connection, for tests.
  package func pragma(_ name: String) throws(MaquetteError) -> Int64? {
    try run { () throws(MaquetteError) in try content.pragma(name) }
  }
}
