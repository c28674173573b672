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

/// A classifier that has learned three clouds.
private func classifier(seed: Int = 0, epochs: Int = 3) throws -> MLPClassifier {
  let samples = try Samples.clouds(rows: 90)
  let model = MLPClassifier(epochs: epochs, seed: seed)
  try model.train(on: samples.features, labels: samples.labels)
  try model.wait()
  return model
}

/// A dataset of clouds.
private func clouds(_ rows: Int, in store: DataStore, _ name: String = "test", seed: UInt64 = 5) throws
  -> Dataset
{
  let dataset = try Dataset(name, in: store)
  let samples = try Samples.clouds(rows: rows, seed: seed)
  try dataset.append(samples.features, labels: LabelColumn(samples.labels))
  return dataset
}

private func ids(_ service: Service) throws -> [String] {
  var ids: [String] = []
  while true {
    var query = Query()
    query.skip = ids.count
    let page = try service.find(query)
    if page.data.isEmpty { return ids }
    ids += page.data.map { $0["id"]?.string ?? "" }
  }
}

@Suite struct `A batch prediction` {
  // MARK: What Marcelle's does

  @Test(arguments: BatchStore.kinds) func `goes through Marcelle's sequence, a record at a time`(kind: String)
    throws
  {
    let here = try BatchStore(kind)
    let model = try classifier()
    let dataset = try clouds(30, in: here.store)
    let batch = try BatchPrediction("TestSet", in: here.store)
    #expect(batch.serviceName == "predictions-test-set")
    #expect(batch.status.phase == .idle)
    let log = StatusLog(batch)
    try batch.predict(model, on: dataset)
    try batch.wait()
    #expect(log.phases == [.idle, .start, .running, .success])
    let running = log.statuses.filter { $0.phase == .running }
    #expect(running.map(\.count) == (1...30).map { $0 })
    #expect(running.allSatisfy { $0.total == 30 })
    let records = try here.store.service("predictions-test-set").find()
    #expect(records.total == 30)
    for (status, record) in zip(running, records.data) { #expect(status.data == record) }
    let last = try #require(log.statuses.last)
    #expect(last.json == ["status": "success", "count": 30, "total": 30])
    #expect(log.statuses.first { $0.phase == .start }?.json == ["status": "start"])
  }

  @Test(arguments: BatchStore.kinds) func `stores what the classifier predicts, with instanceId and yTrue`(
    kind: String
  ) throws {
    let here = try BatchStore(kind)
    let model = try classifier()
    let dataset = try clouds(12, in: here.store)
    let batch = try BatchPrediction("test", in: here.store)
    try batch.predict(model, on: dataset)
    try batch.wait()
    let instances = try dataset.find().data
    let records = try here.store.service(batch.serviceName).find().data
    for (record, instance) in zip(records, instances) {
      let row = (instance["x"]?.array ?? []).map { Float($0.number ?? .nan) }
      let expected = try model.predict(row).json
      #expect(record["label"] == expected["label"])
      #expect(record["confidences"] == expected["confidences"])
      #expect(record["instanceId"] == instance["id"])
      #expect(record["yTrue"] == instance["y"])
      #expect(
        Set(record.names) == ["id", "label", "confidences", "instanceId", "yTrue", "createdAt", "updatedAt"])
    }
  }

  @Test(arguments: BatchStore.kinds) func `fault 12: numbers and vectors are in the records`(kind: String)
    throws
  {
    let here = try BatchStore(kind)
    let samples = try Samples.clouds(rows: 40)
    let dataset = try Dataset("numbers", in: here.store)
    let targets = try Matrix(rows: 40, columns: 1, (0..<40).map { Float($0) / 8 })
    try dataset.append(samples.features, targets: targets)
    let regressor = MLPRegressor()
    regressor.epochs = 2
    try regressor.train(on: dataset)
    try regressor.wait()
    let batch = try BatchPrediction("numbers", in: here.store)
    try batch.predict(regressor, on: dataset)
    try batch.wait()
    var record = try #require(try here.store.service(batch.serviceName).find().data.last)
    let row = samples.features[row: 39]
    #expect(record["value"]?.number == Double(try regressor.predict(row)[0]))
    #expect(record["yTrue"] == .number(39.0 / 8))
    #expect(try batch.results().trueValues == targets)

    let pca = PCA(nComponents: 2)
    try pca.train(on: dataset)
    try pca.wait()
    try batch.predict(pca, on: dataset)
    try batch.wait()
    record = try #require(try here.store.service(batch.serviceName).find().data.last)
    let fitted = try #require(pca.fittedModel)
    let scores = try fitted.predictions(of: samples.features)
    #expect(record["value"] == .array(scores[row: 39].map { JSON(Double($0)) }))
    #expect(try batch.results().values == scores)

    let one = PCA(nComponents: 1)
    try one.train(on: dataset)
    try one.wait()
    try batch.predict(one, on: dataset)
    try batch.wait()
    #expect(try here.store.service(batch.serviceName).find().data.last?["value"]?.array?.count == 1)
  }

  @Test(arguments: BatchStore.kinds) func `stores clusters with their confidences`(kind: String) throws {
    let here = try BatchStore(kind)
    let dataset = try clouds(30, in: here.store)
    let clustering = KMeansClustering(k: 3)
    try clustering.train(on: dataset)
    try clustering.wait()
    let batch = try BatchPrediction("clusters", in: here.store)
    try batch.predict(clustering, on: dataset)
    try batch.wait()
    let records = try here.store.service(batch.serviceName).find().data
    let answers = try clustering.predict(try dataset.table().features)
    for (record, answer) in zip(records, answers) {
      #expect(record["cluster"]?.integer == answer.cluster)
      #expect(record["confidences"]?["2"]?.number == Double(answer.confidences[2]))
    }
    let results = try batch.results()
    #expect(results.names == ["0", "1", "2"])
    #expect((0..<30).allSatisfy { results.predicted[$0] == String(answers[$0].cluster) })
  }

  @Test(arguments: BatchStore.kinds) func `keeps every sort of yTrue as the instance has it`(kind: String)
    throws
  {
    let here = try BatchStore(kind)
    let dataset = try Dataset("mixed", in: here.store)
    let truths: [JSON?] = [
      "text", 3, 2.5, nil, .null, true, [1, 2], ["a": 1], "3", [0.1], .string(""), .string("né\u{0}"),
    ]
    for truth in truths {
      var instance: JSONObject = ["x": [1, 2, 3, 4]]
      instance["y"] = truth
      _ = try dataset.create(instance)
    }
    let batch = try BatchPrediction("mixed", in: here.store)
    try batch.predict(try classifier(), on: dataset)
    try batch.wait()
    let records = try here.store.service(batch.serviceName).find().data
    #expect(records.map { $0["yTrue"] } == truths)
    let labels = try batch.results().trueLabels
    #expect(
      (0..<truths.count).map { labels[$0] } == [
        "text", "3", "2.5", nil, nil, "true", "[1,2]", "{\"a\":1}", "3", "[0.1]", "", "né\u{0}",
      ])
    #expect(try batch.results().trueValues == nil)
  }

  @Test(arguments: BatchStore.kinds) func `finds records by label, yTrue and instanceId`(kind: String) throws
  {
    let here = try BatchStore(kind)
    let dataset = try clouds(60, in: here.store)
    let batch = try BatchPrediction("test", in: here.store)
    try batch.predict(try classifier(epochs: 20), on: dataset)
    try batch.wait()
    let service = try here.store.service(batch.serviceName)
    let results = try batch.results()
    func found(_ query: String) throws -> Page { try service.find(Query(JSON(parsing: query))) }
    let ofLabel = (0..<60).filter { results.predicted[$0] == "label 1" }.count
    #expect(try found(#"{"label": "label 1"}"#).total == ofLabel && ofLabel > 0)
    #expect(try found(#"{"yTrue": "label 2"}"#).total == 20)
    #expect(try found(#"{"y": "label 2"}"#).total == 0)
    #expect(try found(#"{"yTrue": "label 2", "label": {"$ne": "label 2"}}"#).total <= 20)
    let id = results.instanceIDs[17]
    let page = try found(#"{"instanceId": "\#(id)"}"#)
    #expect(page.total == 1 && page.data[0]["instanceId"] == .string(id))
    #expect(try service.get(page.data[0]["id"]?.string ?? "") == page.data[0])
    #expect(try found(#"{"confidences.label 0": {"$gte": 0}, "$select": ["yTrue"]}"#).total == 60)
    #expect(try found(#"{"$sort": {"confidences.label 0": -1}, "$limit": 1}"#).data[0]["yTrue"] == "label 0")
    #expect(try service.distinct("yTrue") == ["label 0", "label 1", "label 2"])
    // The features of an instance are not in its record, and the other way round.
    #expect(try found(#"{"x": null, "value": null, "cluster": null}"#).total == 60)
  }

  // MARK: Faults

  @Test(arguments: BatchStore.kinds) func `fault 9: clear works on a memory store too`(kind: String) throws {
    let here = try BatchStore(kind)
    let dataset = try clouds(10, in: here.store)
    let batch = try BatchPrediction("test", in: here.store)
    try batch.predict(try classifier(), on: dataset)
    try batch.wait()
    #expect(try batch.count() == 10)
    try batch.clear()
    #expect(try batch.count() == 0)
    #expect(try here.store.service(batch.serviceName).find().total == 0)
    #expect(try batch.results().count == 0)
    try batch.clear()
  }

  @Test(arguments: BatchStore.kinds)
  func `fault 12: clear tells $status, and progress counts from 1 to the total`(
    kind: String
  ) throws {
    let here = try BatchStore(kind)
    let dataset = try clouds(3, in: here.store)
    let batch = try BatchPrediction("test", in: here.store)
    let log = StatusLog(batch)
    try batch.predict(try classifier(), on: dataset)
    try batch.wait()
    try batch.clear()
    #expect(batch.status.json == ["status": "idle"])
    #expect(log.phases == [.idle, .start, .running, .success, .idle])
    #expect(log.statuses.filter { $0.phase == .running }.map(\.count) == [1, 2, 3])
  }

  @Test func `fault 12: a block is one transaction, not one request a row`() throws {
    let here = try BatchStore("sqlite")
    let dataset = try clouds(5000, in: here.store)
    let batch = try BatchPrediction("test", in: here.store)
    let batches = Mutex<[Int]>([])
    try here.store.service(batch.serviceName).events.observe { event in
      batches.withLock { $0.append(event.value.count) }
    }
    try batch.predict(try classifier(), on: dataset)
    try batch.wait()
    #expect(batches.withLock { $0 } == [4096, 904])
  }

  // MARK: Opening

  @Test func `is loaded where there are predictions already`() throws {
    let here = try BatchStore("sqlite")
    let dataset = try clouds(10, in: here.store)
    let batch = try BatchPrediction("test", in: here.store)
    try batch.predict(try classifier(), on: dataset)
    try batch.wait()
    let results = try batch.results()
    let again = try DataStore("sqlite:" + here.path)
    let other = try BatchPrediction("test", in: again)
    #expect(other.status.json == ["status": "loaded"])
    #expect(try other.results().values == results.values)
    #expect(try other.results().predicted == results.predicted)
    #expect(Array(try other.results().instanceIDs) == Array(results.instanceIDs))
  }

  @Test func `refuses names that are none, models that are not trained, fields without a name`() throws {
    let here = try BatchStore("memory")
    #expect(failure { _ = try BatchPrediction("", in: here.store) }?.code == .invalidArgument)
    #expect(failure { _ = try BatchPrediction("a\u{0}", in: here.store) }?.code == .invalidArgument)
    let batch = try BatchPrediction("test", in: here.store)
    let dataset = try clouds(3, in: here.store)
    #expect(failure { try batch.predict(MLPClassifier(), on: dataset) }?.code == .notTrained)
    let model = try classifier()
    #expect(failure { try batch.predict(model, on: dataset, inputField: "") }?.code == .invalidArgument)
    #expect(batch.status.phase == .idle)
    try batch.wait()
  }

  @Test(arguments: BatchStore.kinds) func `predicts nothing of an empty dataset`(kind: String) throws {
    let here = try BatchStore(kind)
    let model = try classifier()
    let batch = try BatchPrediction("test", in: here.store)
    try batch.predict(model, on: clouds(4, in: here.store))
    try batch.wait()
    try batch.predict(model, on: Dataset("nobody", in: here.store))
    try batch.wait()
    #expect(batch.status.json == ["status": "success", "count": 0, "total": 0])
    #expect(try batch.count() == 0)
  }

  // MARK: Input

  @Test(arguments: BatchStore.kinds) func `reads the features from another field`(kind: String) throws {
    let here = try BatchStore(kind)
    let samples = try Samples.clouds(rows: 20)
    let dataset = try Dataset("fields", in: here.store)
    for row in 0..<20 {
      let numbers = samples.features[row: row].map { JSON(Double($0)) }
      _ = try dataset.create([
        "x": "a picture", "y": .string(samples.labels[row]),
        "features": .array([.array(Array(numbers[..<2])), .array(Array(numbers[2...]))]),
        "deep": ["down": .array(numbers)],
      ])
    }
    let model = try classifier()
    let batch = try BatchPrediction("test", in: here.store)
    let expected = try model.confidences(of: samples.features)
    for field in ["features", "deep.down"] {
      try batch.predict(model, on: dataset, inputField: field)
      try batch.wait()
      #expect(try batch.results().values == expected)
    }
    #expect(
      failure {
        try batch.predict(model, on: dataset); try batch.wait()
      }?.code == .badShape)
    let missing = failure {
      try batch.predict(model, on: dataset, inputField: "nothing"); try batch.wait()
    }
    #expect(missing?.code == .badShape && missing?.message.contains("\"nothing\"") == true)
    #expect(batch.status.phase == .error)
    #expect(batch.status.data?["error"]?.string == missing?.message)
    // What was there stayed.
    #expect(try batch.count() == 20)
  }

  @Test(arguments: BatchStore.kinds) func `says which rows don't fit the model, and keeps what was there`(
    kind: String
  )
    throws
  {
    let here = try BatchStore(kind)
    let model = try classifier()
    let batch = try BatchPrediction("test", in: here.store)
    try batch.predict(model, on: clouds(4, in: here.store))
    try batch.wait()
    let wide = try Dataset("wide", in: here.store)
    try wide.append(
      Matrix(rows: 2, columns: 5, [Float](repeating: 1, count: 10)), labels: LabelColumn(["a", "b"]))
    #expect(
      failure {
        try batch.predict(model, on: wide); try batch.wait()
      }?.code == .badShape)
    #expect(try batch.count() == 4)
  }

  // MARK: Running

  /// A batch prediction that is held up in its first block, so that something else can be done meanwhile.
  private final class Halted: @unchecked Sendable {
    let here: BatchStore
    let dataset: Dataset
    let batch: BatchPrediction
    let gate = Monitor(false)
    let reached = Monitor(false)

    init(_ kind: String, rows: Int = 5000, at count: Int = 1) throws {
      here = try BatchStore(kind)
      dataset = try clouds(rows, in: here.store)
      batch = try BatchPrediction("test", in: here.store)
      let (gate, reached) = (gate, reached)
      batch.$status.observe { event in
        guard event.value.count == count, event.value.phase == .running else { return }
        reached.change { $0 = true }
        _ = gate.wait(until: .never) { $0 ? () : nil }
      }
    }

    func start(_ model: any Model, resume: Bool = false) throws {
      try batch.predict(model, on: dataset, resume: resume)
      _ = reached.wait(until: .never) { $0 ? () : nil }
    }

    func open() { gate.change { $0 = true } }
  }

  @Test(arguments: BatchStore.kinds) func `ends after a block when it is cancelled, and keeps the block`(
    kind: String
  )
    throws
  {
    let halted = try Halted(kind)
    try halted.start(try classifier())
    #expect(halted.batch.isRunning)
    halted.batch.cancel()
    halted.open()
    #expect(failure { try halted.batch.wait() }?.code == .cancelled)
    #expect(halted.batch.status.json == ["status": "cancelled", "count": 4096, "total": 5000])
    #expect(try halted.batch.count() == 4096)
    #expect(!halted.batch.isRunning)
  }

  @Test func `is busy while it runs, for another run and for clear`() throws {
    let halted = try Halted("memory")
    let model = try classifier()
    try halted.start(model)
    #expect(failure { try halted.batch.predict(model, on: halted.dataset) }?.code == .busy)
    #expect(failure { try halted.batch.clear() }?.code == .busy)
    #expect(failure { try halted.batch.wait(timeout: 1) }?.code == .timeout)
    halted.open()
    try halted.batch.wait()
    try halted.batch.clear()
  }

  @Test func `can't be waited for in a callback of its own`() throws {
    let here = try BatchStore("memory")
    let dataset = try clouds(3, in: here.store)
    let batch = try BatchPrediction("test", in: here.store)
    let found = Monitor<MaquetteError.Code?>(nil)
    let subscription = batch.$status.subscribe { status in
      if status.phase == .success { found.change { $0 = failure { try batch.wait() }?.code } }
    }
    try batch.predict(try classifier(), on: dataset)
    try batch.wait()
    #expect(found.withLock { $0 } == .reentrant)
    subscription.cancel()
  }

  @Test func `predicts with what the model knew when it was started`() throws {
    let halted = try Halted("memory")
    let model = try classifier()
    let expected = try model.confidences(of: try halted.dataset.table().features)
    try halted.start(model)
    let samples = try Samples.clouds(rows: 30, features: 7)
    try model.train(on: samples.features, labels: samples.labels)
    try model.wait()
    halted.open()
    try halted.batch.wait()
    #expect(try halted.batch.results().values == expected)
  }

  @Test func `is awaited by tasks, and cancelled with them`() async throws {
    let here = try BatchStore("memory")
    let dataset = try clouds(100, in: here.store)
    let batch = try BatchPrediction("test", in: here.store)
    try await batch.predict(try classifier(), on: dataset)
    #expect(batch.status.phase == .success)
    #expect(try batch.count() == 100)
  }

  // MARK: Going on

  @Test(arguments: BatchStore.kinds) func `goes on where a cancelled run ended`(kind: String) throws {
    let halted = try Halted(kind)
    let model = try classifier()
    try halted.start(model)
    halted.batch.cancel()
    halted.open()
    _ = failure { try halted.batch.wait() }
    let kept = try ids(try halted.here.store.service(halted.batch.serviceName))
    let log = StatusLog(halted.batch)
    try halted.batch.predict(model, on: halted.dataset, resume: true)
    try halted.batch.wait()
    let running = log.statuses.filter { $0.phase == .running && $0.count != 4096 }
    #expect(running.map(\.count) == (4097...5000).map { $0 })
    let all = try ids(try halted.here.store.service(halted.batch.serviceName))
    #expect(Array(all[..<4096]) == kept)
    let results = try halted.batch.results()
    #expect(results.values == (try model.confidences(of: try halted.dataset.table().features)))
    #expect(Set(results.instanceIDs).count == 5000)
  }

  @Test(arguments: BatchStore.kinds) func `predicts anew what was changed, and forgets what is gone`(
    kind: String
  ) throws {
    let here = try BatchStore(kind)
    let model = try classifier()
    let dataset = try clouds(20, in: here.store)
    let batch = try BatchPrediction("test", in: here.store)
    try batch.predict(model, on: dataset)
    try batch.wait()
    let service = try here.store.service(batch.serviceName)
    let before = try service.find().data
    let instances = try dataset.find().data
    let (changed, gone) = (instances[3]["id"]?.string ?? "", instances[7]["id"]?.string ?? "")
    _ = try dataset.replace(changed, with: ["x": [9, 9, 9, 9], "y": "other"])
    _ = try dataset.remove(gone)
    _ = try dataset.create(["x": [1, 1, 1, 1], "y": "new"])
    let log = StatusLog(batch)
    try batch.predict(model, on: dataset, resume: true)
    try batch.wait()
    #expect(log.statuses.filter { $0.phase == .running }.map(\.count) == [19, 20])
    #expect(batch.status.json == ["status": "success", "count": 20, "total": 20])
    let after = try service.find().data
    #expect(after.count == 20)
    #expect(after.filter { before.contains($0) }.count == 18)
    #expect(after.contains { $0["instanceId"] == .string(changed) && $0["yTrue"] == "other" })
    #expect(!after.contains { $0["instanceId"] == .string(gone) })
    #expect(after.contains { $0["yTrue"] == "new" })
  }

  @Test func `goes on in another process with a model that was saved and loaded`() throws {
    for kind in Kinds.names {
      let here = try BatchStore("sqlite")
      let model = try ModelKinds.make(kind)
      let dataset = try Dataset("test", in: here.store)
      let samples = try Samples.clouds(rows: 30)
      if kind.hasSuffix("regressor") {
        try dataset.append(samples.features, targets: samples.features)
      } else {
        try dataset.append(samples.features, labels: LabelColumn(samples.labels))
      }
      try model.train(on: dataset)
      try model.wait()
      let batch = try BatchPrediction("test", in: here.store)
      try batch.predict(model, on: dataset)
      try batch.wait()
      try model.save(in: here.store, name: "saved")
      let before = try ids(try here.store.service(batch.serviceName))
      let again = try DataStore("sqlite:" + here.path)
      let loaded = try ModelKinds.make(kind)
      try loaded.load(from: again, "saved")
      let other = try BatchPrediction("test", in: again)
      try other.predict(loaded, on: Dataset("test", in: again), resume: true)
      try other.wait()
      #expect(try ids(try again.service(batch.serviceName)) == before, "\(kind)")
      #expect(other.status.json == ["status": "success", "count": 30, "total": 30])
    }
  }

  @Test(arguments: BatchStore.kinds) func `never mixes the predictions of two models, datasets or fields`(
    kind: String
  )
    throws
  {
    let here = try BatchStore(kind)
    let model = try classifier()
    let dataset = try clouds(20, in: here.store)
    let batch = try BatchPrediction("test", in: here.store)
    let service = try here.store.service(batch.serviceName)
    try batch.predict(model, on: dataset)
    try batch.wait()
    var before = try ids(service)
    func isAnew(_ what: String) throws {
      try batch.wait()
      let after = try ids(service)
      #expect(after.count == 20, "\(what)")
      #expect(Set(after).isDisjoint(with: before), "\(what)")
      before = after
    }
    try batch.predict(try classifier(seed: 1), on: dataset, resume: true)
    try isAnew("another model")
    try batch.predict(model, on: dataset, resume: true)
    try isAnew("back to the first")
    let samples = try Samples.clouds(rows: 60, seed: 9)
    try model.train(on: samples.features, labels: samples.labels)
    try model.wait()
    try batch.predict(model, on: dataset, resume: true)
    try isAnew("trained again")
    try batch.predict(model, on: clouds(20, in: here.store, "other"), resume: true)
    try isAnew("another dataset")
    try batch.predict(model, on: Dataset("other", in: here.store), inputField: "x.0", resume: true)
    #expect(failure { try batch.wait() }?.code == .badShape)
    #expect(try ids(service) == before)
  }

  // MARK: What goes wrong meanwhile

  @Test(arguments: BatchStore.kinds)
  func `a dataset that is cleared meanwhile is an error, and no block is half there`(
    kind: String
  ) throws {
    let halted = try Halted(kind)
    try halted.start(try classifier())
    try halted.dataset.clear()
    halted.open()
    let error = failure { try halted.batch.wait() }
    #expect(error?.code == .conflict && error?.message.contains("\"test\"") == true)
    #expect(halted.batch.status.data?["code"]?.integer == Int(MaquetteError.Code.conflict.rawValue))
    #expect(try halted.batch.count() == 4096)
    #expect(try halted.batch.results().count == 4096)
  }

  @Test(
    arguments: BatchStore.kinds, ["created", "replaced", "replaced ahead", "removed", "by another process"])
  func `a dataset that changes meanwhile is an error, and resuming repairs it`(kind: String, change: String)
    throws
  {
    let halted = try Halted(kind)
    let model = try classifier()
    let dataset = halted.dataset
    let (first, last) = try {
      let all = try BatchPredictionSupport.ids(of: dataset)
      return (all[0], all[4999])
    }()
    try halted.start(model)
    usleep(2000)  // dates have milliseconds
    switch change {
    case "created": _ = try dataset.create(["x": [0, 0, 0, 0]])
    case "replaced": _ = try dataset.replace(first, with: ["x": [0, 0, 0, 0]])
    case "replaced ahead": _ = try dataset.replace(last, with: ["x": [0, 0, 0, 0]])
    case "removed": _ = try dataset.remove(last)
    default:
      guard kind == "sqlite" else {
        halted.open()
        return
      }
      let other = try Dataset("test", in: DataStore("sqlite:" + halted.here.path))
      _ = try other.replace(first, with: ["x": [0, 0, 0, 0]])
    }
    halted.open()
    #expect(failure { try halted.batch.wait() }?.code == .conflict)
    try halted.batch.predict(model, on: dataset, resume: true)
    try halted.batch.wait()
    let results = try halted.batch.results()
    #expect(Set(results.instanceIDs) == Set(try BatchPredictionSupport.ids(of: dataset)))
    #expect(results.count == dataset.count)
  }

  @Test func `what another process does to other datasets is no matter`() throws {
    let halted = try Halted("sqlite")
    try halted.start(try classifier())
    _ = try clouds(10, in: DataStore("sqlite:" + halted.here.path), "another")
    halted.open()
    try halted.batch.wait()
    #expect(try halted.batch.count() == 5000)
  }

  @Test func `a store that disappears meanwhile is an error`() throws {
    let halted = try Halted("sqlite")
    try halted.start(try classifier())
    unlink(halted.here.path)
    halted.open()
    let error = failure { try halted.batch.wait() }
    #expect(error?.code == .inputOutput && error?.message.contains("gone") == true)
    #expect(halted.batch.status.phase == .error)
  }

  @Test func `predictions that somebody else begins meanwhile are an error`() throws {
    let halted = try Halted("memory")
    let model = try classifier()
    try halted.start(model)
    let other = try BatchPrediction("test", in: halted.here.store)
    try other.predict(model, on: clouds(3, in: halted.here.store, "few"))
    try other.wait()
    halted.open()
    #expect(failure { try halted.batch.wait() }?.code == .conflict)
    #expect(try other.count() == 3)
  }

  // MARK: Results

  @Test(arguments: BatchStore.kinds) func `gives results as matrices, also of records that somebody edited`(
    kind: String
  ) throws {
    let here = try BatchStore(kind)
    let model = try classifier()
    let dataset = try clouds(50, in: here.store)
    let batch = try BatchPrediction("test", in: here.store)
    try batch.predict(model, on: dataset)
    try batch.wait()
    let results = try batch.results()
    let table = try dataset.table()
    #expect(results.values == (try model.confidences(of: table.features)))
    #expect(results.names == model.labels)
    #expect(results.trueLabels == table.labels)
    let answers: [Classification] = try model.predict(table.features)
    #expect((0..<50).map { results.predicted[$0] } == answers.map(\.label))
    let service = try here.store.service(batch.serviceName)
    var record = try service.find().data[4]
    record["yTrue"] = "edited"
    record["note"] = "by hand"
    _ = try service.replace(record["id"]?.string ?? "", with: record)
    #expect(try batch.results().values == results.values)
    #expect(try batch.results().trueLabels[4] == "edited")
    #expect(try service.get(record["id"]?.string ?? "")["note"] == "by hand")
    _ = try service.create(["hello": "world"])
    #expect(failure { _ = try batch.results() }?.code == .badFormat)
  }

  @Test func `reads the records of another writer`() throws {
    let here = try BatchStore("memory")
    let service = try here.store.service("predictions-foreign")
    for (label, sure) in [("a", 0.75), ("b", 0.25)] {
      _ = try service.create([
        "label": .string(label), "confidences": ["a": .number(sure), "b": .number(1 - sure)],
        "instanceId": "65f000000000000000000001", "yTrue": "a",
      ])
    }
    let batch = try BatchPrediction("foreign", in: here.store)
    #expect(batch.status.phase == .loaded)
    let results = try batch.results()
    #expect(results.names == ["a", "b"])
    #expect(results.predicted == LabelColumn(["a", "b"]))
    #expect(results.values == (try Matrix(rows: 2, columns: 2, [0.75, 0.25, 0.25, 0.75])))
  }
}

/// Adds up the features of a row, and tells what it is asked.
private final class Adding: FittedModel {
  let features = 4
  let outputs = 1
  private let calls = Mutex<[Int]>([])
  private let asked: @Sendable () -> Void
  var parts: [Int] { calls.withLock { $0 } }

  init(_ asked: @escaping @Sendable () -> Void = {}) {
    self.asked = asked
  }

  func predict(
    _ rows: UnsafePointer<Float>, count: Int, into predictions: UnsafeMutablePointer<Float>
  ) throws(MaquetteError) {
    calls.withLock { $0.append(count) }
    asked()
    for row in 0..<count { predictions[row] = (0..<4).reduce(0) { $0 + rows[row * 4 + $1] } }
  }
}

@Suite struct `A run of a batch prediction` {
  private let here: BatchStore
  private let dataset: Dataset
  private let batch: BatchPrediction
  private let run = BackgroundRun("batch prediction")

  init() throws {
    here = try BatchStore("sqlite")
    dataset = try clouds(5000, in: here.store)
    batch = try BatchPrediction("test", in: here.store)
  }

  private func predict(_ fitted: Adding, longest: Int64 = 1_000_000) throws {
    var run = BatchRun(
      model: try classifier(), fitted: fitted, dataset: dataset, field: "x", service: batch.service,
      status: batch.$status, run: run)
    run.longest = longest
    _ = try run.predict(resume: false)
  }

  private func expectSums() throws {
    let results = try batch.results()
    let features = try dataset.table().features
    #expect(results.count == 5000)
    #expect((0..<5000).allSatisfy { results.values[$0, 0] == features[row: $0].reduce(0, +) })
    #expect(Array(results.instanceIDs) == (try BatchPredictionSupport.ids(of: dataset)))
  }

  @Test func `predicts a block in parts, and stores it whole`() throws {
    let fitted = Adding()
    let stored = Mutex<[Int]>([])
    batch.service.events.observe { event in stored.withLock { $0.append(event.value.count) } }
    try predict(fitted)
    #expect(fitted.parts[0] == 256)
    #expect(fitted.parts.reduce(0, +) == 5000)
    #expect(stored.withLock { $0 } == [4096, 904])
    try expectSums()
  }

  @Test func `ends between two parts when it is cancelled, and leaves what was there`() throws {
    try predict(Adding())
    let run = run
    let fitted = Adding { run.cancel(keeping: .last) }
    #expect(failure { try predict(fitted) }?.code == .cancelled)
    #expect(fitted.parts == [256])
    try expectSums()
  }

  @Test func `stores the parts of a slow model as they come`() throws {
    let fitted = Adding()
    let stored = Mutex<[Int]>([])
    batch.service.events.observe { event in stored.withLock { $0.append(event.value.count) } }
    try predict(fitted, longest: 0)
    #expect(stored.withLock { $0 } == fitted.parts)
    #expect(fitted.parts.count > 2)
    try expectSums()
  }
}

enum BatchPredictionSupport {
  /// The ids of all instances, in their order.
  static func ids(of dataset: Dataset) throws -> [String] {
    var ids: [String] = []
    let reader = try dataset.blocks().makeReader(of: .none)
    while let block = try reader.next() { ids += block.ids.map { Array($0) } ?? [] }
    return ids
  }
}
