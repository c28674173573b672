import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import Synchronization
import TestSupport
import Testing

@testable import MaquetteModels

/// What classifier and regressor networks share, tried with the classifier.
@Suite struct `A network that goes on learning` {
  private func samples(_ rows: Int = 60) throws -> Samples { try Samples.clouds(rows: rows, spread: 2) }

  private func train(
    _ model: MLPClassifier, _ samples: Samples, mode: TrainingMode = .fresh
  ) throws {
    try model.train(on: samples.features, labels: samples.labels, mode: mode)
    try model.wait()
  }

  @Test(arguments: [OptimizerRule.adam, .sgd], [0, 0.3])
  func `for ten epochs and ten more has the weights of twenty`(rule: OptimizerRule, dropout: Double) throws {
    let samples = try samples()
    let whole = MLPClassifier(epochs: 20, seed: 5)
    let halves = MLPClassifier(epochs: 10, seed: 5)
    for model in [whole, halves] {
      model.optimizer = rule
      model.dropout = dropout
    }
    try train(whole, samples)
    try train(halves, samples)
    let before = try halves.confidences(of: samples.features)
    try train(halves, samples, mode: .continuing)
    #expect(try halves.confidences(of: samples.features) != before)
    #expect(try halves.confidences(of: samples.features) == whole.confidences(of: samples.features))
  }

  @Test func `starts from what was loaded, or cloned`() throws {
    let samples = try samples()
    let store = try DataStore("memory:")
    let model = MLPClassifier(epochs: 30)
    try train(model, samples)
    let id = try model.save(in: store, name: "m")
    let loaded = MLPClassifier()
    try loaded.load(from: store, id)
    let clone = try model.clone()
    for other in [loaded, clone] {
      other.epochs = 1
      other.learningRate = 1e-8
      try train(other, samples, mode: .continuing)
      let pairs = zip(
        try other.predict(samples.features), try model.predict(samples.features))
      #expect(pairs.allSatisfy { $0.label == $1.label })
    }
    let stranger = MLPClassifier()
    #expect(code { try train(stranger, samples, mode: .continuing) } == .notTrained)
  }

  @Test func `can be continued after it was cancelled`() throws {
    let samples = try samples()
    let model = MLPClassifier(epochs: 1_000_000)
    model.$training.observe { [weak model] event in
      if event.value.epoch == 4 { model?.cancel() }
    }
    #expect(code { try train(model, samples) } == .cancelled)
    let before = try model.confidences(of: samples.features)
    model.epochs = 2
    try train(model, samples, mode: .continuing)
    #expect(model.training.phase == .success)
    #expect(try model.confidences(of: samples.features) != before)
  }

  @Test func `learns labels that come later, and forgets none`() throws {
    let all = try Samples.clouds(rows: 90, spread: 0.5)
    let model = MLPClassifier(epochs: 60, validationSplit: 0, learningRate: 0.01)
    let early = (0..<90).filter { $0 % 3 != 2 }
    try train(
      model,
      Samples(
        features: try all.features.gathering(early.map { Int32($0) }), labels: early.map { all.labels[$0] }))
    #expect(model.labels == ["label 0", "label 1"])
    try train(model, all, mode: .partial)
    #expect(model.labels == ["label 0", "label 1", "label 2"])
    let hits = zip(try model.predict(all.features), all.labels).filter { $0.label == $1 }.count
    #expect(hits >= 85)
  }

  @Test func `learns rows of one label on top of others, but not by themselves`() throws {
    let samples = try samples()
    let one = Samples(
      features: try samples.features.gathering([0, 3, 6]), labels: ["label 0", "label 0", "label 0"])
    let model = MLPClassifier(epochs: 2)
    #expect(code { try train(model, one) } == .oneLabel)
    #expect(code { try train(model, one, mode: .partial) } == .oneLabel)
    try train(model, samples)
    #expect(code { try train(model, one, mode: .partial) } == nil)
    #expect(model.labels.count == 3)
  }

  @Test func `refuses rows of another width and keeps what it knows`() throws {
    let samples = try samples()
    let model = MLPClassifier(epochs: 2)
    try train(model, samples)
    let before = try model.confidences(of: samples.features)
    let wide = try Samples.clouds(rows: 30, features: 5)
    for mode in [TrainingMode.continuing, .partial] {
      #expect(code { try train(model, wide, mode: mode) } == .badShape)
      #expect(try model.confidences(of: samples.features) == before)
    }
    #expect(code { try train(model, wide) } == nil)
  }

  // MARK: The best epoch

  @Test func `ends after some epochs without a better one, with the best`() throws {
    let samples = try Samples.clouds(rows: 60, spread: 4)
    let model = MLPClassifier(epochs: 500, learningRate: 0.02)
    model.patience = 5
    let seen = Mutex<[(loss: Double, confidences: Matrix)]>([])
    model.$training.observe { [weak model] event in
      guard event.value.phase == .epoch, let loss = event.value.data?["lossVal"]?.number,
        let confidences = try? model?.confidences(of: samples.features)
      else { return }
      seen.withLock { $0.append((loss, confidences)) }
    }
    try train(model, samples)
    let epochs = seen.withLock { $0 }
    #expect(epochs.count < 500)
    let best = try #require(epochs.indices.min { epochs[$0].loss < epochs[$1].loss })
    #expect(best == epochs.count - 6)
    #expect(try model.confidences(of: samples.features) == epochs[best].confidences)
    #expect(model.training.data?["loss"]?.array?.count == epochs.count)
  }

  @Test func `that is cancelled keeps the last epoch or the best, as asked`() throws {
    let samples = try Samples.clouds(rows: 60, spread: 4)
    for kept in [KeptEpoch.last, .best] {
      let model = MLPClassifier(epochs: 500, learningRate: 0.05)
      let seen = Mutex<[(loss: Double, confidences: Matrix)]>([])
      model.$training.observe { [weak model] event in
        guard event.value.phase == .epoch, let loss = event.value.data?["lossVal"]?.number,
          let confidences = try? model?.confidences(of: samples.features)
        else { return }
        let hasRisen = seen.withLock { seen in
          seen.append((loss, confidences))
          return seen.count > 3 && loss > seen[seen.count - 2].loss
        }
        if hasRisen { model?.cancel(keeping: kept) }
      }
      #expect(code { try train(model, samples) } == .cancelled)
      let epochs = seen.withLock { $0 }
      let best = try #require(epochs.indices.min { epochs[$0].loss < epochs[$1].loss })
      #expect(best != epochs.count - 1)
      #expect(
        try model.confidences(of: samples.features)
          == (kept == .best ? epochs[best] : epochs[epochs.count - 1]).confidences)
    }
  }

  // MARK: Scale, weights, blocks

  @Test func `that standardizes does not care for the scale of a feature, also when it is loaded`() throws {
    let samples = try Samples.clouds(rows: 90, spread: 0.5)
    let scaled = try Matrix(
      rows: 90, columns: 5,
      (0..<90).flatMap { row -> [Float] in
        let x = samples.features[row: row]
        return [x[0] * 1e4 - 7e5, x[1] / 1e4, x[2], x[3] + 1000, 42]
      })
    let model = MLPClassifier(epochs: 30)
    model.standardize = true
    try train(model, Samples(features: scaled, labels: samples.labels))
    let answers = try model.predict(scaled)
    #expect(zip(answers, samples.labels).filter { $0.label == $1 }.count >= 88)
    #expect(try model.predict(scaled[row: 3]) == answers[3])
    let store = try DataStore("memory:")
    let id = try model.save(in: store, name: "m")
    let loaded = MLPClassifier()
    try loaded.load(from: store, id)
    #expect(loaded.standardize)
    #expect(try loaded.predict(scaled) == answers)
    model.epochs = 1
    try train(model, Samples(features: scaled, labels: samples.labels), mode: .continuing)
    #expect(zip(try model.predict(scaled), samples.labels).filter { $0.label == $1 }.count >= 88)
  }

  @Test func `minds rare labels more when told so`() throws {
    var random = Random(seed: 3)
    let values = (0..<200).map { Float(random.normal() + ($0 < 190 ? 0 : 1)) }
    let labels = (0..<200).map { $0 < 190 ? "often" : "rare" }
    let rows = try Matrix(rows: 200, columns: 1, values)
    func rare(_ weights: ClassWeights) throws -> Int {
      let model = MLPClassifier(layers: [], epochs: 60, validationSplit: 0, learningRate: 0.01)
      model.classWeights = weights
      try train(model, Samples(features: rows, labels: labels))
      return try model.predict(rows).filter { $0.label == "rare" }.count
    }
    #expect(try rare(.none) < 10)
    #expect(try rare(.balanced) > 30)
    #expect(try rare(.labels(["rare": 19])) > 30)
    #expect(code { _ = try rare(.labels(["unknown": 2])) } == .badParameter)
    #expect(code { _ = try rare(.labels(["rare": -1])) } == .badParameter)
    let model = MLPClassifier()
    try model.setParameters(["classWeights": ["a": 2, "b": 0.5]])
    #expect(model.classWeights == .labels(["a": 2, "b": 0.5]))
    for bad in ["many", 3, ["a": "x"], ["a": -2]] as [JSON] {
      #expect(code { try model.setParameters(["classWeights": bad]) } == .badParameter)
    }
  }

  @Test func `refuses to train when a row has a label the weights leave out of the parameters' range`() throws
  {
    let model = MLPClassifier()
    for (name, bad) in [
      ("dropout", 1), ("l2", -1), ("momentum", 2), ("patience", -1), ("standardize", 1),
      ("activation", "gelu"), ("optimizer", "lbfgs"), ("initializer", "zeros"),
    ] as [(String, JSON)] {
      #expect(code { try model.setParameters([name: bad]) } == .badParameter, "\(name)")
    }
  }
}
