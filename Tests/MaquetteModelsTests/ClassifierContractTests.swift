import Dispatch
import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import Synchronization
import TestSupport
import Testing

@testable import MaquetteModels

/// What every kind of classifier keeps to. A new kind is tested by adding it to ``kinds``.
@Suite struct `Every classifier` {
  static let kinds = ["mlp-classifier", "knn-classifier"]

  /// A model of that kind whose trainings are short.
  private func make(_ kind: String, epochs: Int = 5) throws -> any Classifier {
    let parameters: JSONObject =
      kind == "mlp-classifier" ? ["epochs": JSON(epochs), "learningRate": 0.01] : [:]
    return try #require(try ModelKinds.make(kind, parameters: parameters) as? any Classifier)
  }

  private func trained(_ kind: String, on samples: Samples) throws -> any Classifier {
    let model = try make(kind)
    try model.train(on: samples.features, labels: samples.labels)
    try model.wait()
    return model
  }

  private func code(_ body: () throws -> Void) -> MaquetteError.Code? {
    do {
      try body()
      return nil
    } catch {
      return (error as? MaquetteError)?.code
    }
  }

  @Test(arguments: kinds) func `learns what can be learned`(kind: String) throws {
    let model = try trained(kind, on: Samples.clouds(rows: 120))
    let test = try Samples.clouds(rows: 60, seed: 2)
    let answers = try model.predict(test.features)
    let hits = zip(answers, test.labels).filter { $0.label == $1 }.count
    #expect(hits >= 57)
    for answer in answers {
      #expect(abs(answer.confidences.map(\.confidence).reduce(0, +) - 1) < 1e-5)
    }
  }

  @Test(arguments: kinds) func `keeps the labels in the order they were first seen`(kind: String) throws {
    let samples = try Samples.clouds(rows: 30)
    let model = try trained(
      kind,
      on: Samples(features: samples.features, labels: samples.labels.map { "z" + String($0.reversed()) }))
    #expect(model.labels == ["z0 lebal", "z1 lebal", "z2 lebal"])
  }

  @Test(arguments: kinds) func `forgets everything but its parameters when it is reset`(kind: String) throws {
    let model = try trained(kind, on: Samples.clouds(rows: 60))
    let parameters = model.parameterValues
    try model.reset()
    #expect(model.fittedModel == nil)
    #expect(model.training == .idle)
    #expect(model.parameterValues == parameters)
    #expect(code { _ = try model.predict([0, 0, 0, 0]) } == .notTrained)
    #expect(code { try model.wait() } == nil)
    try model.train(on: Samples.clouds(rows: 60).features, labels: Samples.clouds(rows: 60).labels)
    try model.wait()
    #expect(model.labels.count == 3)
  }

  @Test(arguments: kinds) func `can't be reset during a training, whose result stays`(kind: String) throws {
    let model = try trained(kind, on: Samples.clouds(rows: 60))
    let begun = Monitor(false)
    try model.trainer.start { (run) throws(MaquetteError) in
      begun.change { $0 = true }
      while true { try run.checkCancellation() }
    }
    begun.wait(until: .never) { $0 ? () : nil }
    #expect(code { try model.reset() } == .busy)
    model.cancel()
    #expect(code { try model.wait() } == .cancelled)
    #expect(model.labels.count == 3)
  }

  @Test(arguments: kinds) func `has clones that predict alike and go on by themselves`(kind: String) throws {
    let samples = try Samples.clouds(rows: 60)
    let model = try trained(kind, on: samples)
    let clone = try model.clone()
    let answers = try model.predict(samples.features)
    #expect(try clone.predict(samples.features) == answers)
    #expect(clone.parameterValues == model.parameterValues)
    try model.reset()
    #expect(try clone.predict(samples.features) == answers)
    #expect(try make(kind).clone().fittedModel == nil)
  }

  @Test(arguments: kinds) func `gives the same when it is trained again on the same`(kind: String) throws {
    let samples = try Samples.clouds(rows: 90, spread: 2)
    let first = try trained(kind, on: samples).confidences(of: samples.features)
    let model = try trained(kind, on: samples)
    #expect(try model.confidences(of: samples.features) == first)
    try model.train(on: samples.features, labels: samples.labels)
    try model.wait()
    #expect(try model.confidences(of: samples.features) == first)
  }

  @Test(arguments: kinds) func `answers for a row the same alone and among others`(kind: String) throws {
    let samples = try Samples.clouds(rows: 700, features: 7, spread: 2)
    let model = try trained(kind, on: samples)
    let together = try model.confidences(of: samples.features)
    for row in [0, 1, 255, 256, 699] {
      let alone = try model.predict(samples.features[row: row])
      #expect(alone.confidences.map(\.confidence) == together[row: row])
    }
  }

  @Test(arguments: kinds) func `answers the same whatever the number of threads`(kind: String) throws {
    let samples = try Samples.clouds(rows: 700, features: 7, spread: 2)
    let limit = Workers.limit
    defer { Workers.limit = limit }
    Workers.limit = 1
    let alone = try trained(kind, on: samples).confidences(of: samples.features)
    Workers.limit = 5
    #expect(try trained(kind, on: samples).confidences(of: samples.features) == alone)
  }

  @Test(arguments: kinds) func `says start first and success last`(kind: String) throws {
    let model = try make(kind)
    let phases = Mutex<[TrainingStatus.Phase]>([])
    model.trainingStream.observe { event in phases.withLock { $0.append(event.value.phase) } }
    let samples = try Samples.clouds(rows: 30)
    try model.train(on: samples.features, labels: samples.labels)
    try model.wait()
    let seen = phases.withLock { $0 }
    #expect(Array(seen.prefix(2)) == [.idle, .start])
    #expect(seen.last == .success)
    #expect(seen.filter { $0 != .epoch }.count == 3)
  }

  @Test(arguments: kinds) func `learns from a dataset what it learns from its rows`(kind: String) throws {
    let samples = try Samples.clouds(rows: 60, spread: 1.5)
    let store = try DataStore("memory:")
    let dataset = try Dataset("clouds", in: store)
    try dataset.append(samples.features, labels: LabelColumn(samples.labels))
    let model = try make(kind)
    try model.train(on: dataset)
    try model.wait()
    #expect(
      try model.confidences(of: samples.features)
        == trained(kind, on: samples).confidences(of: samples.features))
  }

  @Test(arguments: kinds) func `learns from a validation dataset nothing`(kind: String) throws {
    let samples = try Samples.clouds(rows: 60, spread: 1.5)
    let store = try DataStore("memory:")
    let dataset = try Dataset("clouds", in: store)
    try dataset.append(samples.features, labels: LabelColumn(samples.labels))
    let other = try Dataset("others", in: store)
    try other.append(
      try Matrix(rows: 2, columns: 4, [9, 9, 9, 9, 0, 0, 0, 0]),
      labels: LabelColumn(["label 1", "unheard of"]))
    let model = try make(kind)
    try model.train(on: dataset, validatingOn: other)
    try model.wait()
    #expect(model.labels == ["label 0", "label 1", "label 2"])
  }

  // MARK: Saving and loading

  @Test(arguments: kinds, ["memory:", "sqlite:"])
  func `predicts the same to the last bit when it is loaded`(kind: String, location: String) throws {
    let folder = TemporaryDirectory()
    let place = location == "memory:" ? location : location + folder.path + "/store.db"
    let store = try DataStore(place)
    let samples = try Samples.clouds(rows: 90, spread: 2)
    let model = try trained(kind, on: samples)
    let id = try model.save(in: store, name: "clouds", metadata: ["note": "mine"])
    for name in [id, "clouds"] {
      let other = try make(kind)
      let stored = try other.load(from: place == "memory:" ? store : DataStore(place), name)
      #expect(stored.id == id && stored.name == "clouds")
      #expect(stored.document["metadata"]?["note"] == "mine")
      #expect(other.labels == model.labels)
      #expect(other.parameterValues == model.parameterValues)
      #expect(try other.confidences(of: samples.features) == model.confidences(of: samples.features))
      #expect(other.training.phase == .loaded)
      #expect(other.training.data?["source"] == "datastore")
    }
  }

  @Test(arguments: kinds) func `loads the latest of one name, and replaces by id`(kind: String) throws {
    let store = try DataStore("memory:")
    let first = try trained(kind, on: Samples.clouds(rows: 30))
    let second = try trained(kind, on: Samples.clouds(rows: 40, labels: 4))
    let firstID = try first.save(in: store, name: "m")
    let secondID = try second.save(in: store, name: "m")
    let loaded = try make(kind)
    #expect(try loaded.load(from: store, "m").id == secondID)
    #expect(loaded.labels.count == 4)
    #expect(try first.save(in: store, name: "m", id: firstID) == firstID)
    #expect(try loaded.load(from: store, "m").id == firstID)
    #expect(loaded.labels.count == 3)
  }

  @Test(arguments: kinds)
  func `that can't be loaded stays as it was, and says so (Marcelle's fault 7)`(kind: String) throws {
    let store = try DataStore("memory:")
    let samples = try Samples.clouds(rows: 30)
    let model = try trained(kind, on: samples)
    let before = try model.confidences(of: samples.features)
    #expect(code { try model.load(from: store, "nobody") } == .notFound)
    #expect(try store.services() == [], "reading makes no service")
    #expect(model.training.phase == .error)
    #expect(try model.confidences(of: samples.features) == before)
    #expect(code { try model.save(in: store, name: "x", id: "0123456789abcdef01234567") } == .notFound)
    #expect(code { try model.save(in: store, name: "") } == .invalidArgument)
  }

  @Test(arguments: kinds) func `refuses a stored model that is damaged`(kind: String) throws {
    let store = try DataStore("memory:")
    let model = try trained(kind, on: Samples.clouds(rows: 30))
    let archive = try model.archive()
    let service = try store.service(type(of: model).service)
    func load(_ change: (inout ModelArchive) -> Void) throws -> MaquetteError.Code? {
      var archive = archive
      change(&archive)
      let document = try service.create(
        [
          "name": "damaged", "format": .string(archive.format), "metadata": .object(archive.metadata),
        ], files: archive.files)
      return code { try model.load(from: store, document["id"]?.string ?? "") }
    }
    #expect(try load { _ in } == nil)
    #expect(try load { $0.format = "other" } == .badFormat)
    #expect(try load { $0.files = [] } == .badFormat)
    #expect(try load { $0.metadata["labels"] = nil } == .badFormat)
    #expect(try load { $0.metadata["labels"] = ["a", "b"] } == .badFormat)
    #expect(try load { $0.metadata["labels"] = ["a", "a", "b"] } == .badFormat)
    #expect(try load { $0.metadata["labels"] = ["a", 7, "b"] } == .badFormat)
    for file in archive.files.indices {
      #expect(
        try load {
          $0.files[file] = StoredFile(
            name: $0.files[file].name, bytes: Array($0.files[file].bytes.dropLast(4)))
        } == .badFormat)
    }
    if let name = archive.metadata["parameters"]?.object?.names.first {
      #expect(
        try load { $0.metadata["parameters"] = .object(JSONObject([(name, "nonsense")])) } == .badFormat)
    }
  }

  // MARK: Bad input

  @Test(arguments: kinds) func `can neither predict nor be saved before it is trained`(kind: String) throws {
    let model = try make(kind)
    #expect(code { _ = try model.predict([1, 2]) } == .notTrained)
    #expect(code { try model.save(in: DataStore("memory:"), name: "x") } == .notTrained)
    #expect(model.labels == [])
    #expect(throws: Never.self) { try model.wait(timeout: 0) }
    model.cancel()
  }

  @Test(arguments: kinds) func `refuses rows it can't learn from, each for its own reason`(kind: String)
    throws
  {
    let model = try make(kind)
    func train(_ rows: [[Float]], _ labels: [String]) -> MaquetteError.Code? {
      code { try model.train(on: Matrix(rows), labels: labels) }
    }
    #expect(train([], []) == .noRows)
    #expect(train([[1], [2]], ["a", "a"]) == .oneLabel)
    #expect(train([[1], [2]], ["a"]) == .badShape)
    #expect(train([[], []], ["a", "b"]) == .badShape)
    #expect(train([[1], [.nan]], ["a", "b"]) == .notFinite)
    #expect(train([[1], [-.infinity]], ["a", "b"]) == .notFinite)
    #expect(model.training.phase == .idle)
    #expect(train([[1], [2]], ["a", "b"]) == nil)
    #expect(throws: Never.self) { try model.wait() }
    #expect(model.labels == ["a", "b"])
  }

  @Test(arguments: kinds) func `reports what is wrong with a dataset on its stream and to who waits`(
    kind: String
  ) throws {
    let store = try DataStore("memory:")
    let samples = try Samples.clouds(rows: 30)
    let model = try trained(kind, on: samples)
    let before = try model.confidences(of: samples.features)
    let empty = try Dataset("empty", in: store)
    try model.train(on: empty)
    #expect(code { try model.wait() } == .noRows)
    #expect(model.training.phase == .error)
    #expect(model.training.data?["error"]?.string?.contains("no rows") == true)
    let unlabelled = try Dataset("unlabelled", in: store)
    _ = try unlabelled.create(["x": [1, 2]])
    _ = try unlabelled.create(["x": [1, 2], "y": "a"])
    try model.train(on: unlabelled)
    #expect(code { try model.wait() } == .notFound)
    #expect(try model.confidences(of: samples.features) == before)
    try model.train(on: samples.features, labels: samples.labels)
    #expect(throws: Never.self) { try model.wait() }
  }

  @Test(arguments: kinds) func `refuses to predict NaN and rows of another width`(kind: String) throws {
    let model = try trained(kind, on: Samples.clouds(rows: 30))
    #expect(code { _ = try model.predict([1, 2, .nan, 4]) } == .notFinite)
    #expect(code { _ = try model.predict([1, 2, 3]) } == .badShape)
    #expect(code { _ = try model.predict([]) } == .badShape)
    #expect(try model.predict(Matrix(rows: 0, columns: 4, [])).isEmpty)
  }

  @Test(arguments: kinds) func `predicts extreme numbers without a crash`(kind: String) throws {
    let model = try trained(kind, on: Samples.clouds(rows: 30))
    for value: Float in [.greatestFiniteMagnitude, -.greatestFiniteMagnitude, .leastNonzeroMagnitude, 0] {
      let answer = try model.predict([value, value, value, value])
      #expect(model.labels.contains(answer.label))
    }
  }

  @Test(arguments: kinds) func `learns another width and other labels after the first`(kind: String) throws {
    let model = try trained(kind, on: Samples.clouds(rows: 30))
    let wide = try Samples.clouds(rows: 40, features: 9, labels: 2)
    try model.train(on: wide.features, labels: wide.labels)
    try model.wait()
    #expect(model.labels.count == 2)
    #expect(throws: Never.self) { try model.predict(wide.features[row: 0]) }
  }

  @Test(arguments: kinds) func `learns one feature, and two rows`(kind: String) throws {
    let model = try make(kind)
    try model.train(on: Matrix([[1], [-1]]), labels: ["up", "down"])
    try model.wait()
    #expect(Set(model.labels) == ["up", "down"])
    #expect(throws: Never.self) { try model.predict([1]) }
  }

  @Test(arguments: kinds) func `refuses unknown and impossible parameters, naming them`(kind: String) throws {
    let cases: [(JSONObject, MaquetteError.Code)] = [
      (["nonsense": 1], .unknownParameter), (["k": 0], .badParameter), (["k": 2.5], .badParameter),
      (["metric": "chebyshev"], .badParameter), (["epochs": "many"], .badParameter),
      (["layers": [0]], .badParameter),
      (["layers": 5], .badParameter),
      (["layers": .array([JSON](repeating: 8, count: 33))], .badParameter),
      (["learningRate": -1], .badParameter), (["seed": 1e300], .badParameter),
      (["batchSize": 0], .badParameter),
    ]
    for (values, expected) in cases {
      let name = values.names[0]
      let isKnown = try make(kind).parameters.contains { $0.name == name }
      do {
        _ = try ModelKinds.make(kind, parameters: values)
        Issue.record("\(values) was taken")
      } catch {
        #expect(error.code == (isKnown ? expected : .unknownParameter))
        #expect(error.name == name)
        #expect(error.message.contains(name))
      }
    }
    #expect(code { _ = try ModelKinds.make("svm") } == .unknownKind)
  }

  @Test(arguments: kinds) func `has a schema that says all about its parameters`(kind: String) throws {
    let schema = try ModelKinds.named(kind).schema
    #expect(schema["kind"]?.string == kind)
    for parameter in schema["parameters"]?.array ?? [] {
      #expect(parameter["name"]?.string?.isEmpty == false)
      #expect(
        ["boolean", "integer", "number", "integers", "choice", "classWeights"].contains(
          parameter["type"]?.string))
      #expect(parameter["default"] != nil)
      #expect(parameter["description"]?.string?.hasSuffix(".") == true)
    }
  }

  // MARK: While it trains

  @Test(arguments: kinds) func `may be trained again by who hears that it is ready`(kind: String) throws {
    let model = try make(kind, epochs: 2)
    let samples = try Samples.clouds(rows: 30)
    let trainings = Mutex(0)
    let done = DispatchSemaphore(value: 0)
    model.trainingStream.subscribe { status in
      guard status.phase == .success else { return }
      let count = trainings.withLock { count in
        count += 1
        return count
      }
      if count == 5 {
        done.signal()
      } else {
        #expect(throws: Never.self) { try model.train(on: samples.features, labels: samples.labels) }
      }
    }
    try model.train(on: samples.features, labels: samples.labels)
    done.wait()
    #expect(throws: Never.self) { try model.wait() }
  }

  @Test(arguments: kinds) func `lets nobody wait for it in its own callback`(kind: String) throws {
    let model = try make(kind)
    let samples = try Samples.clouds(rows: 30)
    let codes = Mutex<[MaquetteError.Code?]>([])
    model.trainingStream.subscribe { status in
      guard status.phase == .success else { return }
      let code = code { try model.wait() }
      codes.withLock { $0.append(code) }
    }
    model.trainingStream.observe { event in
      guard event.value.phase == .start else { return }
      let code = code { try model.wait() }
      codes.withLock { $0.append(code) }
    }
    try model.train(on: samples.features, labels: samples.labels)
    try model.wait()
    #expect(codes.withLock { $0 } == [.reentrant, .reentrant])
  }

  @Test(arguments: kinds) func `answers eight threads while it trains and its parameters change`(kind: String)
    async throws
  {
    let samples = try Samples.clouds(rows: 60)
    let model = try trained(kind, on: samples)
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask {
          for row in 0..<200 {
            do {
              let answer = try model.predict(samples.features[row: row % 60])
              #expect(answer.confidences.count == 3)
            } catch {
              Issue.record("\(error)")
            }
          }
        }
      }
      group.addTask {
        for seed in 0..<20 {
          do {
            try model.setParameters(
              kind == "knn-classifier" ? ["k": JSON(1 + seed % 5)] : ["seed": JSON(seed)])
            try model.train(on: samples.features, labels: samples.labels)
            try model.wait()
          } catch {
            Issue.record("\(error)")
          }
        }
      }
    }
  }
}
