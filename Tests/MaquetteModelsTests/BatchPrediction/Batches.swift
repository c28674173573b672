import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import Synchronization
import TestSupport
import Testing

@testable import MaquetteModels

/// A store of a test's own, in memory, in a file or, where there is one, on a server.
struct BatchStore {
  static let kinds = ["memory", "sqlite"] + (PostgreSQLTesting.location == nil ? [] : ["postgresql"])

  let store: DataStore
  private let directory = TemporaryDirectory()
  var path: String { directory.path("store.db") }

  init(_ kind: String) throws {
    switch kind {
    case "memory": store = try DataStore("memory:")
    case "postgresql": store = try DataStore(PostgreSQLTesting.freshLocation())
    default: store = try DataStore("sqlite:" + directory.path("store.db"))
    }
  }
}

/// All statuses, in order.
final class StatusLog: Sendable {
  private let state = Mutex<[BatchPredictionStatus]>([])
  init(_ batch: BatchPrediction) {
    batch.$status.observe { event in self.state.withLock { $0.append(event.value) } }
  }
  var statuses: [BatchPredictionStatus] { state.withLock { $0 } }
  /// Each phase once where it comes several times in a row.
  var phases: [BatchPredictionStatus.Phase] {
    statuses.map(\.phase).reduce(into: []) { if $0.last != $1 { $0.append($1) } }
  }
}

/// What the tests of batch predictions begin with.
enum Batches {
  /// A classifier that has learned three clouds.
  static func classifier(seed: Int = 0, epochs: Int = 3) throws -> MLPClassifier {
    let samples = try Samples.clouds(rows: 90)
    let model = MLPClassifier(epochs: epochs, seed: seed)
    try model.train(on: samples.features, labels: samples.labels)
    try model.wait()
    return model
  }

  /// A dataset of clouds.
  static func clouds(_ rows: Int, in store: DataStore, _ name: String = "test", seed: UInt64 = 5) throws
    -> Dataset
  {
    let dataset = try Dataset(name, in: store)
    let samples = try Samples.clouds(rows: rows, seed: seed)
    try dataset.append(samples.features, labels: LabelColumn(samples.labels))
    return dataset
  }

  static func ids(_ service: Service) throws -> [String] {
    var ids: [String] = []
    while true {
      var query = Query()
      query.skip = ids.count
      let page = try service.find(query)
      if page.data.isEmpty { return ids }
      ids += page.data.map { $0["id"]?.string ?? "" }
    }
  }

  /// The ids of all instances, in their order.
  static func ids(of dataset: Dataset) throws -> [String] {
    var ids: [String] = []
    let reader = try dataset.blocks().makeReader(of: .none)
    while let block = try reader.next() { ids += block.ids.map { Array($0) } ?? [] }
    return ids
  }
}
