import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import Synchronization
import TestSupport
import Testing

@testable import MaquetteModels

@Suite struct `An MLP regressor` {
  /// Rows of two numbers and a smooth function of them.
  private func example(rows: Int = 200, targets: Int = 1) throws -> (features: Matrix, targets: Matrix) {
    var random = Random(seed: 8)
    let x = (0..<rows * 2).map { _ in Float(2 * random.uniformDouble() - 1) }
    var y: [Float] = []
    for row in 0..<rows {
      let (first, second) = (x[2 * row], x[2 * row + 1])
      for target in 1...targets { y.append(Float(target) * first * second + 0.5 * first) }
    }
    return (
      try Matrix(rows: rows, columns: 2, x), try Matrix(rows: rows, columns: targets, y)
    )
  }

  private func meanAbsoluteError(_ predictions: Matrix, _ targets: Matrix) -> Double {
    var sum = 0.0
    for row in 0..<targets.rows {
      for column in 0..<targets.columns {
        sum += abs(Double(predictions[row, column] - targets[row, column]))
      }
    }
    return sum / Double(targets.rows * targets.columns)
  }

  @Test func `has Marcelle's defaults`() {
    let model = MLPRegressor()
    #expect(model.units == [64, 32])
    #expect(model.epochs == 20 && model.batchSize == 8 && model.validationSplit == 0.2)
    #expect(MLPRegressor.service == "tfjs-models")
  }

  @Test func `reports its training event for event as Marcelle does`() throws {
    let (features, targets) = try example(rows: 60)
    let model = MLPRegressor(epochs: 3)
    let seen = Mutex<[TrainingStatus]>([])
    model.$training.observe { event in seen.withLock { $0.append(event.value) } }
    try model.train(on: features, targets: targets)
    try model.wait()
    let statuses = seen.withLock { $0 }
    #expect(statuses.map(\.phase) == [.idle, .start, .epoch, .epoch, .epoch, .success])
    #expect(statuses[1].json == ["status": "start", "epochs": 3])
    let names = ["loss", "meanAbsoluteError", "lossVal", "meanAbsoluteErrorVal"]
    for epoch in 1...3 { #expect(statuses[1 + epoch].data?.names == names) }
    for name in names {
      #expect(statuses[5].data?[name] == .array(statuses[2...4].compactMap { $0.data?[name] }))
    }
  }

  @Test(arguments: [1, 3], [false, true])
  func `learns a smooth function`(targets: Int, standardize: Bool) throws {
    let (features, values) = try example(targets: targets)
    let model = MLPRegressor(epochs: 150, learningRate: 0.005)
    model.standardize = standardize
    try model.train(on: features, targets: values)
    try model.wait()
    #expect(meanAbsoluteError(try model.predict(features), values) < 0.1)
    let last = model.training.data?["meanAbsoluteErrorVal"]?.array?.last?.number ?? .infinity
    #expect(last < 0.15)
  }

  @Test func `learns scalar and one-element y alike (Marcelle's fault 1)`() throws {
    let (features, values) = try example(rows: 60)
    let store = try DataStore("memory:")
    let scalars = try Dataset("scalars", in: store)
    let arrays = try Dataset("arrays", in: store)
    for row in 0..<60 {
      let x = JSON.array(features[row: row].map { JSON(Double($0)) })
      let y = JSON(Double(values[row, 0]))
      _ = try scalars.create(["x": x, "y": y])
      _ = try arrays.create(["x": x, "y": [y]])
    }
    var predictions: [Matrix] = []
    for dataset in [scalars, arrays] {
      let model = MLPRegressor(epochs: 60, learningRate: 0.01)
      try model.train(on: dataset)
      try model.wait()
      predictions.append(try model.predict(features))
    }
    #expect(predictions[0] == predictions[1])
    #expect(meanAbsoluteError(predictions[0], values) < 0.15)
  }

  @Test func `predicts a number, or an array of them, as JSON`() throws {
    for targets in [1, 2] {
      let (features, values) = try example(rows: 30, targets: targets)
      let model = MLPRegressor(epochs: 1)
      try model.train(on: features, targets: values)
      try model.wait()
      let json = try model.readyModel().json(of: try Matrix(rows: 1, columns: 2, features[row: 0]))[0]
      #expect(targets == 1 ? json.number != nil : json.array?.count == 2)
      #expect(try model.predict(features[row: 0]).count == targets)
    }
  }

  @Test(arguments: [false, true])
  func `predicts the same to the last bit when it is loaded`(standardize: Bool) throws {
    let (features, values) = try example(rows: 60, targets: 2)
    for activation in HiddenActivation.allCases {
      let model = MLPRegressor(epochs: 3)
      model.standardize = standardize
      model.activation = activation
      try model.train(on: features, targets: values)
      try model.wait()
      let store = try DataStore("memory:")
      let id = try model.save(in: store, name: "m")
      let loaded = MLPRegressor()
      try loaded.load(from: store, id)
      #expect(try loaded.predict(features) == model.predict(features))
      #expect(loaded.parameterValues == model.parameterValues)
      // A classifier can't be made of it.
      #expect(throws: MaquetteError.self) { try MLPClassifier().load(from: store, id) }
    }
  }

  @Test func `goes on with rows of targets in another scale`() throws {
    let (features, values) = try example(rows: 100)
    let model = MLPRegressor(epochs: 60, learningRate: 0.01)
    model.standardize = true
    try model.train(on: features, targets: values)
    try model.wait()
    let large = try Matrix(
      rows: 100, columns: 1, values.withUnsafeBufferPointer { $0.map { $0 * 100 + 1000 } })
    model.epochs = 150
    try model.train(on: features, targets: large, mode: .continuing)
    try model.wait()
    #expect(meanAbsoluteError(try model.predict(features), large) < 15)
  }

  @Test func `refuses rows without numbers, of mixed width, or NaN`() throws {
    let (features, values) = try example(rows: 30)
    let model = MLPRegressor()
    func code(_ body: () throws -> Void) -> MaquetteError.Code? {
      do {
        try body()
        return nil
      } catch { return (error as? MaquetteError)?.code }
    }
    let table = InstanceTable(features: features, labels: LabelColumn([String](repeating: "a", count: 30)))
    #expect(code { try model.train(on: table) } == .notFound)
    #expect(code { try model.train(on: features, targets: [1, 2, 3]) } == .badShape)
    var broken = values.withUnsafeBufferPointer { Array($0) }
    broken[7] = .nan
    #expect(code { try model.train(on: features, targets: broken) } == .notFinite)
    let dataset = try Dataset("mixed", in: try DataStore("memory:"))
    _ = try dataset.create(["x": [1, 2], "y": [1, 2]])
    _ = try dataset.create(["x": [1, 2], "y": [1]])
    try model.train(on: dataset)
    #expect(code { try model.wait() } == .badShape)
    #expect(model.fittedModel == nil)
    let wide = try Matrix(rows: 30, columns: 2, [Float](repeating: 1, count: 60))
    #expect(
      code {
        try model.train(
          on: InstanceTable(features: features, targets: values),
          validatingOn: InstanceTable(features: features, targets: wide))
      } == .badShape)
  }

  @Test func `learns from one row, and from constant targets`() throws {
    for standardize in [false, true] {
      let model = MLPRegressor(epochs: 200, learningRate: 0.05)
      model.standardize = standardize
      try model.train(on: try Matrix(rows: 1, columns: 1, [3]), targets: [7])
      try model.wait()
      #expect(abs(try model.predict([3])[0] - 7) < 0.1)
      try model.train(on: try Matrix(rows: 4, columns: 1, [1, 2, 3, 4]), targets: [5, 5, 5, 5])
      try model.wait()
      #expect(abs(try model.predict([2])[0] - 5) < 0.2)
    }
  }
}
