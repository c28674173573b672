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
  let services: PostgreSQLServices

  init(_ options: PostgreSQLOptions) throws(MaquetteError) {
    self.options = options
    let writer = try PostgreSQLChannel(options)
    self.writer = writer
    readers = PostgreSQLReaders(options)
    services = try writer.run { (holder) throws(MaquetteError) in
      PostgreSQLServices(try PostgreSQLSchema.open(try holder.connected(nil)))
    }
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
    let services = services
    try requireOutside()
    return try writer.run { (holder) throws(MaquetteError) in
      // Once the body has run, its caller is told of a loss rather than that it runs again.
      var hasBegun = false
      let (result, _) = try holder.attempt(services, mayRepeat: { !hasBegun }) {
        (connection) throws(MaquetteError) in
        try PostgreSQLTransaction(services, connection).write(
          service, isAhead: isAhead, holder, { hasBegun = true }, body)
      }
      committed(result)
      return result
    }
  }

  func file(_ folder: String, _ name: String) throws(MaquetteError) -> [UInt8]? {
    try reading { (services, connection) throws(MaquetteError) in
      let found = try connection.run(
        "SELECT bytes FROM \(services.schema.files) WHERE folder = $1 AND name = $2", .text(folder), .text(name))
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

  /// Runs SQL on the connection that writes, for tests.
  func execute(_ sql: String) throws(MaquetteError) {
    let services = services
    try writer.run { (holder) throws(MaquetteError) in
      _ = try holder.connected(services).execute(sql)
    }
  }
}
