import MaquetteSystem

/// Runs transactions on a connection.
struct PostgreSQLTransaction {
  let services: PostgreSQLServices
  let connection: PostgreSQLConnection

  init(_ services: PostgreSQLServices, _ connection: PostgreSQLConnection) {
    self.services = services
    self.connection = connection
  }

  /// How often a transaction is tried that the server undoes because of others.
  private static let attempts = 8

  func read<Value>(
    _ service: String, _ body: (any Session) throws(MaquetteError) -> Value
  ) throws(MaquetteError) -> Value {
    let table = try services.table(service, connection)
    return try repeating { () throws(MaquetteError) in
      let session = try begin(
        table, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \(state(of: table))")
      let value = try body(session)
      try connection.execute("COMMIT")
      session.remember()
      return value
    }
  }

  /// - Parameters:
  ///   - begun: called when the service is locked, before `body`.
  ///   - changes: are told what others did before, and what of the log is our own.
  ///   - holder: for another connection, to see what became of a commit whose answer was lost.
  func write<Value>(
    _ service: String, isAhead: Bool, _ changes: PostgreSQLChanges, _ holder: PostgreSQLChannel.Holder,
    _ begun: () -> Void, _ body: (any Session) throws(MaquetteError) -> Value
  ) throws(MaquetteError) -> Value {
    let table = try services.table(service, connection)
    return try repeating { () throws(MaquetteError) in
      // Each statement of READ COMMITTED sees what was committed before it: behind the lock that is all there is.
      let session = try begin(
        table,
        "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; "
          + (isAhead ? "SET LOCAL synchronous_commit = off; " : "") + state(of: table) + " FOR UPDATE")
      try changes.tell(session)
      begun()
      let value = try body(session)
      if session.hasChanged {
        try session.finish()
        try commit(table, session.nextChange, holder)
        changes.skip(session)
      } else {
        try connection.execute("COMMIT")
      }
      session.remember()
      return value
    }
  }

  /// What a session begins with. The number comes from the store; it is no value of a caller's.
  private func state(of table: PostgreSQLTable) -> String {
    "SELECT \(PostgreSQLSession.State.columns) FROM \(services.schema.services) WHERE number = \(table.number)"
  }

  private func begin(_ table: PostgreSQLTable, _ sql: String) throws(MaquetteError) -> PostgreSQLSession {
    let found = try connection.execute(sql)
    guard found.rows == 1 else {
      services.forget(table)
      throw MaquetteError(
        .inputOutput,
        "the service '\(table.service)' is gone from '\(connection.location)': somebody removed it",
        name: table.service)
    }
    return PostgreSQLSession(connection, services, table, try PostgreSQLSession.State(found))
  }

  /// Runs `body`, which begins a transaction; undoes it where it fails, and tries again where the server asks for that.
  private func repeating<Value>(_ body: () throws(MaquetteError) -> Value) throws(MaquetteError) -> Value {
    var attempt = 1
    while true {
      do throws(MaquetteError) {
        return try body()
      } catch {
        let state = connection.lastState
        if !connection.isBroken { _ = try? connection.execute("ROLLBACK") }
        guard PostgreSQLError.isTransient(state), !connection.isBroken, attempt < Self.attempts else {
          throw error
        }
        attempt += 1
      }
    }
  }

  // MARK: Committing

  private func commit(
    _ table: PostgreSQLTable, _ change: Int64, _ holder: PostgreSQLChannel.Holder
  ) throws(MaquetteError) {
    let answer: PostgreSQLResult
    do throws(MaquetteError) {
      answer = try connection.execute("COMMIT")
    } catch {
      guard connection.isBroken else { throw error }
      switch outcome(table, change, holder) {
      case true?: return
      case false?:
        throw MaquetteError(
          error.code, "\(error.message); nothing of the transaction was stored", name: error.name)
      case nil:
        throw MaquetteError(
          error.code,
          "\(error.message); it was lost while a transaction was committed: whether that is stored is not known",
          name: error.name)
      }
    }
    guard answer.command == "COMMIT" else {
      throw MaquetteError(
        .internal, "the server has undone a transaction of '\(table.service)' instead of committing it",
        name: table.service)
    }
  }

  /// Whether a transaction was committed whose answer was lost; nil where that can't be told.
  private func outcome(_ table: PostgreSQLTable, _ change: Int64, _ holder: PostgreSQLChannel.Holder) -> Bool?
  {
    guard let other = try? holder.connected(services) else { return nil }
    // The lock waits for the transaction, should the server still be at it.
    let found = try? other.run(
      "SELECT change, writer FROM \(services.schema.services) WHERE number = $1 FOR UPDATE",
      .integer(table.number))
    guard let found, found.rows == 1, let now = try? found.integer(0, 0),
      let writer = try? found.integer(0, 1)
    else { return nil }
    if now < change { return false }
    return now == change ? writer == services.writer : nil
  }
}
