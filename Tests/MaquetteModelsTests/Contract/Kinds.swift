import Glibc
import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteSystem
import Synchronization
import TestSupport
import Testing

@testable import MaquetteModels

/// What every kind of model that learns is tried on in the tests that hold for all of them.
///
/// The names come from ``ModelKinds``: a new kind is in the contract as soon as it is there, and fails it until it has
/// an entry here.
enum Kinds {
  static let names = ModelKinds.all.filter { $0.isTrainable }.map { $0.kind }

  /// The kinds that only predict with what was trained elsewhere, which have a contract of their own.
  static let untrainable = ModelKinds.all.filter { !$0.isTrainable }.map { $0.kind }

  /// The kinds that are for this.
  static func names(for tasks: ModelTask...) -> [String] {
    ModelKinds.all.filter { tasks.contains($0.task) }.map { $0.kind }
  }

  /// The kinds whose trainings may begin so.
  static func names(that mode: TrainingMode) -> [String] {
    ModelKinds.all.filter { ($0 as? any LearningModel.Type)?.modes.contains(mode) == true }.map { $0.kind }
  }

  /// Parameters with which a training of a few rows takes milliseconds.
  static let short: [String: JSONObject] = [
    "mlp-classifier": ["layers": [8], "epochs": 5, "learningRate": 0.01],
    "mlp-regressor": ["units": [8], "epochs": 5, "learningRate": 0.01],
    "knn-classifier": [:],
    "knn-regressor": [:],
    "kmeans-clustering": ["nInit": 2],
    "pca": [:],
    "umap": ["epochs": 5, "nNeighbors": 5],
  ]

  /// A model with short trainings.
  static func make(_ kind: String, _ parameters: JSONObject = [:]) throws -> any Model {
    let model = try ModelKinds.make(
      kind, parameters: try #require(short[kind], "\(kind) has no entry in Kinds.short"))
    try model.setParameters(parameters)
    return model
  }

  /// The rows, with what the kind learns beside them: labels, or two numbers that go with the features.
  static func table(_ kind: String, _ samples: Samples) throws -> InstanceTable {
    let features = samples.features
    guard try ModelKinds.named(kind).task == .regression else {
      return InstanceTable(features: features, labels: LabelColumn(samples.labels))
    }
    let targets = try Matrix(rows: features.rows, columns: 2) { values in
      for row in 0..<features.rows {
        for target in 0..<2 {
          values[2 * row + target] = features.columns > target ? features[row, target] - 1 : Float(row)
        }
      }
    }
    return InstanceTable(features: features, targets: targets)
  }

  /// The rows of a table as instances of a dataset.
  static func dataset(_ table: InstanceTable, in store: DataStore, _ name: String = "rows") throws -> Dataset
  {
    let dataset = try Dataset(name, in: store)
    if let targets = table.targets {
      try dataset.append(table.features, targets: targets)
    } else {
      try dataset.append(table.features, labels: table.labels)
    }
    return dataset
  }

  /// A model that has learned these rows.
  static func trained(
    _ kind: String, on samples: Samples, _ parameters: JSONObject = [:]
  ) throws -> any Model {
    let model = try make(kind, parameters)
    try model.learn(try table(kind, samples))
    return model
  }

  /// Rows to learn, 4 features wide unless told, that are not told apart all too easily.
  static func samples(
    _ rows: Int = 60, features: Int = 4, labels: Int = 3, seed: UInt64 = 1
  ) throws -> Samples {
    try Samples.clouds(rows: rows, features: features, labels: labels, spread: 2, seed: seed)
  }
}

extension Model {
  /// Trains and waits.
  func learn(_ table: InstanceTable, mode: TrainingMode = .fresh) throws {
    try train(on: .table(table), validatingOn: nil, mode: mode)
    try wait()
  }

  /// What the model predicts from each row.
  func predictions(of rows: Matrix) throws -> Matrix { try readyModel().predictions(of: rows) }

  /// The copy of a model that is known by no more than its protocol.
  func copy() throws -> any Model { try clone() }
}

extension Matrix {
  var isFinite: Bool { withUnsafeBufferPointer { $0.allSatisfy(\.isFinite) } }

  /// The greatest difference of two numbers at the same place.
  func difference(from other: Matrix) -> Float {
    guard rows == other.rows, columns == other.columns else { return .infinity }
    return (0..<rows).flatMap { row in zip(self[row: row], other[row: row]).map { abs($0 - $1) } }.max() ?? 0
  }
}

/// The code with which `body` fails; nil where it doesn't.
func code(_ body: () throws -> Void) -> MaquetteError.Code? { failure(body)?.code }

/// The number in an environment variable, or another.
func setting(_ name: String, _ otherwise: Int) -> Int {
  getenv(name).flatMap { Int(String(cString: $0)) } ?? otherwise
}

/// While `body` runs, blocks of rows are gathered into one table up to this many bytes. The limit is the process's, and
/// tests run beside each other: each that trains on blocks goes through here.
func withTables<Result>(of bytes: Int = 256 << 20, _ body: () throws -> Result) throws -> Result {
  try alone {
    let before = TrainingSource.greatestTable
    defer { TrainingSource.greatestTable = before }
    TrainingSource.greatestTable = bytes
    return try body()
  }
}

/// Blocks of a table, as a host would read them from anywhere.
final class Blocks: BlockSource {
  let blocks: [InstanceTable]
  /// The block that can't be read.
  let broken: Int?
  let passes = Mutex(0)

  init(_ blocks: [InstanceTable], broken: Int? = nil) {
    self.blocks = blocks
    self.broken = broken
  }

  func makeReader(of target: TargetKind) throws(MaquetteError) -> any BlockReader {
    passes.withLock { $0 += 1 }
    return Reader(self)
  }

  private final class Reader: BlockReader {
    let source: Blocks
    var place = 0
    init(_ source: Blocks) { self.source = source }
    func next() throws(MaquetteError) -> InstanceTable? {
      guard place < source.blocks.count else { return nil }
      defer { place += 1 }
      guard place != source.broken else { throw MaquetteError(.inputOutput, "block \(place) is gone") }
      return source.blocks[place]
    }
  }
}
