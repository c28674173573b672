import Glibc
import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import TestSupport
import Testing

@testable import MaquetteModels

/// A kind in a format that it can be written in.
struct WrittenKind: CustomTestStringConvertible {
  let kind: String
  let format: String
  var testDescription: String { kind + " as " + format }

  /// Of the kinds that learn; the others write what they were given.
  static let all = ModelFileFormats.all.flatMap { format in
    format.writtenKinds.filter { !Kinds.untrainable.contains($0) }
      .map { WrittenKind(kind: $0, format: format.name) }
  }

  /// A small model, which has a scale where it can have one.
  func trained(on samples: Samples) throws -> any Model {
    try Kinds.trained(
      kind, on: samples, kind.hasPrefix("mlp") ? ["standardize": true, "activation": "tanh"] : [:])
  }
}

@Suite struct `Model files` {
  private let directory = TemporaryDirectory()

  @Test(arguments: WrittenKind.all)
  func `hold all that a model is`(written: WrittenKind) throws {
    let samples = try Kinds.samples(40)
    let model = try written.trained(on: samples)
    let paths = try model.download(
      to: directory.path("a model.x"), as: written.format, metadata: ["note": "mine"])
    #expect(paths.first == directory.path("a model.x"))
    let other = try ModelKinds.make(written.kind)
    let told = try other.upload(from: paths.reversed())
    #expect(told.kind == written.kind && told.document["metadata"]?["note"] == "mine")
    #expect(other.parameterValues == model.parameterValues)
    #expect((other as? any Classifier)?.labels == (model as? any Classifier)?.labels)
    let expected = try model.predictions(of: samples.features)
    #expect(try other.predictions(of: samples.features).difference(from: expected) < 1e-6)
    // The first file alone tells which others it needs.
    let opened = try ModelKinds.model(from: ModelFiles(reading: [paths[0]]))
    #expect(type(of: opened).kind == written.kind)
    #expect(try opened.predictions(of: samples.features).difference(from: expected) < 1e-6)
    let inMemory = try model.downloaded(as: written.format, named: "m")
    #expect(inMemory.count == paths.count)
    try other.upload(inMemory)
    #expect(try other.predictions(of: samples.features).difference(from: expected) < 1e-6)
  }

  @Test(arguments: Kinds.names(that: .partial))
  func `hold what a training goes on with`(kind: String) throws {
    let samples = try Kinds.samples(40)
    let model = try Kinds.trained(kind, on: samples)
    let other = try ModelKinds.make(kind)
    try other.upload(model.downloaded())
    let more = try Kinds.table(kind, Kinds.samples(20, seed: 2))
    try other.learn(more, mode: .partial)
    #expect(try other.predictions(of: samples.features).isFinite)
    guard kind != "mlp-classifier", kind != "mlp-regressor", kind != "kmeans-clustering" else { return }
    // Those without epochs or chance know then what one knows that was never written.
    try model.learn(more, mode: .partial)
    let difference = try other.predictions(of: samples.features)
      .difference(from: model.predictions(of: samples.features))
    #expect(difference < 1e-5)
  }

  @Test func `tell $training that they are loaded from a file, or why not`() throws {
    let model = try Kinds.trained("pca", on: Kinds.samples(30))
    let path = try model.download(to: directory.path)[0]
    #expect(path == directory.path("pca.safetensors"))
    let other = PCA()
    let events = other.trainingStream.queue()
    try other.upload(from: [path])
    #expect(code { try other.upload(from: [directory.path("nothing")]) } == .inputOutput)
    let statuses = try (0..<5).map { _ in try events.next(timeout: 10_000).value }
    #expect(statuses.map(\.phase) == [.idle, .loading, .loaded, .loading, .error])
    #expect(statuses[2].data == ["source": "file"])
    #expect(other.fittedModel != nil, "it is as it was")
  }

  @Test func `are saved by a model that is synced`() throws {
    let model = try Kinds.trained("knn-classifier", on: Kinds.samples(30))
    let store = try DataStore("memory:")
    let other = KNNClassifier()
    try other.sync(with: store, name: "m")
    try other.upload(model.downloaded())
    try other.flushSync(timeout: 20_000)
    #expect(try store.models(named: "m").count == 1)
    // What was loaded from the store is not saved again.
    try other.load(from: store, "m")
    try other.flushSync(timeout: 20_000)
    #expect(try store.models(named: "m").count == 1)
  }

  @Test func `take their format from the path, or are safetensors`() throws {
    let model = try Kinds.trained("kmeans-clustering", on: Kinds.samples(30))
    func first(_ name: String) throws -> UInt8? {
      readFile(try model.download(to: directory.path(name))[0])?.first
    }
    #expect(try first("m.json") == UInt8(ascii: "{"))
    #expect(try first("m.safetensors") != UInt8(ascii: "{"))
    #expect(try first("m") != UInt8(ascii: "{"))
    let network = try Kinds.trained("mlp-regressor", on: Kinds.samples(30))
    let paths = try network.download(to: directory.path("n.json"))
    #expect(paths == [directory.path("n.json"), directory.path("n.weights.bin")])
    let json = try JSON(parsing: #require(readFile(paths[0])))
    #expect(json["marcelle"]?["type"] == "tfjs-model" && json["marcelle"]?["name"] == "mlp-regressor")
    #expect(json["weightsManifest"]?.array?.first?["paths"] == ["./n.weights.bin"])
    let umap = try Kinds.trained("umap", on: Kinds.samples(30))
    let error = failure { try umap.download(to: directory.path("u.json")) }
    #expect(error?.code == .unsupported && error?.message.contains("safetensors") == true)
    #expect(code { try model.download(to: directory.path("m"), as: "pickle") } == .invalidArgument)
    #expect(code { try model.download(to: directory.path("m"), as: "tfjs") } == .unsupported)
  }

  @Test func `are there whole, or as they were before`() throws {
    let model = try Kinds.trained("pca", on: Kinds.samples(30))
    let path = directory.path("m.safetensors")
    writeFile(path, Array("what was there before".utf8))
    #expect(code { try PCA().download(to: path) } == .notTrained)
    #expect(readFile(path) == Array("what was there before".utf8))
    try model.download(to: path)
    try PCA().upload(from: [path])
    for place in ["/nowhere/m.safetensors", directory.path("m.safetensors/m"), "", "a\u{0}b"] {
      let code = code { try model.download(to: place) }
      #expect(code == (place.isEmpty || place.utf8.contains(0) ? .invalidArgument : .inputOutput), "\(place)")
    }
    // A folder where the second file is to be: the first does not change.
    let network = try Kinds.trained("mlp-classifier", on: Kinds.samples(30))
    writeFile(directory.path("n.json"), [1, 2, 3])
    #expect(mkdir(directory.path("n.weights.bin"), 0o755) == 0)
    #expect(code { try network.download(to: directory.path("n.json")) } == .inputOutput)
    #expect(readFile(directory.path("n.json")) == [1, 2, 3])
    rmdir(directory.path("n.weights.bin"))
  }

  @Test func `of which only some were replaced are refused`() throws {
    let paths = try Kinds.trained("mlp-classifier", on: Kinds.samples(30))
      .download(to: directory.path("n.json"))
    let before = try #require(readFile(paths[1]))
    try Kinds.trained("mlp-classifier", on: Kinds.samples(40)).download(to: paths[0])
    #expect(before != readFile(paths[1]))
    writeFile(paths[1], before)
    let error = failure { try MLPClassifier().upload(from: [paths[0]]) }
    #expect(error?.code == .badFormat && error?.message.contains("of another model") == true)
  }

  @Test func `of another kind, of no format, without their weights, or none, are refused`() throws {
    let network = try Kinds.trained("mlp-classifier", on: Kinds.samples(30))
    let files = try network.downloaded(as: "marcelle", named: "n")
    let other = MLPRegressor()
    var error = failure { try other.upload(files) }
    #expect(error?.code == .badFormat && error?.message.contains("holds a mlp-classifier") == true)
    error = failure { try MLPClassifier().upload([files[0]]) }
    #expect(error?.code == .badFormat && error?.name == "n.weights.bin")
    error = failure { try other.upload([StoredFile(name: "notes.txt", bytes: Array("hello".utf8))]) }
    #expect(error?.code == .badFormat && error?.message.contains("safetensors, marcelle, tfjs") == true)
    #expect(code { try other.upload([]) } == .invalidArgument)
    #expect(code { try other.upload(from: [directory.path]) } == .inputOutput)
  }

  @Test func `wait for no training`() throws {
    let model = KNNClassifier()
    let samples = try Kinds.samples(30)
    try model.learn(Kinds.table("knn-classifier", samples))
    let files = try model.downloaded()
    try model.trainer.exclusively { () throws(MaquetteError) in
      #expect(code { try model.upload(files) } == .busy)
      // What was learned can be written meanwhile.
      #expect((try? model.downloaded()) == files)
    }
  }
}
