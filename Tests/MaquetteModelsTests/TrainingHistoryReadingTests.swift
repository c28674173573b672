import Glibc
import MaquetteFormats
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import Synchronization
import TestSupport
import Testing

@testable import MaquetteModels

private func trained(_ epochs: Int = 3) throws -> MLPClassifier {
  let samples = try Samples.clouds(rows: 60)
  let model = MLPClassifier(epochs: epochs)
  try model.train(on: samples.features, labels: samples.labels)
  try model.wait()
  return model
}

@Suite struct `The runs of a history` {
  private let store: DataStore
  private let history: TrainingHistory

  init() throws {
    store = try DataStore("memory:")
    history = try TrainingHistory(in: store)
  }

  private func add(_ document: JSONObject) throws -> String {
    try history.service.create(document)["id"]?.string ?? ""
  }

  @Test(
    "figures of other names are read as ours",
    arguments: [
      ("acc", "accuracy"), ("accVal", "accuracyVal"), ("val_acc", "accuracyVal"),
      ("val_accuracy", "accuracyVal"), ("val_loss", "lossVal"), ("accuracy", "accuracy"),
      ("lossVal", "lossVal"), ("loss", "loss"), ("perplexity", "perplexity"), ("Val", "Val"),
    ])
  func names(_ written: String, _ read: String) throws {
    let id = try add([
      "name": "a-1", "basename": "a", "status": "success", "logs": [written: [0.5, nil, 0.25]],
    ])
    let run = try history.run(id)
    #expect(run.document["logs"] == [read: [0.5, nil, 0.25]])
    #expect(run.logs == [read: [0.5, nil, 0.25]])
    #expect(try history.find().data.first == run.document)
    #expect(try history.compare([id]).logs.map(\.name) == [read])
  }

  @Test func `are read whatever somebody else has put there`() throws {
    for document: JSONObject in [
      [:], ["logs": 3], ["logs": ["loss": "x", "acc": 0.5, "a": [], "b": [["c"]]]], ["params": []],
      [
        "checkpoints": [
          "x", 3, ["id": "nowhere", "service": "runs"], ["id": 3, "service": "tfjs-models"], [:],
        ]
      ],
      ["checkpoints": [["id": "0123456789abcdef01234567", "service": "none"]]],
      ["epoch": "three", "epochs": -1, "status": 5, "start": "today", "name": 7, "basename": []],
    ] {
      let run = try history.run(try add(document))
      #expect(run.checkpoints.isEmpty && run.parameters.isEmpty && run.start == nil)
      #expect(run.logs.isEmpty || run.logs["accuracy"] == [0.5])
    }
    #expect(try history.runs().count == 7)
    // Reading makes no services.
    #expect(try store.services() == ["runs"])
  }

  @Test func `that somebody else is writing are left as they are`() throws {
    let id = try add(["name": "a-1", "basename": "a", "status": "epoch", "epoch": 3, "epochs": 5])
    #expect(try TrainingHistory(in: store).run(id).status == .epoch)
    #expect(try history.service.get(id)["status"] == "epoch")
  }

  @Test func `come as pages that match a query, too`() throws {
    for number in 1...5 {
      _ = try add([
        "name": .string("a-\(number)"), "basename": "a", "status": number % 2 == 0 ? "success" : "error",
        "params": ["epochs": JSON(number)],
        "start": .string(Timestamp(milliseconds: Int64(1000 - number)).description),
      ])
    }
    let page = try history.find(Query(["params.epochs": ["$gt": 1], "$limit": 2, "$sort": ["name": -1]]))
    #expect(page.total == 4 && page.limit == 2)
    #expect(page.data.map { $0["name"] } == ["a-5", "a-4"])
    let selected = try history.find(Query(["status": "success", "$select": ["name"]]))
    #expect(selected.data.map { Set($0.names) } == [["id", "name"], ["id", "name"]])
    // By start, whatever the order they came in.
    #expect(try history.runs().map(\.name) == ["a-5", "a-4", "a-3", "a-2", "a-1"])
  }

  @Test func `are found by id first, then by name`() throws {
    let id = try add(["name": "a-1"])
    let other = try add(["name": .string(id)])
    #expect(try history.run(id).name == "a-1")
    #expect(try history.run("a-1").id == id)
    #expect(try history.run(other).name == id)
    let error = failure { _ = try history.run("a-2") }
    #expect(error?.code == .notFound && error?.name == "a-2")
  }

  @Test func `are removed with their checkpoints or without`() throws {
    let model = try trained()
    func run(_ name: String) throws -> String {
      let saved = try model.save(in: store, name: name + "@final")
      _ = try add([
        "name": .string(name),
        "checkpoints": [["id": .string(saved), "name": .string(name + "@final"), "service": "tfjs-models"]],
      ])
      return saved
    }
    let (first, second) = (try run("a-1"), try run("a-2"))
    try history.remove("a-1")
    let removed = try history.remove("a-2", withCheckpoints: true)
    #expect(removed.checkpoints.map(\.id) == [second])
    #expect(try history.runs().isEmpty)
    let models = try store.service("tfjs-models")
    #expect(try models.contains(first) && !models.contains(second))
    #expect(failure { try history.remove("a-1") }?.code == .notFound)
  }

  @Test func `name no checkpoint that isn't there`() throws {
    let model = try trained()
    let saved = try model.save(in: store, name: "x")
    let id = try add([
      "name": "a-1",
      "checkpoints": [
        ["id": .string(saved), "name": "a-1@epoch-1", "service": "tfjs-models"],
        ["id": "0123456789abcdef01234567", "name": "a-1@final", "service": "tfjs-models"],
      ],
    ])
    #expect(try history.run(id).checkpoints.map(\.name) == ["a-1@epoch-1"])
    _ = try store.service("tfjs-models").remove(saved)
    #expect(try history.run(id).checkpoints.isEmpty)
    let error = failure { try history.restore("a-1", into: model) }
    #expect(error?.code == .notFound)
  }

  @Test func `are restored into a model of their kind only`() throws {
    let model = try trained()
    let saved = try model.save(in: store, name: "x")
    for source in ["mlp-classifier", "js"] {
      _ = try add([
        "name": .string(source), "source": .string(source),
        "checkpoints": [["id": .string(saved), "name": "c", "service": "tfjs-models"]],
      ])
    }
    let others: [any Model] = [MLPRegressor(), KNNClassifier(), PCA()]
    for other in others {
      let error = failure { try history.restore("mlp-classifier", into: other) }
      #expect(error?.code == .invalidArgument)
      #expect(error?.message.contains("mlp-classifier") == true)
      #expect(error?.name == type(of: other).kind)
      #expect(other.training == .idle)
    }
    // Of what another program wrote only the service is known.
    #expect(failure { try history.restore("js", into: KNNClassifier()) }?.code == .invalidArgument)
    try history.restore("js", into: MLPClassifier())
  }

  @Test func `are compared: what differs, and epoch by epoch`() throws {
    _ = try add([
      "name": "a-1", "params": ["epochs": 3, "seed": 1, "layers": [4]],
      "logs": ["loss": [0.9, 0.5, 0.6], "acc": [0.1, 0.9, 0.9], "speed": [1, 2]],
    ])
    _ = try add([
      "name": "a-2", "params": ["epochs": 2, "seed": 1, "layers": [4], "momentum": 0.5],
      "logs": ["loss": [0.7, 0.4], "accuracy": [0.2, nil], "lossVal": [nil, nil]],
    ])
    _ = try add(["name": "a-3", "params": ["epochs": 3, "seed": 1, "layers": [4]]])
    let comparison = try history.compare(["a-1", "a-2", "a-3"])
    #expect(comparison.runs.map(\.name) == ["a-1", "a-2", "a-3"])
    #expect(comparison.parameters.map(\.name) == ["epochs", "momentum"])
    #expect(comparison.parameters.map(\.values) == [[3, 2, 3], [nil, 0.5, nil]])
    #expect(comparison.logs.map(\.name) == ["loss", "accuracy", "speed", "lossVal"])
    let loss = comparison.logs[0]
    #expect(loss.values == [[0.9, 0.5, 0.6], [0.7, 0.4, nil], [nil, nil, nil]])
    #expect(loss.best == [.init(value: 0.5, epoch: 2), .init(value: 0.4, epoch: 2), nil])
    #expect(loss.bestRun == 1)
    let accuracy = comparison.logs[1]
    #expect(accuracy.best == [.init(value: 0.9, epoch: 2), .init(value: 0.2, epoch: 1), nil])
    #expect(accuracy.bestRun == 0)
    #expect(comparison.logs[2].best == [nil, nil, nil] && comparison.logs[2].bestRun == nil)
    #expect(comparison.logs[3].bestRun == nil)
    #expect(comparison.json["parameters"] == ["epochs": [3, 2, 3], "momentum": [nil, 0.5, nil]])
    #expect(
      comparison.json["logs"]?["accuracy"] == [
        "values": [[0.1, 0.9, 0.9], [0.2, nil, nil], [nil, nil, nil]],
        "best": [["value": 0.9, "epoch": 2], ["value": 0.2, "epoch": 1], nil], "bestRun": 0,
      ])
    #expect(try history.compare([]).json == ["runs": [], "parameters": [:], "logs": [:]])
    #expect(failure { _ = try history.compare(["a-1", "a-9"]) }?.name == "a-9")
  }
}

@Suite struct `The logs of a run` {
  @Test func `have one length, with null for what an epoch lacks`() {
    var logs = RunLogs()
    logs.append(["loss": 1, "note": "text"])
    logs.append(nil)
    logs.append(["accuracy": 0.5, "loss": 0.25])
    logs.append(["loss": .number(.nan)])
    #expect(logs.count == 4)
    #expect(logs.json() == ["loss": [1, nil, 0.25, nil], "accuracy": [nil, nil, 0.5, nil]])
    #expect(logs.json(from: 2) == ["loss": [0.25, nil], "accuracy": [0.5, nil]])
    #expect(logs.last == ["loss": nil, "accuracy": nil])
    #expect(RunLogs().last == nil)
  }

  @Test func `take up a journal, whose pieces may come twice or be damaged`() {
    let document: JSONObject = [
      "id": "0123456789abcdef01234567", "status": "epoch", "epoch": 2, "logs": ["loss": [4, 3]],
    ]
    let pieces = [
      #"{"from": 1, "count": 2, "epoch": 3, "logs": {"loss": [3, 2]}}"#,
      #"{"from": 99, "count": 1, "epoch": 3, "logs": {"loss": [7]}}"#, "{", "[]", "",
      #"{"from": -1, "count": 1, "logs": {"loss": [7]}}"#,
      #"{"from": 0, "count": 9000000000000000, "logs": {"loss": [4]}}"#,
      #"{"from": 3, "count": 2, "epoch": 5, "logs": {"loss": [1, null], "accuracy": [0.5, "x"]}}"#,
    ]
    let run = TrainingHistory.Run(document, journal: pieces.map { Array($0.utf8) })
    #expect(run.epoch == 5)
    #expect(run.logs == ["loss": [4, 3, 2, 1, nil], "accuracy": [nil, nil, nil, 0.5, nil]])
    #expect(run.status == .epoch)
  }
}

@Suite struct `A run that was interrupted` {
  private let here = ProcessIdentity.current()

  private func status(_ owner: RunOwner, updated seconds: Int64) -> TrainingHistory.Status {
    let now = Timestamp.now()
    let document: JSONObject = [
      "id": .string(Service.newID()), "status": "start",
      "updatedAt": .string(Timestamp(milliseconds: now.milliseconds - 1000 * seconds).description),
    ]
    return TrainingHistory.Run(document, journal: [owner.piece.bytes], now: now).status
  }

  @Test func `is told by its process, where that can be seen`() {
    let earlier = ProcessIdentity(
      process: here.process, started: here.started - 1, machine: here.machine)
    #expect(status(RunOwner(identity: earlier), updated: 0) == .interrupted)
    // This process is not writing a run of that id.
    #expect(status(.here, updated: 0) == .interrupted)
    let parent = RunOwner(identity: .init(process: Int(getppid()), started: -1, machine: here.machine))
    #expect(status(parent, updated: 0) == .interrupted)
  }

  @Test func `is told by the time of its last word, where its process can't be seen`() {
    let elsewhere = RunOwner(
      identity: ProcessIdentity(process: here.process, started: here.started, machine: "elsewhere"))
    #expect(status(elsewhere, updated: 30) == .start)
    #expect(status(elsewhere, updated: 61) == .interrupted)
    #expect(status(elsewhere, updated: -30) == .start)
  }

  @Test func `keeps every epoch that was written when its process is killed, and says so`() async throws {
    let directory = TemporaryDirectory()
    let location = "sqlite:" + directory.path("store.db")
    await #expect(processExitsWith: .signal(SIGKILL)) { [location = location as String] in
      let history = try TrainingHistory(in: DataStore(location))
      let model = MLPClassifier(epochs: 1_000_000)
      try history.track(model, as: "base", .init(checkpointEvery: 20))
      model.$training.observe { event in
        guard event.value.phase == .epoch, event.value.epoch == 50 else { return }
        try? history.flush()
        kill(getpid(), SIGKILL)
      }
      let samples = try Samples.clouds(rows: 60)
      try model.train(on: samples.features, labels: samples.labels)
      try model.wait()
    }
    let store = try DataStore(location)
    let raw = try #require(try store.service("runs").find().data.first)
    #expect(raw["status"] == "epoch")
    let history = try TrainingHistory(in: store)
    let run = try history.run("base-1")
    #expect(run.status == .interrupted)
    #expect(run.epoch == 50 && run.epochs == 1_000_000)
    #expect(run.logs.keys.sorted() == ["accuracy", "accuracyVal", "loss", "lossVal"])
    #expect(run.logs.values.allSatisfy { $0.count == 50 && $0.allSatisfy { $0 != nil } })
    #expect(run.checkpoints.map(\.name) == ["base-1@epoch-20", "base-1@epoch-40"])
    let model = MLPClassifier()
    try history.restore("base-1", into: model)
    // It is written down, for others who read the store.
    let mended = try #require(try store.service("runs").find().data.first)
    #expect(mended["status"] == "interrupted" && mended["logs"] == run.document["logs"])
    #expect(try store.service("runs").idsWithJournal().isEmpty)
    // The number is taken.
    try history.track(model, as: "base")
    let samples = try Samples.clouds(rows: 60)
    model.epochs = 1
    try model.train(on: samples.features, labels: samples.labels)
    try model.wait()
    try history.flush()
    #expect(try history.runs().map(\.name) == ["base-1", "base-2"])
  }

  @Test func `is told as soon as its process dies, by a history that was opened before`() async throws {
    let directory = TemporaryDirectory()
    let location = "sqlite:" + directory.path("store.db")
    let history = try TrainingHistory(in: DataStore(location))
    await #expect(processExitsWith: .signal(SIGKILL)) { [location = location as String] in
      let mine = try TrainingHistory(in: DataStore(location))
      let model = MLPClassifier(epochs: 1_000_000)
      try mine.track(model, as: "base")
      model.$training.observe { event in
        guard event.value.phase == .epoch, event.value.epoch == 3 else { return }
        try? mine.flush()
        // While it lives, nobody takes its run for abandoned.
        let other = try? TrainingHistory(in: DataStore(location))
        guard (try? other?.run("base-1").status) == .epoch else { exit(3) }
        kill(getpid(), SIGKILL)
      }
      let samples = try Samples.clouds(rows: 60)
      try model.train(on: samples.features, labels: samples.labels)
      try model.wait()
    }
    #expect(try history.runs().map(\.status) == [.interrupted])
    #expect(try history.find(Query(["status": "interrupted"])).total == 1)
  }

  @Test func `two processes that track one base never get one number`() async throws {
    let directory = TemporaryDirectory()
    let location = "sqlite:" + directory.path("store.db")
    _ = try TrainingHistory(in: DataStore(location))
    // Histories of stores of their own are as far from each other as processes are.
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<3 {
        group.addTask {
          let history = try TrainingHistory(in: DataStore(location))
          let model = KNNClassifier()
          let samples = try Samples.clouds(rows: 12)
          try history.track(model, as: "base")
          for _ in 0..<5 {
            try model.train(on: samples.features, labels: samples.labels)
            try model.wait()
          }
          try history.flush()
        }
      }
      try await group.waitForAll()
    }
    let names = try TrainingHistory(in: DataStore(location)).runs().map(\.name)
    #expect(Set(names) == Set((1...15).map { "base-\($0)" }) && names.count == 15)
  }
}

@Suite struct `A history whose store fails` {
  @Test func `slows and ends no training, says so, and writes all of it when it can again`() throws {
    let directory = TemporaryDirectory()
    let store = try DataStore("sqlite:" + directory.path("store.db"))
    let history = try TrainingHistory(in: store)
    try store.execute("PRAGMA max_page_count = 1")
    let failures = Mutex<[TrainingHistory.Change]>([])
    history.changes.observe { event in
      if event.value.kind == .failed { failures.withLock { $0.append(event.value) } }
    }
    let model = MLPClassifier(epochs: 40)
    try history.track(model, as: "base")
    let samples = try Samples.clouds(rows: 60)
    try model.train(on: samples.features, labels: samples.labels)
    try model.wait()
    for _ in 0..<2 {
      let error = failure { try history.flush() }
      #expect(error?.code == .full)
    }
    // Once for each trouble, not for each attempt to get over it.
    let told = failures.withLock { $0 }
    #expect((1...2).contains(told.count))
    #expect(told.first?.error?.code == .full)
    #expect(told.first?.json["code"] == 21 && told.first?.json["run"]?["basename"] == "base")
    // What still fits may be there: never a run that names a model that is not.
    #expect(try history.runs().allSatisfy { $0.checkpoints.isEmpty })
    try store.execute("PRAGMA max_page_count = 100000")
    try history.flush()
    let run = try history.run("base-1")
    #expect(run.status == .success && run.logs["loss"]?.count == 40 && run.checkpoints.count == 1)
    try history.flush()
  }

  @Test func `in the middle of a run keeps what it could not write`() throws {
    let directory = TemporaryDirectory()
    let store = try DataStore("sqlite:" + directory.path("store.db"))
    let history = try TrainingHistory(in: store)
    let model = MLPClassifier(epochs: 30)
    try history.track(model, as: "base")
    model.$training.observe { event in
      guard event.value.phase == .epoch else { return }
      switch event.value.epoch {
      case 10:
        #expect(failure { try history.flush() } == nil)
        try? store.execute("PRAGMA query_only = ON")
      case 20:
        #expect(failure { try history.flush() } != nil)
        // Reading goes on, with what is there.
        #expect((try? history.run("base-1").epoch) == 10)
        try? store.execute("PRAGMA query_only = OFF")
      default: break
      }
    }
    let samples = try Samples.clouds(rows: 60)
    try model.train(on: samples.features, labels: samples.labels)
    try model.wait()
    try history.flush()
    let run = try history.run("base-1")
    #expect(run.status == .success)
    #expect(run.logs.values.allSatisfy { $0.count == 30 && $0.allSatisfy { $0 != nil } })
  }

  @Test func `gives up when it is closed, instead of trying for ever`() throws {
    let directory = TemporaryDirectory()
    let store = try DataStore("sqlite:" + directory.path("store.db"))
    let history = try TrainingHistory(in: store)
    let model = KNNClassifier()
    try history.track(model, as: "base")
    try store.execute("PRAGMA query_only = ON")
    let samples = try Samples.clouds(rows: 12)
    try model.train(on: samples.features, labels: samples.labels)
    try model.wait()
    for _ in 0..<3 { #expect(failure { try history.flush() }?.code == .inputOutput) }
    history.close()
    #expect(failure { try history.flush() }?.code == .inputOutput)
    // What is lost was told; nothing is left to wait for.
    try history.flush()
    try store.execute("PRAGMA query_only = OFF")
    #expect(try TrainingHistory(in: store).runs().isEmpty)
  }

  @Test func `waits no longer than it is told to`() throws {
    let history = try TrainingHistory(in: DataStore("memory:"))
    try history.flush(timeout: 0)
    let model = MLPClassifier(epochs: 3)
    try history.track(model, as: "base")
    let samples = try Samples.clouds(rows: 60)
    try model.train(on: samples.features, labels: samples.labels)
    let error = failure { try history.flush(timeout: 0) }
    #expect(error == nil || error?.code == .timeout)
    try model.wait()
    try history.flush(timeout: 10_000)
    #expect(try history.run("base-1").status == .success)
  }
}
