import MaquetteSystem

/// Services in a database of a PostgreSQL server: one connection that writes, and some that read, each with a thread of
/// its own.
///
/// A reading is one transaction at the isolation REPEATABLE READ: one consistent state. A writing begins by locking its
/// service's row, so that writers of one service, in all processes, come one after the other, and those of different
/// services do not wait for each other.
final class PostgreSQLBackend: Backend {
  private let options: PostgreSQLOptions
  private let writer: PostgreSQLChannel
  private let readers: PostgreSQLReaders
  private let services: PostgreSQLServices
  private let changes = PostgreSQLChanges()
  private let listener: PostgreSQLListener

  init(_ options: PostgreSQLOptions) throws(MaquetteError) {
    self.options = options
    let writer = try PostgreSQLChannel(options)
    self.writer = writer
    readers = PostgreSQLReaders(options)
    let services = try writer.run { (holder) throws(MaquetteError) in
      let connection = try holder.connected(nil)
      return PostgreSQLServices(try PostgreSQLSchema.open(connection), connection)
    }
    self.services = services
    let changes = changes
    let blindness = RecurringWarning()
    listener = try PostgreSQLListener(options, services) {
      Self.look(changes, services, writer, blindness)
    }
  }

  deinit {
    listener.stop()
  }

  func serviceNames() throws(MaquetteError) -> [String] {
    try reading { (services, connection) throws(MaquetteError) in try services.names(connection) }
  }

  func openService(_ name: String) throws(MaquetteError) {
    let services = services
    try requireOutside()
    try writer.run { (holder) throws(MaquetteError) in
      // Made twice is made once: it may be repeated whatever became of the first attempt.
      try holder.attempt(services) { (connection) throws(MaquetteError) in
        if try services.find(name, connection) == nil { try services.make(name, connection) }
        _ = try services.table(name, connection)
      }
    }
  }

  func read<Result: Sendable>(
    _ service: String, _ body: @escaping @Sendable (any Session) throws(MaquetteError) -> Result
  ) throws(MaquetteError) -> Result {
    try reading { (services, connection) throws(MaquetteError) in
      try PostgreSQLTransaction(services, connection).read(service, body)
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
    let (services, changes, listener) = (services, changes, listener)
    try requireOutside()
    return try writer.run { (holder) throws(MaquetteError) in
      // Once the body has run, its caller is told of a loss rather than that it runs again.
      var hasBegun = false
      do throws(MaquetteError) {
        let result = try holder.attempt(services, mayRepeat: { !hasBegun }) {
          (connection) throws(MaquetteError) in
          try PostgreSQLTransaction(services, connection).write(
            service, isAhead: isAhead, changes, holder, { hasBegun = true }, body)
        }
        committed(result)
        return result
      } catch {
        // What others did may have been taken in; nobody else hands it out.
        listener.wake()
        throw error
      }
    }
  }

  // MARK: What others do

  func watch(_ service: String, _ receiver: ChangeReceiver) throws(MaquetteError) {
    let (services, changes) = (services, changes)
    let outcome: Result<Void, MaquetteError>
    do throws(MaquetteError) {
      try requireOutside()
      try writer.run { (holder) throws(MaquetteError) in
        try holder.attempt(services) { (connection) throws(MaquetteError) in
          try changes.watch(service, receiver, services, connection)
        }
      }
      outcome = .success(())
    } catch { outcome = .failure(error) }
    // Whatever has failed: the thread tries again.
    try listener.start()
    try outcome.get()
  }

  func unwatch(_ service: String) {
    changes.unwatch(service)
    if changes.isEmpty { listener.rest() }
  }

  /// Takes in what others did, and hands it out; on the listener's thread.
  ///
  /// - Returns: whether the server could be asked.
  private static func look(
    _ changes: PostgreSQLChanges, _ services: PostgreSQLServices, _ writer: PostgreSQLChannel,
    _ blindness: RecurringWarning
  ) -> Bool {
    do throws(MaquetteError) {
      let receivers = try writer.run { (holder) throws(MaquetteError) -> [ChangeReceiver] in
        try holder.attempt(services) { (connection) throws(MaquetteError) in
          try changes.look(services, connection)
        }
        return changes.receivers
      }
      blindness.succeeded("what others do to the store is seen again")
      for receiver in receivers { receiver.handOut() }
      return true
    } catch {
      // The next look tries again.
      if error.code != .closed {
        blindness.failed("what others do to the store is not seen: \(error.message)")
      }
      return false
    }
  }

  // MARK: Files

  func file(_ folder: String, _ name: String) throws(MaquetteError) -> [UInt8]? {
    try reading { (services, connection) throws(MaquetteError) in
      let found = try connection.run(
        "SELECT bytes FROM \(services.schema.files) WHERE folder = $1 AND name = $2", .text(folder),
        .text(name))
      return found.rows > 0 ? Array(found.bytes(0, 0)) : nil
    }
  }

  private func reading<Value: Sendable>(
    _ body: @escaping @Sendable (PostgreSQLServices, PostgreSQLConnection) throws(MaquetteError) -> Value
  ) throws(MaquetteError) -> Value {
    let services = services
    try requireOutside()
    return try readers.run { (holder) throws(MaquetteError) in
      try holder.attempt(services) { (connection) throws(MaquetteError) in try body(services, connection) }
    }
  }

  /// A transaction that waits for another of its own store may wait for ever.
  private func requireOutside() throws(MaquetteError) {
    guard writer.isCurrent || readers.isCurrent else { return }
    throw MaquetteError(.reentrant, "a store can't be used from inside one of its own transactions")
  }

  /// Runs SQL on the connection that writes, for tests; gives the whole number it begins with, if it does.
  @discardableResult
  func execute(_ sql: String) throws(MaquetteError) -> Int64? {
    let services = services
    return try writer.run { (holder) throws(MaquetteError) in
      let found = try holder.connected(services).execute(sql)
      return found.rows > 0 ? try? found.decimal(0, 0) : nil
    }
  }
}
