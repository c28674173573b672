import Glibc
import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import Synchronization
import TestSupport
import Testing

@testable import MaquetteModels

/// A model that is synced, as one process of several has it: with a store of its own on the file they share.
private struct Member {
  let store: DataStore
  let model: any Model
  let status: Subscription<SynchronizationStatus>

  /// - Parameter prepare: is given the model before it is synced.
  init(
    _ location: String, _ kind: String = "knn-classifier", history: Int? = nil,
    prepare: (any Model, DataStore) throws -> Void = { _, _ in }
  ) throws {
    store = try DataStore(location)
    model = try Kinds.make(kind)
    try prepare(model, store)
    status = model.syncStatus.queue()
    try model.sync(with: store, name: "shared", history: history)
  }

  /// Waits until the status is one of these.
  @discardableResult
  func wait(_ phases: SynchronizationStatus.Phase...) throws -> SynchronizationStatus {
    while true {
      let status = try status.next(timeout: 20_000).value
      if phases.contains(status.phase) { return status }
    }
  }

  /// Waits until it predicts that.
  func wait(toPredict expected: Matrix, of rows: Matrix) throws {
    let deadline = Deadline(milliseconds: 20_000)
    while (try? model.readyModel().predictions(of: rows)) != expected {
      try #require(!deadline.hasPassed, "the model did not come within 20 s")
      _ = try? status.next(timeout: 10)
    }
  }

  func train(_ samples: Samples) throws {
    try model.learn(Kinds.table(type(of: model).kind, samples))
    try model.flushSync(timeout: 20_000)
  }

  func predictions(_ rows: Matrix) throws -> Matrix { try model.readyModel().predictions(of: rows) }
}

@Suite struct `Models that are synced` {
  private let directory = TemporaryDirectory()
  private var path: String { directory.path("store.db") }
  private var location: String { "sqlite:" + path }

  /// How often models were written to the file; all that watch it are counted.
  private func writes(_ store: DataStore, _ service: String = "knn-classifier-models") throws -> Int64? {
    try store.number("SELECT count(*) FROM maquette_changes WHERE service = '\(service)'")
  }

  /// Rows that every seed teaches to tell apart in another way.
  private func samples(_ seed: UInt64) throws -> Samples {
    try Samples.clouds(rows: 30, spread: 4, seed: seed)
  }

  @Test(arguments: ["knn-classifier", "mlp-classifier", "pca"])
  func `follow each other, and are written once for each training (Marcelle's fault 3)`(kind: String) throws {
    let members = try (0..<3).map { _ in try Member(location, kind) }
    let rows = try samples(1).features
    for round in 0..<6 {
      let trained = members[round % 3]
      try trained.train(try samples(UInt64(round)))
      let expected = try trained.predictions(rows)
      for member in members { try member.wait(toPredict: expected, of: rows) }
    }
    for member in members { try member.model.flushSync(timeout: 20_000) }
    let service = type(of: members[0].model).service
    #expect(try writes(members[0].store, service) == 6)
    #expect(try members[0].store.service(service).find().total == 1)
  }

  @Test func `begin with the model that is there, or with none`() throws {
    let first = try Member(location)
    #expect(first.model.fittedModel == nil)
    #expect(first.model.syncStatus.value == .idle)
    try first.train(try samples(1))
    let rows = try samples(1).features
    let second = try Member(location)
    #expect(try second.predictions(rows) == first.predictions(rows), "it is loaded when sync returns")
    #expect(second.model.training.phase == .loaded)
  }

  @Test func `in one process share a store in memory`() throws {
    let store = try DataStore("memory:")
    let models = [KNNClassifier(), KNNClassifier()]
    for model in models { try model.sync(with: store, name: "shared") }
    let samples = try samples(3)
    try models[0].learn(Kinds.table("knn-classifier", samples))
    let loaded = models[1].syncStatus.queue()
    while try loaded.next(timeout: 20_000).value.phase != .loaded {}
    #expect(
      try models[1].readyModel().predictions(of: samples.features)
        == models[0].readyModel().predictions(of: samples.features))
  }

  @Test func `agree in the end, however many train at once (Marcelle's fault 4)`() throws {
    let members = try (0..<3).map { _ in try Member(location) }
    for round in 0..<5 {
      for (number, member) in members.enumerated() {
        try member.model.wait()
        try member.model.train(on: Kinds.table("knn-classifier", try samples(UInt64(10 * round + number))))
      }
    }
    for member in members {
      try member.model.wait()
      try member.model.flushSync(timeout: 20_000)
    }
    let newest = try #require(try members[0].store.service("knn-classifier-models").newest(named: "shared"))
    let fresh = KNNClassifier()
    try fresh.load(from: members[0].store, newest["id"]?.string ?? "")
    let rows = try samples(1).features
    let expected = try fresh.readyModel().predictions(of: rows)
    for member in members { try member.wait(toPredict: expected, of: rows) }
    let count = try #require(try writes(members[0].store))
    #expect(count <= 15)
  }

  @Test func `are trained when the host wants to, also while another one's model is loaded`() throws {
    let other = try Member(location)
    let member = try Member(location)
    let table = try Kinds.table("knn-classifier", samples(2))
    let outcomes = Monitor(
      (isLoading: false, here: MaquetteError.Code?.none, elsewhere: [MaquetteError.Code?]()))
    let observation = member.model.trainingStream.observe { [model = member.model] event in
      guard event.value.phase == .loading else { return }
      outcomes.change {
        $0.isLoading = true
        // Waiting would last for ever.
        $0.here = code { try model.train(on: table) }
      }
      usleep(50_000)
    }
    try Thread.start("host") { [model = member.model] in
      _ = outcomes.wait(until: .never) { $0.isLoading ? () : nil }
      let outcome = code { try model.train(on: table) }
      outcomes.change { $0.elsewhere.append(outcome) }
    }
    try other.train(try samples(1))
    let outcome = try #require(
      outcomes.wait(until: Deadline(milliseconds: 20_000)) { $0.elsewhere.isEmpty ? nil : $0 })
    #expect(outcome.here == .busy && outcome.elsewhere == [nil])
    try member.model.wait()
    try member.model.flushSync(timeout: 20_000)
    observation.cancel()
    let rows = try samples(1).features
    try other.wait(toPredict: member.predictions(rows), of: rows)
  }

  @Test func `say that two were trained at once, and keep the newer`() throws {
    // What another process saves just before a training here has ended: stored before the training's end is heard.
    let foreign = Mutex<(document: JSONObject, files: [StoredFile])?>(nil)
    let ours = try Member(location) { model, store in
      let service = try store.service("knn-classifier-models")
      model.trainingStream.observe { event in
        guard event.value.phase == .success, let (document, files) = foreign.withLock({ $0 }) else { return }
        _ = try? service.store(document, files: files, keeping: nil) { newest in
          newest?["id"]?.string.map { .inPlaceOf($0) } ?? .beside
        }
      }
    }
    let rows = try samples(1).features
    let other = KNNClassifier()
    try other.learn(Kinds.table("knn-classifier", try samples(2)))
    for (date, kept) in [("2001-01-01T00:00:00.000Z", "ours"), ("2999-01-01T00:00:00.000Z", "theirs")] {
      var (document, files) = try other.document("shared", [:], madeAt: .now())
      document["trainedAt"] = .string(date)
      foreign.withLock { $0 = (document, files) }
      try ours.model.learn(Kinds.table("knn-classifier", try samples(kept == "ours" ? 7 : 8)))
      let trained = try ours.predictions(rows)
      let status = try ours.wait(.conflict)
      #expect(status.kept?.rawValue == kept)
      #expect(status.json["kept"] == .string(kept))
      foreign.withLock { $0 = nil }
      try ours.model.flushSync(timeout: 20_000)
      let expected = try kept == "ours" ? trained : other.predictions(of: rows)
      try ours.wait(toPredict: expected, of: rows)
      let stored = KNNClassifier()
      try stored.load(from: ours.store, "shared")
      #expect(try stored.predictions(of: rows) == expected)
    }
  }

  @Test func `save what could not be saved when the store is back`() throws {
    let member = try Member(location)
    let second = try Member(location)
    let samples = try samples(1)
    rename(path, path + ".away")
    try member.model.learn(Kinds.table("knn-classifier", samples))
    let status = try member.wait(.error)
    #expect(status.error?.code == .inputOutput)
    #expect(status.attempt == 1 && status.retryIn == 100)
    #expect(status.json["code"] == 19)
    #expect(try member.wait(.error).retryIn == 200)
    #expect(code { try member.model.flushSync(timeout: 20_000) } == .inputOutput)
    rename(path + ".away", path)
    try member.wait(.saved)
    try second.wait(toPredict: member.predictions(samples.features), of: samples.features)
    #expect(try writes(member.store) == 1)
  }

  @Test func `stop when they are told to, with what was trained before saved`() throws {
    let first = try Member(location)
    let second = try Member(location)
    let rows = try samples(1).features
    try first.model.learn(Kinds.table("knn-classifier", try samples(1)))
    try first.model.unsync()
    #expect(!first.model.isSynced)
    #expect(first.model.syncStatus.value == .idle)
    try second.wait(toPredict: first.predictions(rows), of: rows)
    let before = try first.predictions(rows)
    try first.model.learn(Kinds.table("knn-classifier", try samples(2)))
    try second.train(try samples(3))
    #expect(try first.predictions(rows) != before)
    #expect(try writes(second.store) == 2)
    // And can begin again.
    try first.model.sync(with: first.store, name: "shared")
    #expect(try first.predictions(rows) == second.predictions(rows))
    try first.model.unsync()
    try first.model.unsync()
  }

  @Test func `say why the last training was lost, if it is`() throws {
    let member = try Member(location)
    rename(path, path + ".away")
    try member.model.learn(Kinds.table("knn-classifier", try samples(1)))
    #expect(code { try member.model.unsync() } == .inputOutput)
    #expect(!member.model.isSynced)
    rename(path + ".away", path)
    #expect(try writes(member.store) == 0)
  }

  @Test func `save a model that comes from elsewhere, and not one that comes from their own store`() throws {
    let member = try Member(location)
    let elsewhere = try DataStore("memory:")
    let other = KNNClassifier()
    try other.learn(Kinds.table("knn-classifier", try samples(5)))
    try other.save(in: elsewhere, name: "other")
    try member.model.load(from: elsewhere, "other")
    try member.model.flushSync(timeout: 20_000)
    #expect(try writes(member.store) == 1)
    try member.model.load(from: member.store, "shared")
    try member.model.flushSync(timeout: 20_000)
    #expect(try writes(member.store) == 1)
  }

  @Test func `keep as many versions as they are told`() throws {
    let member = try Member(location, history: 3)
    let rows = try samples(1).features
    var ids: [String] = []
    var predictions: [Matrix] = []
    for seed in 1...5 {
      try member.train(try samples(UInt64(seed)))
      ids.append(try #require(member.model.syncStatus.value?.id))
      predictions.append(try member.predictions(rows))
    }
    #expect(try member.store.models(named: "shared").map(\.id) == Array(ids.suffix(3).reversed()))
    let other = KNNClassifier()
    for place in 2..<5 {
      try other.load(from: member.store, ids[place])
      #expect(try other.readyModel().predictions(of: rows) == predictions[place])
    }
    #expect(code { try other.load(from: member.store, ids[0]) } == .notFound)
    #expect(try member.store.number("SELECT count(*) FROM maquette_files") == 3)
  }

  @Test func `are not synced with a model that is damaged, or twice`() throws {
    let member = try Member(location)
    try member.train(try samples(1))
    #expect(code { try member.model.sync(with: member.store, name: "another") } == .conflict)
    #expect(code { try member.model.sync(with: member.store, name: "") } == .invalidArgument)
    #expect(code { try member.model.sync(with: member.store, name: "x", history: 0) } == .invalidArgument)
    try member.model.unsync()
    try member.store.execute("UPDATE maquette_files SET bytes = bytes || x'00'")
    #expect(code { try member.model.sync(with: member.store, name: "shared") } == .badFormat)
    #expect(!member.model.isSynced)
  }

  @Test func `go on when a damaged model appears, and say so`() throws {
    let member = try Member(location)
    try member.train(try samples(1))
    let rows = try samples(1).features
    let before = try member.predictions(rows)
    let other = try DataStore(location).service("knn-classifier-models")
    var document = try #require(try other.newest(named: "shared"))
    document["checksum"] = "sha256:00"
    _ = try other.replace(document["id"]?.string ?? "", with: document)
    let status = try member.wait(.error)
    #expect(status.error?.code == .badFormat && status.retryIn == nil)
    #expect(try member.predictions(rows) == before)
    try member.train(try samples(2))
    #expect(try member.wait(.saved).phase == .saved)
  }

  @Test func `end with their model, once it is saved`() throws {
    let store = try DataStore(location)
    var model: KNNClassifier? = KNNClassifier()
    try model?.sync(with: store, name: "shared")
    let queue = try store.service("knn-classifier-models").events.queue()
    try model?.train(on: Kinds.table("knn-classifier", try samples(1)))
    try model?.wait()
    model = nil
    #expect(try queue.next(timeout: 20_000).value.map(\.kind) == [.created])
  }
}
