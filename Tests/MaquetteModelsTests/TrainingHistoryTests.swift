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

private typealias Run = TrainingHistory.Run

/// A store of a test's own, a file.
private struct HistoryFile {
  let directory = TemporaryDirectory()
  var location: String { "sqlite:" + directory.path("store.db") }
  func open() throws -> DataStore { try DataStore(location) }
}

private func locations() -> [String] {
  ["memory:", "sqlite:"] + (PostgreSQLTesting.location == nil ? [] : ["postgresql:"])
}

/// A store in memory, in a file that goes with the directory, or on a server.
private func store(_ kind: String, _ directory: TemporaryDirectory) throws -> DataStore {
  switch kind {
  case "memory:": try DataStore(kind)
  case "postgresql:": try DataStore(PostgreSQLTesting.freshLocation())
  default: try DataStore(kind + directory.path("store.db"))
  }
}

private func samples(rows: Int = 60) throws -> Samples { try Samples.clouds(rows: rows) }

private func train(_ model: MLPClassifier, _ samples: Samples) throws {
  try model.train(on: samples.features, labels: samples.labels)
  try model.wait()
}

private func predictions(of rows: Matrix, by model: any Model) throws -> Matrix {
  try model.readyModel().predictions(of: rows)
}

/// Everything a stream says, in order.
private final class Seen<Value: Sendable>: Sendable {
  private let state = Mutex<[Value]>([])
  func add(_ value: Value) { state.withLock { $0.append(value) } }
  var values: [Value] { state.withLock { $0 } }
}

/// A training that stands still where a test wants it: after an epoch, on the training's own thread.
private final class Gate: Sendable {
  private let state = Monitor(0)
  func arrive() { state.change { $0 += 1 } }
  func wait(for count: Int = 1) { _ = state.wait(until: .never) { $0 >= count ? () : nil } }
}

@Suite struct `A training history` {
  @Test(arguments: locations())
  func `records a training whole: parameters, every epoch, a checkpoint`(_ kind: String) throws {
    let directory = TemporaryDirectory()
    let store = try store(kind, directory)
    let history = try TrainingHistory(in: store)
    let model = MLPClassifier(layers: [5], epochs: 7)
    try history.track(model, as: "digits")
    let epochs = Seen<TrainingStatus>()
    model.$training.observe { epochs.add($0.value) }
    try train(model, samples())
    try history.flush()

    let run = try history.run("digits-1")
    #expect(run.name == "digits-1" && run.basename == "digits" && run.source == "mlp-classifier")
    #expect(run.status == .success)
    #expect(run.epoch == 7 && run.epochs == 7)
    #expect(run.parameters == model.parameterValues)
    #expect(run.start != nil)
    let success = try #require(epochs.values.last)
    #expect(success.phase == .success)
    #expect(run.document["logs"]?.object == success.data)
    #expect(run.document["logs"]?.object?.names == ["loss", "accuracy", "lossVal", "accuracyVal"])
    #expect(run.logs["loss"]?.count == 7)

    let checkpoint = try #require(run.checkpoints.last)
    #expect(run.checkpoints.count == 1)
    #expect(checkpoint.name == "digits-1@final" && checkpoint.service == "tfjs-models")
    #expect(checkpoint.kind == "mlp-classifier")
    let other = MLPClassifier()
    try history.restore(checkpoint, into: other)
    #expect(other.layers == [5] && other.epochs == 7)
    let rows = try samples().features
    #expect(try predictions(of: rows, by: other) == predictions(of: rows, by: model))
  }

  @Test func `stores runs as Marcelle's own table reads them, and nothing beside`() throws {
    let store = try DataStore("memory:")
    let history = try TrainingHistory(in: store)
    let model = MLPClassifier(epochs: 2)
    try history.track(model, as: "base")
    try train(model, samples())
    try history.flush()
    let document = try #require(try store.service("runs").find().data.first)
    #expect(
      Set(document.names) == [
        "id", "name", "basename", "start", "source", "status", "epoch", "epochs", "params", "logs",
        "checkpoints", "createdAt", "updatedAt",
      ])
    #expect(document["name"] == "base-1" && document["basename"] == "base")
    #expect(document["start"]?.string.flatMap { Timestamp($0) } != nil)
    #expect(document["status"] == "success" && document["epoch"] == 2 && document["epochs"] == 2)
    #expect(document["params"]?["layers"] == [64, 32])
    #expect(document["logs"]?["accuracy"]?.array?.count == 2)
    let checkpoint = try #require(document["checkpoints"]?.array?.first?.object)
    #expect(checkpoint.names == ["id", "name", "service"])
    let saved = try store.service("tfjs-models").get(checkpoint["id"]?.string ?? "")
    #expect(saved["name"] == "base-1@final")
    #expect(saved["metadata"]?["run"]?["name"] == "base-1")
    #expect(try store.services() == ["runs", "tfjs-models"])
    #expect(try store.service("runs").idsWithJournal() == [])
  }

  @Test(arguments: locations())
  func `fault 13: all epochs so far are in the store while the training goes on`(_ kind: String) throws {
    let directory = TemporaryDirectory()
    let store = try store(kind, directory)
    let history = try TrainingHistory(in: store)
    let model = MLPClassifier(epochs: 60)
    try history.track(model, as: "base")
    let atEpoch = Gate()
    let onward = Gate()
    model.$training.observe { event in
      if event.value.phase == .epoch, [20, 40].contains(event.value.epoch ?? 0) {
        atEpoch.arrive()
        onward.wait(for: (event.value.epoch ?? 0) / 20)
      }
    }
    let samples = try samples()
    try model.train(on: samples.features, labels: samples.labels)
    for epoch in [20, 40] {
      atEpoch.wait(for: epoch / 20)
      try history.flush()
      let run = try history.run("base-1")
      #expect(run.status == .epoch)
      #expect(run.epoch == epoch && run.epochs == 60)
      for name in ["loss", "accuracy", "lossVal", "accuracyVal"] {
        #expect(run.logs[name]?.count == epoch)
        #expect(run.logs[name]?.allSatisfy { $0 != nil } == true)
      }
      #expect(try history.runs().map(\.logs) == [run.logs])
      onward.arrive()
    }
    try model.wait()
    try history.flush()
    #expect(try history.run("base-1").logs["loss"]?.count == 60)
  }

  @Test(arguments: locations())
  func `writes what comes without being asked to, epoch by epoch`(_ kind: String) throws {
    let directory = TemporaryDirectory()
    let store = try store(kind, directory)
    let history = try TrainingHistory(in: store)
    let model = MLPClassifier(epochs: 50)
    try history.track(model, as: "base", .init(checkpointsFinal: false))
    let reached = Mutex(0)
    history.changes.observe { event in
      guard let epoch = event.value.run?["epoch"]?.integer else { return }
      reached.withLock { $0 = epoch }
    }
    // The training waits for each epoch to be in the store. One that is kept back would come with a heartbeat only, which
    // is 20 seconds away; a write takes no such time on the slowest disk.
    model.$training.observe { event in
      guard event.value.phase == .epoch, let epoch = event.value.epoch else { return }
      let deadline = Deadline(milliseconds: 15_000)
      while reached.withLock({ $0 }) < epoch && !deadline.hasPassed { usleep(200) }
      #expect(reached.withLock { $0 } >= epoch, "kept back")
      #expect((try? history.run("base-1").epoch) == epoch)
    }
    try train(model, samples())
  }

  @Test(arguments: locations())
  func `numbers the runs of each base, one above the newest`(_ kind: String) throws {
    let directory = TemporaryDirectory()
    let store = try store(kind, directory)
    let history = try TrainingHistory(in: store)
    let model = KNNClassifier()
    let samples = try samples()
    for base in ["a", "b", "a"] {
      let tracking = try history.track(model, as: base)
      try model.train(on: samples.features, labels: samples.labels)
      try model.wait()
      tracking.cancel()
    }
    try history.flush()
    #expect(try history.runs().map(\.name) == ["a-1", "b-1", "a-2"])
    #expect(try history.runs(of: "a").map(\.name) == ["a-1", "a-2"])
    #expect(try history.runs(of: "c").isEmpty)
    let run = try history.run("a-2")
    #expect(run.status == .success && run.source == "knn-classifier" && run.epoch == 1 && run.epochs == 1)
    #expect(run.logs.isEmpty)
  }

  @Test func `records how a training fails, is cancelled, or can't begin`() throws {
    let store = try DataStore("memory:")
    let history = try TrainingHistory(in: store)
    let samples = try samples()
    let model = MLPClassifier(epochs: 1_000_000)
    try history.track(model, as: "base")
    model.$training.observe { event in
      if event.value.epoch == 3, event.value.phase == .epoch { model.cancel() }
    }
    try model.train(on: samples.features, labels: samples.labels)
    #expect(failure { try model.wait() }?.code == .cancelled)
    try history.flush()
    let cancelled = try history.run("base-1")
    #expect(cancelled.status == .cancelled && cancelled.epoch == 3 && cancelled.epochs == 1_000_000)
    #expect(cancelled.logs["loss"]?.count == 3)
    #expect(cancelled.checkpoints.map(\.name) == ["base-1@final"])

    model.learningRate = 10
    model.optimizer = .sgd
    model.epochs = 500
    let regressor = MLPRegressor(epochs: 500)
    regressor.learningRate = 10
    regressor.optimizer = .sgd
    try history.track(regressor, as: "diverging")
    try regressor.train(
      on: samples.features, targets: Matrix(rows: 60, columns: 1, (0..<60).map { Float($0) * 1e6 }))
    #expect(failure { try regressor.wait() }?.code == .diverged)
    try history.flush()
    let diverged = try history.run("diverging-1")
    #expect(diverged.status == .error)
    #expect(diverged.error?.isEmpty == false)
    #expect(diverged.checkpoints.isEmpty)

    // A dataset is looked at by the training: without rows it does not get to its beginning.
    try model.train(on: Dataset("nothing", in: store))
    #expect(failure { try model.wait() }?.code == .noRows)
    try history.flush()
    let unbegun = try history.run("base-2")
    #expect(unbegun.status == .error && unbegun.epoch == nil)
    #expect(unbegun.logs.isEmpty && unbegun.checkpoints.isEmpty)
  }

  @Test func `does not take a loading for a training`() throws {
    let store = try DataStore("memory:")
    let history = try TrainingHistory(in: store)
    let model = MLPClassifier(epochs: 1)
    let samples = try samples()
    try train(model, samples)
    try model.save(in: store, name: "m")
    #expect(failure { try model.load(from: store, "nowhere") }?.code == .notFound)
    try history.track(model, as: "base")
    #expect(failure { try model.load(from: store, "nowhere") }?.code == .notFound)
    try model.load(from: store, "m")
    try model.reset()
    try history.flush()
    #expect(try history.runs().isEmpty)
  }

  @Test func `does not record a training that is past its beginning, however it ends`() throws {
    let history = try TrainingHistory(in: DataStore("memory:"))
    let samples = try samples()
    let model = MLPClassifier(epochs: 1_000_000)
    for round in 1...2 {
      let tracking = Mutex<TrainingHistory.Tracking?>(nil)
      let observation = model.$training.observe { event in
        guard event.value.phase == .epoch else { return }
        if event.value.epoch == 2 {
          let made = try? history.track(model, as: "base")
          tracking.withLock { $0 = made }
        }
        if event.value.epoch == 4, round == 1 { model.cancel() }
      }
      try model.train(on: samples.features, labels: samples.labels)
      #expect(failure { try model.wait() }?.code == (round == 1 ? .cancelled : nil))
      observation.cancel()
      tracking.withLock { $0 }?.cancel()
      model.epochs = 5
    }
    try history.flush()
    #expect(try history.runs().isEmpty)
  }

  @Test func `saves checkpoints on the way, of the epochs they name`() throws {
    let store = try DataStore("memory:")
    let history = try TrainingHistory(in: store)
    let model = MLPClassifier(epochs: 7)
    try history.track(model, as: "base", .init(checkpointsFinal: false, checkpointEvery: 3))
    let rows = try samples().features
    let expected = Seen<Matrix>()
    model.$training.observe { event in
      if event.value.phase == .epoch, let prediction = try? predictions(of: rows, by: model) {
        expected.add(prediction)
      }
    }
    // Parameters that change during the training are those of the next.
    model.$training.observe { event in if event.value.epoch == 1 { model.epochs = 99 } }
    try train(model, samples())
    try history.flush()
    let run = try history.run("base-1")
    #expect(run.checkpoints.map(\.name) == ["base-1@epoch-3", "base-1@epoch-6"])
    let other = MLPClassifier()
    for (name, epoch) in [("base-1@epoch-3", 3), (run.checkpoints[1].id, 6)] {
      try history.restore("base-1", checkpoint: name, into: other)
      #expect(try predictions(of: rows, by: other) == expected.values[epoch - 1])
      #expect(other.epochs == 7)
    }
    #expect(
      failure { try history.restore("base-1", checkpoint: "base-1@final", into: other) }?.code == .notFound)
  }

  @Test func `the checkpoint is that of its run, although the next training has begun`() throws {
    let store = try DataStore("memory:")
    let history = try TrainingHistory(in: store)
    let model = MLPClassifier(epochs: 2)
    try history.track(model, as: "base")
    let samples = try samples()
    let first = Mutex<Matrix?>(nil)
    model.$training.observe { event in
      guard event.value.phase == .success, first.withLock({ $0 == nil }) else { return }
      first.withLock { $0 = try? predictions(of: samples.features, by: model) }
      model.seed = 5
      try? model.train(on: samples.features, labels: samples.labels)
    }
    try train(model, samples)
    // Whoever waits for the first training may be told of its end before the second begins.
    while try history.runs().filter({ $0.status == .success }).count < 2 { sched_yield() }
    let other = MLPClassifier()
    try history.restore("base-1", into: other)
    #expect(try predictions(of: samples.features, by: other) == first.withLock { $0 })
    try history.restore("base-2", into: other)
    #expect(try predictions(of: samples.features, by: other) == predictions(of: samples.features, by: model))
  }

  @Test func `records no training after the tracking, but one that goes on to its end`() throws {
    let store = try DataStore("memory:")
    let history = try TrainingHistory(in: store)
    let model = MLPClassifier(epochs: 5)
    let samples = try samples()
    let tracking = try history.track(model, as: "base")
    model.$training.observe { event in if event.value.epoch == 2 { tracking.cancel() } }
    try train(model, samples)
    try train(model, samples)
    try history.flush()
    #expect(try history.runs().map(\.name) == ["base-1"])
    let run = try history.run("base-1")
    #expect(run.status == .success && run.logs["loss"]?.count == 5 && run.checkpoints.count == 1)
    tracking.cancel()
  }

  @Test func `goes on with its recording when it is closed in the middle`() throws {
    let store = try DataStore("memory:")
    var history: TrainingHistory? = try TrainingHistory(in: store)
    let model = MLPClassifier(epochs: 30)
    try history?.track(model, as: "base")
    let held = Mutex(history)
    history = nil
    model.$training.observe { event in
      if event.value.epoch == 10 {
        let dropped = held.withLock { held -> TrainingHistory? in
          defer { held = nil }
          return held
        }
        dropped?.close()
        #expect(failure { try dropped?.track(model, as: "other") }?.code == .closed)
      }
    }
    try train(model, samples())
    let later = try TrainingHistory(in: store)
    // Nothing waits for the thread that writes the runs: it may not even have begun with this one.
    while try later.runs().first?.status.isRunning != false { sched_yield() }
    #expect(try later.run("base-1").logs["loss"]?.count == 30)
    #expect(try later.run("base-1").checkpoints.count == 1)
  }

  @Test func `does not keep a model alive`() throws {
    let history = try TrainingHistory(in: DataStore("memory:"))
    weak var gone: MLPClassifier?
    do {
      let model = MLPClassifier(epochs: 2)
      gone = model
      try history.track(model, as: "base")
      try train(model, samples())
      try history.flush()
    }
    // The training's thread may hold it for another moment.
    while gone != nil { sched_yield() }
    #expect(try history.runs().count == 1)
  }

  @Test func `refuses names and periods that can't be`() throws {
    let history = try TrainingHistory(in: DataStore("memory:"))
    let model = MLPClassifier()
    for name in ["", "a\0b"] {
      #expect(failure { try history.track(model, as: name) }?.code == .invalidArgument)
    }
    for period in [0, -1] {
      #expect(
        failure { try history.track(model, as: "a", .init(checkpointEvery: period)) }?.name
          == "checkpointEvery")
    }
  }

  // MARK: The stream

  @Test func `tells what happens to the runs, in order, once it is in the store`() throws {
    let store = try DataStore("memory:")
    let history = try TrainingHistory(in: store)
    let seen = Seen<JSON>()
    history.changes.observe { [weak history] event in
      seen.add(event.value.json)
      // What is told can be read.
      guard let history, let id = event.value.run?["id"]?.string, event.value.kind != .removed else { return }
      #expect((try? history.service.get(id)) != nil)
    }
    let model = MLPClassifier(epochs: 4)
    try history.track(model, as: "base")
    try train(model, samples())
    try history.flush()
    try history.remove("base-1")
    let types = seen.values.map { $0["type"]?.string ?? "" }
    #expect(types.first == "ready")
    #expect(types.dropFirst().first == "created")
    #expect(types.last == "removed")
    #expect(types.dropFirst(2).dropLast().allSatisfy { $0 == "updated" })
    let last = try #require(seen.values.dropLast().last?["run"])
    #expect(last["name"] == "base-1" && last["status"] == "success" && last["epoch"] == 4)
    #expect(last["data"]?["loss"]?.number != nil)
    #expect(last["logs"] == nil)
    #expect(last["checkpoints"]?.array?.count == 1)
    let epochs = seen.values.compactMap { $0["run"]?["epoch"]?.integer }
    #expect(epochs == epochs.sorted())
    #expect(history.changes.value?.kind == .removed)
  }

  @Test func `a run that is removed while it is recorded stays removed, with what it saved`() throws {
    let store = try DataStore("memory:")
    let history = try TrainingHistory(in: store)
    let model = MLPClassifier(epochs: 40)
    try history.track(model, as: "base", .init(checkpointEvery: 2))
    let removing = model.$training.observe { event in
      guard event.value.phase == .epoch, event.value.epoch == 20 else { return }
      #expect(failure { try history.flush() } == nil)
      #expect(failure { try history.remove("base-1", withCheckpoints: true) } == nil)
    }
    try train(model, samples())
    try history.flush()
    #expect(try history.runs().isEmpty)
    #expect(try store.service("tfjs-models").find().total == 0)
    #expect(try store.service("runs").idsWithJournal().isEmpty)
    // The next is recorded as ever.
    removing.cancel()
    try train(model, samples())
    try history.flush()
    #expect(try history.runs().map(\.name) == ["base-1"])
  }
}
