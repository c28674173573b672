import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import Synchronization
import TestSupport
import Testing

/// The stores that must all keep one contract.
enum StoreKind: String, CaseIterable, CustomTestStringConvertible, Sendable {
  case memory, sqlite, postgreSQL
  var testDescription: String { rawValue }

  /// All that can be tested: `PostgreSQLTesting` says why one is missing.
  static var allCases: [StoreKind] {
    PostgreSQLTesting.location == nil ? [.memory, .sqlite] : [.memory, .sqlite, .postgreSQL]
  }
}

/// A store of a test's own.
struct TestStore {
  let store: DataStore
  private let cleaner: Cleaner

  init(_ kind: StoreKind) throws {
    let directory = TemporaryDirectory()
    switch kind {
    case .memory: store = try DataStore("memory:")
    case .sqlite: store = try DataStore("sqlite:" + directory.path("store.db"))
    case .postgreSQL: store = try DataStore(PostgreSQLTesting.freshLocation())
    }
    cleaner = Cleaner(store, directory)
  }
}

/// Removes with the last reference what a store leaves on a server.
final class Cleaner: Sendable {
  private let store: DataStore
  private let directory: TemporaryDirectory?

  init(_ store: DataStore, _ directory: TemporaryDirectory? = nil) {
    self.store = store
    self.directory = directory
  }

  deinit {
    guard store.location.hasPrefix("postgres") else { return }
    try? store.execute("DROP SCHEMA \(PostgreSQLTesting.schema(of: store.location)) CASCADE")
  }
}

/// Everything that came, in order.
final class Seen<Value: Sendable>: Sendable {
  private let state = Mutex<[Value]>([])
  func add(_ value: Value) { state.withLock { $0.append(value) } }
  var values: [Value] { state.withLock { $0 } }
}

func query(_ text: String) throws -> Query { try Query(JSON(parsing: text)) }

extension JSONObject {
  init(_ text: String) throws {
    self = try JSON(parsing: text).object ?? [:]
  }

  var id: String { self["id"]?.string ?? "" }
}

extension Page {
  /// One field of each document, as JSON text.
  func values(_ field: String) -> [String] { data.map { $0[field]?.description ?? "-" } }
}

/// Rows that count up, three wide unless said.
func counting(_ rows: Int, columns: Int = 3, from start: Int = 0) throws -> Matrix {
  try Matrix(
    rows: rows, columns: columns, (0..<rows * columns).map { Float(start + $0) })
}
