import MaquetteStores
import MaquetteSystem
import TestSupport
import Testing

/// A kind of store, which must keep the contract that all keep.
///
/// A new kind is one entry in ``everyKind``; every test with `arguments: StoreKind.allCases` then runs on it too.
struct StoreKind: Sendable, CustomTestStringConvertible {
  let name: String

  /// Makes a new, empty store; called for each test, by several threads at once.
  let open: @Sendable () throws -> OpenStore

  /// Why there are no such stores on this machine; nil where there are.
  var unavailable: @Sendable () -> String? = { nil }

  var testDescription: String { name }

  static let memory = StoreKind(name: "memory") { OpenStore("memory:", try DataStore("memory:")) }

  static let sqlite = StoreKind(name: "sqlite") {
    let directory = TemporaryDirectory()
    let location = "sqlite:" + directory.path("store.db")
    return OpenStore(location, try DataStore(location), lasts: true, keeping: directory)
  }

  static let postgreSQL = StoreKind(
    name: "PostgreSQL",
    open: {
      let store = try DataStore(PostgreSQLTesting.freshLocation())
      return OpenStore(store.location, store, lasts: true, keeping: Cleaner(store))
    }, unavailable: { PostgreSQLTesting.location == nil ? PostgreSQLTesting.reason : nil })

  /// On a server of the test's own; see ``FeathersServer``.
  static let remote = StoreKind(
    name: "remote",
    open: {
      var settings = FeathersServer.Settings()
      settings.largestBody = 1 << 30
      settings.ownServices = []
      let server = try FeathersServer(settings)
      let location = server.location + "?poll=10"
      return OpenStore(location, try DataStore(location), lasts: true, keeping: server)
    },
    unavailable: {
      let error = failure { _ = try DataStore("http://127.0.0.1:9/?timeout=1") }
      return error?.code == .unsupported ? error?.message : nil
    })

  /// All kinds, those too that this machine has none of.
  static let everyKind = [memory, sqlite, postgreSQL, remote]

  /// The kinds to test here.
  static let allCases = everyKind.filter { kind in
    guard let reason = kind.unavailable() else { return true }
    print("The contract is not tested on \(kind.name) stores: \(reason)")
    return false
  }

  /// The kinds whose stores several processes, or several handles of one, can open.
  static let lasting = allCases.filter { kind in (try? kind.open().lasts) ?? true }
}

/// A store of a test's own, and what goes when the test is over.
struct OpenStore: Sendable {
  let location: String
  let store: DataStore
  /// Whether the location leads to the same documents when it is opened once more.
  let lasts: Bool
  private let kept: (any Sendable)?

  /// - Parameter kept: what lives for as long as the store: a directory, a server.
  init(_ location: String, _ store: DataStore, lasts: Bool = false, keeping kept: (any Sendable)? = nil) {
    self.location = location
    self.store = store
    self.lasts = lasts
    self.kept = kept
  }
}

/// A store of a test's own.
struct TestStore {
  let store: DataStore
  let open: OpenStore

  init(_ kind: StoreKind) throws {
    open = try kind.open()
    store = open.store
  }

  /// Another handle on the same documents; only for stores that last.
  func another() throws -> DataStore { try DataStore(open.location) }
}
