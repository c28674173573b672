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
  case memory, sqlite
  var testDescription: String { rawValue }
}

/// A store of a test's own.
struct TestStore {
  let store: DataStore
  private let directory = TemporaryDirectory()

  init(_ kind: StoreKind) throws {
    store = try DataStore(kind == .memory ? "memory:" : "sqlite:" + directory.path("store.db"))
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
