import Glibc
import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import TestSupport
import Testing

@testable import MaquetteModels

extension `A batch prediction` {
  @Test(arguments: BatchStore.kinds) func `goes on where a cancelled run ended`(kind: String) throws {
    let halted = try Halted(kind)
    let model = try Batches.classifier()
    try halted.start(model)
    halted.batch.cancel()
    halted.open()
    _ = failure { try halted.batch.wait() }
    let kept = try Batches.ids(try halted.here.store.service(halted.batch.serviceName))
    let log = StatusLog(halted.batch)
    try halted.batch.predict(model, on: halted.dataset, resume: true)
    try halted.batch.wait()
    let running = log.statuses.filter { $0.phase == .running && $0.count != 4096 }
    #expect(running.map(\.count) == (4097...5000).map { $0 })
    let all = try Batches.ids(try halted.here.store.service(halted.batch.serviceName))
    #expect(Array(all[..<4096]) == kept)
    let results = try halted.batch.results()
    #expect(results.values == (try model.confidences(of: try halted.dataset.table().features)))
    #expect(Set(results.instanceIDs).count == 5000)
  }

  @Test(arguments: BatchStore.kinds) func `predicts anew what was changed, and forgets what is gone`(
    kind: String
  ) throws {
    let here = try BatchStore(kind)
    let model = try Batches.classifier()
    let dataset = try Batches.clouds(20, in: here.store)
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
      let before = try Batches.ids(try here.store.service(batch.serviceName))
      let again = try DataStore("sqlite:" + here.path)
      let loaded = try ModelKinds.make(kind)
      try loaded.load(from: again, "saved")
      let other = try BatchPrediction("test", in: again)
      try other.predict(loaded, on: Dataset("test", in: again), resume: true)
      try other.wait()
      #expect(try Batches.ids(try again.service(batch.serviceName)) == before, "\(kind)")
      #expect(other.status.json == ["status": "success", "count": 30, "total": 30])
    }
  }

  @Test(arguments: BatchStore.kinds) func `never mixes the predictions of two models, datasets or fields`(
    kind: String
  )
    throws
  {
    let here = try BatchStore(kind)
    let model = try Batches.classifier()
    let dataset = try Batches.clouds(20, in: here.store)
    let batch = try BatchPrediction("test", in: here.store)
    let service = try here.store.service(batch.serviceName)
    try batch.predict(model, on: dataset)
    try batch.wait()
    var before = try Batches.ids(service)
    func isAnew(_ what: String) throws {
      try batch.wait()
      let after = try Batches.ids(service)
      #expect(after.count == 20, "\(what)")
      #expect(Set(after).isDisjoint(with: before), "\(what)")
      before = after
    }
    try batch.predict(try Batches.classifier(seed: 1), on: dataset, resume: true)
    try isAnew("another model")
    try batch.predict(model, on: dataset, resume: true)
    try isAnew("back to the first")
    let samples = try Samples.clouds(rows: 60, seed: 9)
    try model.train(on: samples.features, labels: samples.labels)
    try model.wait()
    try batch.predict(model, on: dataset, resume: true)
    try isAnew("trained again")
    try batch.predict(model, on: Batches.clouds(20, in: here.store, "other"), resume: true)
    try isAnew("another dataset")
    try batch.predict(model, on: Dataset("other", in: here.store), inputField: "x.0", resume: true)
    #expect(failure { try batch.wait() }?.code == .badShape)
    #expect(try Batches.ids(service) == before)
  }

  // MARK: What goes wrong meanwhile

  @Test(arguments: BatchStore.kinds)
  func `a dataset that is cleared meanwhile is an error, and no block is half there`(
    kind: String
  ) throws {
    let halted = try Halted(kind)
    try halted.start(try Batches.classifier())
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
    let model = try Batches.classifier()
    let dataset = halted.dataset
    let (first, last) = try {
      let all = try Batches.ids(of: dataset)
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
    #expect(Set(results.instanceIDs) == Set(try Batches.ids(of: dataset)))
    #expect(results.count == dataset.count)
  }

  @Test func `what another process does to other datasets is no matter`() throws {
    let halted = try Halted("sqlite")
    try halted.start(try Batches.classifier())
    _ = try Batches.clouds(10, in: DataStore("sqlite:" + halted.here.path), "another")
    halted.open()
    try halted.batch.wait()
    #expect(try halted.batch.count() == 5000)
  }

  @Test func `a store that disappears meanwhile is an error`() throws {
    let halted = try Halted("sqlite")
    try halted.start(try Batches.classifier())
    unlink(halted.here.path)
    halted.open()
    let error = failure { try halted.batch.wait() }
    #expect(error?.code == .inputOutput && error?.message.contains("gone") == true)
    #expect(halted.batch.status.phase == .error)
  }

  @Test func `predictions that somebody else begins meanwhile are an error`() throws {
    let halted = try Halted("memory")
    let model = try Batches.classifier()
    try halted.start(model)
    let other = try BatchPrediction("test", in: halted.here.store)
    try other.predict(model, on: Batches.clouds(3, in: halted.here.store, "few"))
    try other.wait()
    halted.open()
    #expect(failure { try halted.batch.wait() }?.code == .conflict)
    #expect(try other.count() == 3)
  }
}
