public import MaquetteSystem
import Synchronization

/// A place where services keep their documents: memory, a file, or a database server.
///
/// Every method may be called from any thread. A store stays open for as long as anything that came from it is used.
public final class DataStore: Sendable {
  /// Where the store is, as it was opened.
  public let location: String

  private let backend: any Backend
  private let openServices = Mutex<[ExactText: Service]>([:])

  /// Opens a store, and makes it where there is none.
  ///
  /// - Parameter location: `memory:` for a store that ends with its last user, or `sqlite:PATH` for a file. What a
  ///   file store has acknowledged survives a crash and a loss of power; `sqlite:PATH?synchronous=normal` writes
  ///   faster and risks the last moments before a loss of power. `?timeout=MILLISECONDS` says how long to wait for
  ///   another process that writes, 5000 otherwise. `?check=quick` looks the file through for damage before it is used,
  ///   `?check=full` also compares every index with its table; both read all of it;
  ///   `?index=y` or `?index=y,createdAt` gives every service that is opened these indices, see
  ///   ``Service/createIndex(on:)``. Several options are joined by `&`.
  ///
  ///   `postgresql://USER:PASSWORD@HOST:PORT/DATABASE` (or `postgres://`) for a PostgreSQL server, which several machines
  ///   may use at once; what is acknowledged there is as durable as the server's `synchronous_commit` says. `?schema=NAME`
  ///   says in which schema the tables are, and makes it; `?lock_timeout=MILLISECONDS` how long to wait for another
  ///   process that writes to the same service, 5000 otherwise; `?statement_timeout=MILLISECONDS` how long for any
  ///   answer, 60000 otherwise, 0 for ever; `?poll=MILLISECONDS` that changes of others are asked for rather than
  ///   listened to. `?connect_timeout=SECONDS`, `?sslmode=…` and all else is libpq's.
  ///
  ///   `http://HOST:PORT/PATH` or `https://…` is a Marcelle backend, or any server of Feathers services. It makes ids and
  ///   dates itself. How safe is what it has acknowledged is up to it; calls are not isolated from each other, and one that
  ///   writes several documents may have written some of them when it fails. What others do is looked up every
  ///   `?poll=MILLISECONDS`, 1000 unless said, while anybody subscribes to it. A request takes at most
  ///   `?timeout=MILLISECONDS`, 30000 unless said, with what is tried again. `?token-from=VARIABLE` names the environment
  ///   variable that holds a token to authenticate with: in the location it would get into logs. Files of TensorFlow.js
  ///   models go where the server keeps them; all others are kept, in pieces, as documents of a service of their own.
  /// - Throws: ``MaquetteError/Code/invalidArgument`` for what is no location, ``MaquetteError/Code/unsupported`` for
  ///   another scheme, or where the library for it, libpq or libcurl, is not installed, ``MaquetteError/Code/badFormat`` for a file that a check finds damaged, ``MaquetteError/Code/notAStore`` for a file of something else or of a newer version, ``MaquetteError/Code/inputOutput`` where it can't be opened or
  ///   written, ``MaquetteError/Code/full``, ``MaquetteError/Code/locked``.
  public init(_ location: String) throws(MaquetteError) {
    self.location = location
    switch try Location(location) {
    case .memory: backend = MemoryBackend()
    case .sqlite(let path, let options): backend = try SQLiteBackend(path, options)
    case .postgreSQL(let options): backend = try PostgreSQLBackend(options)
    case .remote(let options): backend = try RemoteBackend(options)
    }
  }

  /// The service of that name, made where it isn't there. Everybody gets the same object, so that its events reach
  /// everybody.
  ///
  /// - Throws: ``MaquetteError/Code/invalidArgument`` for a name that is empty or holds a NUL.
  public func service(_ name: String) throws(MaquetteError) -> Service {
    if let service = openServices.withLock({ $0[ExactText(name)] }) { return service }
    guard !name.isEmpty, !name.utf8.contains(0) else {
      throw MaquetteError(
        .invalidArgument, "the name of a service must not be empty or hold a NUL", name: name)
    }
    try backend.openService(name)
    return openServices.withLock { services in
      if let service = services[ExactText(name)] { return service }
      let service = Service(name, backend)
      services[ExactText(name)] = service
      return service
    }
  }

  /// The names of all services, in the order they were made.
  public func services() throws(MaquetteError) -> [String] { try backend.serviceNames() }

  /// Writes a copy of the store, as it is at one moment, to a file, while the store is used.
  ///
  /// - Parameter path: of a file that is not there yet, which then appears whole; or of a store, whose content is replaced
  ///   in one step. Open it as `sqlite:PATH`.
  /// - Throws: ``MaquetteError/Code/unsupported`` for a store that is in no file, ``MaquetteError/Code/invalidArgument`` for
  ///   the store's own file, ``MaquetteError/Code/notAStore`` where a file of something else is,
  ///   ``MaquetteError/Code/inputOutput``, ``MaquetteError/Code/full``, ``MaquetteError/Code/locked``.
  public func backup(to path: String) throws(MaquetteError) {
    guard let backend = backend as? SQLiteBackend else {
      throw MaquetteError(
        .unsupported, "only a store in a file can be copied to another; \(quoted(location)) is none",
        name: location)
    }
    try backend.backup(to: path)
  }
  /// Whether there is a service of that name; unlike ``service(_:)`` this makes none.
  package func contains(_ service: String) throws(MaquetteError) -> Bool { try backend.hasService(service) }

  /// Runs SQL on the store's connection, for tests; does nothing for a store in memory.
  package func execute(_ sql: String) throws(MaquetteError) {
    try (backend as? SQLiteBackend)?.execute(sql)
    try (backend as? PostgreSQLBackend)?.execute(sql)
  }

  /// The whole number that a query of one row gives, for tests; nil for a store in memory.
  package func number(_ sql: String) throws(MaquetteError) -> Int64? {
    if let backend = backend as? PostgreSQLBackend { return try backend.execute(sql) }
    return try (backend as? SQLiteBackend)?.number(sql)
  }

  /// A setting of the store's connection, for tests; nil for a store in memory.
  package func pragma(_ name: String) throws(MaquetteError) -> Int64? {
    try (backend as? SQLiteBackend)?.pragma(name)
  }
}
