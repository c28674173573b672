import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import Synchronization
import TestSupport

/// Removes with the last reference what a store leaves on a server.
final class Cleaner: Sendable {
  private let store: DataStore

  init(_ store: DataStore) { self.store = store }

  deinit { try? store.execute("DROP SCHEMA \(PostgreSQLTesting.schema(of: store.location)) CASCADE") }
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

/// The next `count` events of a service, as `created 7` for a document with `{"n": 7}`.
func texts(
  _ queue: Subscription<[ServiceEvent]>, _ count: Int, _ timeout: Int64 = 30_000
) throws -> [String] {
  var texts: [String] = []
  while texts.count < count {
    for event in try queue.next(timeout: timeout).value {
      texts.append(
        event.kind.rawValue + " "
          + (event.document["n"] ?? event.document["datasetName"] ?? "-").description)
    }
  }
  return texts
}
