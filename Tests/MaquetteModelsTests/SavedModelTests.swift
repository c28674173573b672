import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import Synchronization
import TestSupport
import Testing

@testable import MaquetteModels

@Suite struct `Saved models` {
  private let directory = TemporaryDirectory()

  private func store(_ kind: String = "sqlite:") throws -> DataStore {
    try DataStore(kind == "memory:" ? kind : kind + directory.path("store.db"))
  }

  private func trained(_ kind: String, seed: UInt64 = 1) throws -> any Model {
    try Kinds.trained(kind, on: Samples.clouds(rows: 30, seed: seed))
  }

  @Test(arguments: Kinds.names)
  func `with a flipped bit are refused, wherever it is`(kind: String) throws {
    let store = try store()
    let model = try trained(kind)
    let id = try model.save(in: store, name: "m", metadata: ["note": "mine", "zero": -0.0])
    let other = try Kinds.make(kind)
    try other.load(from: store, id)
    let service = try store.service(type(of: model).service)
    let document = try service.get(id)
    var files: [StoredFile] = []
    for entry in document["files"]?.array ?? [] {
      let path = try #require(entry.array?.last?.string)
      files.append(StoredFile(name: entry.array?.first?.string ?? "", bytes: try service.file(at: path)))
    }
    let size = files[0].bytes.count
    for place in [0, size / 2, size - 1] {
      var bytes = files[0].bytes
      bytes[place] ^= 0x10
      let damaged = [StoredFile(name: files[0].name, bytes: bytes)] + files.dropFirst()
      _ = try service.replace(id, with: document, files: damaged)
      let error = failure { try other.load(from: store, id) }
      #expect(error?.code == .badFormat)
      #expect(error?.message.contains("damaged") == true)
      _ = try service.replace(id, with: document, files: files)
      try other.load(from: store, id)
    }
    var changed = document
    changed["metadata"] = ["note": "yours"]
    _ = try service.replace(id, with: changed, files: files)
    #expect(code { try other.load(from: store, id) } == .badFormat)
  }

  @Test func `may be trained by whoever hears that they are loaded`() throws {
    let store = try store()
    let saved = try trained("knn-classifier")
    let id = try saved.save(in: store, name: "m")
    let model = KNNClassifier()
    let samples = try Samples.clouds(rows: 40)
    let failures = Mutex<[String]>([])
    let observation = model.$training.observe { [weak model] event in
      guard event.value.phase == .loaded else { return }
      do throws(MaquetteError) {
        try model?.train(on: samples.features, labels: samples.labels)
      } catch {
        failures.withLock { $0.append(error.message) }
      }
    }
    for _ in 0..<3 {
      try model.load(from: store, id)
      try model.wait()
      #expect(model.training.phase == .success)
      try model.upload(try saved.downloaded())
      try model.wait()
      #expect(model.training.phase == .success)
    }
    observation.cancel()
    #expect(failures.withLock { $0 } == [])
  }

  @Test func `of before there were checksums are loaded`() throws {
    let store = try store()
    let model = try trained("pca")
    let id = try model.save(in: store, name: "m")
    var document = try store.service("pca").get(id)
    document["checksum"] = nil
    document["kind"] = nil
    document["size"] = nil
    _ = try store.service("pca").replace(id, with: document)
    try PCA().load(from: store, id)
    let listed = try #require(try store.models().first)
    #expect(listed.kind == "pca")
    #expect(
      listed.size.map(Int64.init) == (try store.number("SELECT sum(length(bytes)) FROM maquette_files")))
  }

  @Test(arguments: ["memory:", "sqlite:"])
  func `keep the newest versions, and the files of no others`(location: String) throws {
    let store = try store(location)
    let model = try trained("knn-classifier")
    try model.save(in: store, name: "other")
    let ids = try (0..<5).map { _ in try model.save(in: store, name: "m", history: 3) }
    let service = try store.service("knn-classifier-models")
    let events = service.events.queue()
    #expect(try store.models(named: "m").map(\.id) == Array(ids.suffix(3).reversed()))
    let last = try model.save(in: store, name: "m", history: 1)
    #expect(try store.models(ofKind: "knn-classifier").map(\.name) == ["m", "other"])
    // One transaction.
    #expect(try events.next(timeout: 30_000).value.map(\.kind) == [.created, .removed, .removed, .removed])
    #expect(code { try model.load(from: store, ids[4]) } == .notFound)
    #expect(try model.load(from: store, "m").id == last)
    #expect(code { try model.save(in: store, name: "m", history: 0) } == .invalidArgument)
    if location == "sqlite:" { #expect(try store.number("SELECT count(*) FROM maquette_files") == 2) }
  }

  @Test(arguments: ["memory:", "sqlite:"])
  func `are listed with their kinds, and removed with their files`(location: String) throws {
    let store = try store(location)
    #expect(try store.models().isEmpty)
    #expect(try store.services().isEmpty)
    let classifier = try trained("mlp-classifier").save(in: store, name: "m")
    let regressor = try trained("mlp-regressor").save(in: store, name: "m")
    let pca = try trained("pca").save(in: store, name: "p")
    #expect(Set(try store.models().map(\.id)) == [classifier, regressor, pca])
    #expect(try store.models(ofKind: "mlp-classifier").map(\.id) == [classifier])
    #expect(try store.models(named: "p").map(\.kind) == ["pca"])
    #expect(code { _ = try store.models(ofKind: "nothing") } == .unknownKind)
    let size = try #require(try store.models(named: "p").first?.size)
    #expect(size > 0)
    #expect(try store.removeModels("m", ofKind: "mlp-regressor").map(\.id) == [regressor])
    #expect(code { try store.removeModels("m", ofKind: "mlp-regressor") } == .notFound)
    #expect(try store.removeModels(pca).map(\.name) == ["p"])
    #expect(try store.removeModels("m").map(\.id) == [classifier])
    #expect(try store.models().isEmpty)
    if location == "sqlite:" { #expect(try store.number("SELECT count(*) FROM maquette_files") == 0) }
  }
}
