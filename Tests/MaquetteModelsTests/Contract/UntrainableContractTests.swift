import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteSystem
import TestSupport
import Testing

@testable import MaquetteModels

/// What the kinds keep to that only predict with what was trained elsewhere.
@Suite struct `A kind that can't be trained` {
  /// Whether what runs the models is installed.
  static let canRun = (try? ONNXRuntimeLibrary.load()) != nil

  /// A file for each kind, as others make it, with rows to predict from and what they give.
  static func fixture(_ kind: String) throws -> ONNXFixture {
    try #require(
      ["onnx-model": ONNXFixture("torch-convolution")][kind], "\(kind) has no file to be tried with")
  }

  static func loaded(_ kind: String) throws -> any Model {
    let model = try ModelKinds.make(kind)
    try model.read(try fixture(kind).bytes)
    return model
  }

  @Test(arguments: Kinds.untrainable) func `says so, whatever it is to learn and however`(kind: String) throws
  {
    let samples = try Kinds.samples()
    let model = try ModelKinds.make(kind)
    let table = InstanceTable(features: samples.features, labels: LabelColumn(samples.labels))
    let dataset = try Kinds.dataset(table, in: DataStore("memory:"))
    for source in [TrainingSource.table(table), .dataset(dataset), .blocks(Blocks([table]))] {
      for mode in [TrainingMode.fresh, .continuing, .partial] {
        let error = failure { try model.train(on: source, validatingOn: nil, mode: mode) }
        #expect(error?.code == .unsupported)
        #expect(error?.message.contains(kind) == true && error?.message.contains("upload") == true)
        #expect(model.training == .idle && !model.isTraining)
      }
    }
  }

  @Test(arguments: Kinds.untrainable) func `predicts nothing before it is loaded`(kind: String) throws {
    let model = try ModelKinds.make(kind)
    #expect(code { _ = try model.predictions(of: Kinds.samples().features) } == .notTrained)
    #expect(code { _ = try model.archive() } == .notTrained)
    #expect(code { try model.save(in: DataStore("memory:"), name: "m") } == .notTrained)
    #expect(try model.copy().fittedModel == nil)
    #expect(code { try model.wait() } == nil)
    try model.reset()
    #expect(model.training == .idle)
  }

  @Test(.enabled(if: canRun), arguments: Kinds.untrainable)
  func `predicts alike when it is cloned, saved and loaded, or written and read`(kind: String) throws {
    let fixture = try Self.fixture(kind)
    let model = try Self.loaded(kind)
    #expect(model.training.phase == .loaded)
    let answers = try model.predictions(of: fixture.rows)
    #expect(answers.difference(from: fixture.predictions) < 1e-5)
    let clone = try model.copy()
    #expect(try clone.predictions(of: fixture.rows) == answers)

    let store = try DataStore("memory:")
    let id = try model.save(in: store, name: "m")
    let other = try ModelKinds.make(kind)
    #expect(try other.load(from: store, "m").id == id)
    #expect(try other.predictions(of: fixture.rows) == answers)
    #expect(try store.models(ofKind: kind).map(\.id) == [id])

    let files = try model.downloaded(as: "onnx")
    #expect(files[0].bytes == fixture.bytes)
    let path = TemporaryDirectory()
    #expect(try model.download(to: path.path)[0].hasSuffix(kind + ".onnx"))
    #expect(code { _ = try model.downloaded(as: "safetensors") } == .unsupported)

    try model.reset()
    #expect(model.fittedModel == nil)
    #expect(try clone.predictions(of: fixture.rows) == answers)
  }

  @Test(.enabled(if: canRun), arguments: Kinds.untrainable)
  func `stays as it was when it can't be loaded, and says why`(kind: String) throws {
    let fixture = try Self.fixture(kind)
    let model = try Self.loaded(kind)
    let answers = try model.predictions(of: fixture.rows)
    for damaged in [[], [0xff], Array(fixture.bytes.dropLast(4)), Array(fixture.bytes.prefix(100))] {
      let error = failure { try model.read(damaged) }
      #expect(error?.code == .badFormat, "\(error?.message ?? "")")
      #expect(model.training.phase == .error)
    }
    #expect(code { _ = try model.predictions(of: Matrix([[1, 2]])) } == .badShape)
    #expect(code { try model.load(from: DataStore("memory:"), "nobody") } == .notFound)
    let archive = try model.archive()
    for other in Kinds.names { #expect(code { try Kinds.make(other).restore(archive) } == .badFormat) }
    #expect(try model.predictions(of: fixture.rows) == answers)
  }

  @Test(.enabled(if: canRun), arguments: Kinds.untrainable)
  func `predicts from a dataset`(kind: String) throws {
    let fixture = try Self.fixture(kind)
    let store = try DataStore("memory:")
    let dataset = try Dataset("rows", in: store)
    try dataset.append(fixture.rows, labels: LabelColumn((0..<fixture.rows.rows).map { String($0) }))
    let predictions = try BatchPrediction("predictions", in: store)
    try predictions.predict(Self.loaded(kind), on: dataset)
    try predictions.wait()
    #expect(predictions.status.json["count"]?.integer == fixture.rows.rows)
  }
}
