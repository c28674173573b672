import CSQLite
import MaquetteSystem

/// Services in a SQLite file, behind one connection with a thread of its own.
final class SQLiteBackend: Backend {
  private let worker: SerialWorker
  private let content: SQLiteContent
  private let indices: [IndexedField]

  init(_ path: String, _ options: SQLiteOptions) throws(MaquetteError) {
    worker = try SerialWorker("maquette-store")
    content = SQLiteContent()
    indices = options.indices
    let content = content
    // Where this throws, the thread is ended by deinit.
    try worker.run { () throws(MaquetteError) in
      content.open(try SQLiteFile.open(path, options), isSynchronousFull: options.isSynchronousFull)
    }
  }

  deinit {
    let content = content
    // The last connection copies the log into the file and removes it.
    _ = try? worker.run { content.close() }
    worker.stop()
  }

  func serviceNames() throws(MaquetteError) -> [String] {
    let content = content
    return try worker.run { () throws(MaquetteError) in try content.serviceNames() }
  }

  func openService(_ name: String) throws(MaquetteError) {
    let content = content
    let indices = indices
    try worker.run(
      { () throws(MaquetteError) in
        if try content.find(name) == nil {
          try content.transaction("BEGIN IMMEDIATE") { (_) throws(MaquetteError) in try content.make(name) }
        }
        try content.index(name, indices)
      }, afterwards: { content.checkpoint() })
  }

  func read<Result: Sendable>(
    _ service: String, _ body: @escaping @Sendable (any Session) throws(MaquetteError) -> Result
  ) throws(MaquetteError) -> Result {
    let content = content
    return try worker.run { () throws(MaquetteError) in
      let table = try content.table(service)
      return try content.transaction("BEGIN") { (connection) throws(MaquetteError) in
        try body(try SQLiteSession(connection, table))
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
    let content = content
    return try worker.run(
      { () throws(MaquetteError) in
        let table = try content.table(service)
        let result: Result
        do throws(MaquetteError) {
          result = try content.synchronizing(!isAhead) { () throws(MaquetteError) in
            try content.transaction("BEGIN IMMEDIATE") { (connection) throws(MaquetteError) in
              let session = try SQLiteSession(connection, table)
              try session.requirePresence()
              return try body(session)
            }
          }
        } catch {
          table.forget()
          throw error
        }
        table.version.own += 1
        committed(result)
        return result
      }, afterwards: { content.checkpoint() })
  }

  func file(_ folder: String, _ name: String) throws(MaquetteError) -> [UInt8]? {
    let content = content
    return try worker.run { () throws(MaquetteError) in try content.file(folder, name) }
  }

  /// Runs SQL on the connection, for tests.
  package func execute(_ sql: String) throws(MaquetteError) {
    let content = content
    try worker.run { () throws(MaquetteError) in try content.execute(sql) }
  }

  /// A setting of the connection, for tests.
  package func pragma(_ name: String) throws(MaquetteError) -> Int64? {
    let content = content
    return try worker.run { () throws(MaquetteError) in try content.pragma(name) }
  }
}
