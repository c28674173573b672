import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import TestSupport
import Testing

@testable import MaquetteModels

extension `Every kind of model` {
  @Test(arguments: Kinds.names)
  func `can neither predict nor be saved before it is trained`(kind: String) throws {
    let model = try Kinds.make(kind)
    #expect(code { _ = try model.predictions(of: Matrix([[1, 2]])) } == .notTrained)
    let error = failure { try model.save(in: DataStore("memory:"), name: "x") }
    #expect(error?.code == .notTrained && error?.message.contains(kind) == true)
    #expect(model.fittedModel == nil && model.training == .idle)
    #expect(throws: Never.self) { try model.wait(timeout: 0) }
    model.cancel()
    #expect(throws: Never.self) { try model.reset() }
    if let remembering = model as? any RememberingModel {
      #expect(code { _ = try remembering.neighbours(of: Matrix([[1]]), count: 1) } == .notTrained)
      #expect(code { try remembering.remove(ids: [0]) } == .notTrained)
    }
    if let invertible = model as? any InvertibleModel {
      #expect(code { _ = try invertible.inverse(Matrix([[1]])) } == .notTrained)
    }
  }

  @Test(arguments: Kinds.names)
  func `refuses rows it can't learn from, each for its own reason, and stays as it was`(kind: String) throws {
    let samples = try Kinds.samples(30)
    let good = try Kinds.table(kind, samples)
    let model = try Kinds.trained(kind, on: samples)
    let before = model.fittedModel
    func table(_ features: Matrix) throws -> InstanceTable {
      let labels = (0..<features.rows).map { $0 % 2 == 0 ? "a" : "b" }
      return try Kinds.table(kind, Samples(features: features, labels: labels))
    }
    /// The same targets or labels for other features.
    func with(_ features: Matrix) -> InstanceTable {
      good.targets.map { InstanceTable(features: features, targets: $0) }
        ?? InstanceTable(features: features, labels: good.labels)
    }
    var spoilt: [Float] = []
    for row in 0..<30 { spoilt += samples.features[row: row] }
    let cases: [(InstanceTable, MaquetteError.Code, String)] =
      try [
        (table(Matrix([])), .noRows, "no rows"),
        (table(Matrix(rows: 3, columns: 0, [])), .badShape, "no features"),
      ]
      + [Float.nan, .infinity, -.infinity].map { bad in
        spoilt[4 * 17 + 2] = bad
        return (with(try Matrix(rows: 30, columns: 4, spoilt)), .notFinite, "row 17, column 2")
      }
    for (table, expected, words) in cases {
      let error = failure { try model.learn(table) }
      #expect(error?.code == expected, "\(words)")
      #expect(error?.message.contains(words) == true, "\(error?.message ?? "nothing")")
      // Told at once: no training began.
      #expect(model.training.phase == .success)
      #expect(model.fittedModel === before)
    }
    let dataset = try Dataset("empty", in: DataStore("memory:"))
    try model.train(on: dataset)
    let error = failure { try model.wait() }
    #expect(error?.code == .noRows)
    #expect(model.training.phase == .error)
    #expect(model.training.data?["error"]?.string == error?.message)
    #expect(model.training.data?["code"]?.integer == Int(MaquetteError.Code.noRows.rawValue))
    #expect(model.fittedModel === before)
    #expect(throws: Never.self) { try model.learn(good) }
  }

  @Test(arguments: Kinds.names)
  func `keeps what it knew when blocks fail half-way or do not go together`(kind: String) throws {
    let samples = try Kinds.samples(30)
    let table = try Kinds.table(kind, samples)
    let model = try Kinds.trained(kind, on: samples)
    let before = try model.predictions(of: samples.features)
    let wide = try Kinds.table(kind, Kinds.samples(30, features: 5))
    let modes: [TrainingMode] = Kinds.names(that: .partial).contains(kind) ? [.fresh, .partial] : [.fresh]
    for mode in modes {
      for limit in [256 << 20, 100] {
        let isRefused =
          limit == 100
          && ["knn-classifier", "knn-regressor", "umap"].contains(kind)
        for (blocks, expected) in [
          (Blocks([table, table, table], broken: 2), MaquetteError.Code.inputOutput),
          (Blocks([table, wide]), .badShape), (Blocks([]), .noRows),
        ] {
          let error = try withTables(of: limit) {
            failure {
              try model.train(on: .blocks(blocks), validatingOn: nil, mode: mode)
              try model.wait()
            }
          }
          // With nothing that is too many, there is nothing to refuse.
          #expect(
            error?.code == (isRefused && !blocks.blocks.isEmpty ? .unsupported : expected),
            "\(mode), \(limit): \(error?.message ?? "nothing")")
          #expect(model.training.phase == .error)
          #expect(try model.predictions(of: samples.features) == before, "\(mode), \(limit)")
        }
      }
    }
  }

  @Test(arguments: ["mlp-classifier", "mlp-regressor", "kmeans-clustering", "pca"])
  func `that reads its rows block by block says when they go, and keeps what it knew`(kind: String) throws {
    let samples = try Kinds.samples()
    let model = try Kinds.trained(kind, on: samples)
    for mode in [TrainingMode.fresh, .partial] {
      let before = try model.predictions(of: samples.features)
      let dataset = try Kinds.dataset(Kinds.table(kind, samples), in: DataStore("memory:"))
      model.trainingStream.observe { event in
        guard event.value.phase == .start else { return }
        #expect(throws: Never.self) { try dataset.clear() }
      }
      let error = try withTables(of: 100) {
        failure {
          try model.train(on: .blocks(try dataset.blocks(rows: 7)), validatingOn: nil, mode: mode)
          try model.wait()
        }
      }
      #expect(error?.code == .noRows || error?.code == .notFound, "\(error?.message ?? "nothing")")
      #expect(model.training.phase == .error)
      #expect(try model.predictions(of: samples.features) == before)
    }
  }

  @Test(arguments: Kinds.names) func `refuses to predict NaN and rows of another width`(kind: String) throws {
    let model = try Kinds.trained(kind, on: Kinds.samples(30))
    let error = failure { _ = try model.predictions(of: Matrix([[1, 2, 3, 4], [1, 2, .nan, 4]])) }
    #expect(error?.code == .notFinite && error?.message.contains("row 1, column 2") == true)
    #expect(code { _ = try model.predictions(of: Matrix([[1, 2, -.infinity, 4]])) } == .notFinite)
    for width in [0, 3, 5] {
      let error = failure { _ = try model.predictions(of: Matrix(rows: 1, columns: width) { _ in }) }
      #expect(error?.code == .badShape)
      #expect(
        error?.message.contains("\(width) features") == true && error?.message.contains("with 4") == true)
    }
    #expect(try model.predictions(of: Matrix(rows: 0, columns: 4, [])).rows == 0)
  }

  @Test(arguments: Kinds.names) func `predicts extreme numbers by finite ones, or refuses`(kind: String)
    throws
  {
    let model = try Kinds.trained(kind, on: Kinds.samples(30))
    for value: Float in [
      .greatestFiniteMagnitude, -.greatestFiniteMagnitude, .leastNonzeroMagnitude, 0, 1e19,
    ] {
      let row = try Matrix([[value, value, value, value]])
      let error = failure {
        let answer = try model.predictions(of: row)
        #expect(answer.isFinite, "\(value)")
      }
      #expect(error == nil || error?.code == .notFinite)
    }
  }

  @Test(arguments: Kinds.names)
  func `refuses parameters it doesn't have, and values out of their range, naming both`(kind: String) throws {
    let error = failure { _ = try ModelKinds.make(kind, parameters: ["nonsense": 1]) }
    #expect(error?.code == .unknownParameter && error?.name == "nonsense")
    let model = try Kinds.make(kind)
    let before = model.parameterValues
    for parameter in model.parameters {
      #expect(error?.message.contains(parameter.name) == true)
      let schema = parameter.schema
      var bad: [JSON] = [.null, ["x": "y"]]
      // What is clamped takes any number.
      let isClamped = parameter.name == "validationSplit"
      let bounds = [
        schema["minimum"]?.number.map { $0 - max(1, abs($0)) },
        schema["maximum"]?.number.map { $0 + max(1, abs($0)) },
      ].compactMap { $0 }
      switch schema["type"] {
      case "integer": bad += ["many", 2.5, 1e300, []] + bounds.map { JSON($0) }
      case "number": bad += ["many", []] + (isClamped ? [] : bounds.map { JSON($0) })
      case "integers": bad += [5, "many", ["a"], [2.5]] + bounds.map { [JSON($0)] }
      case "boolean": bad += ["true", 1]
      case "choice": bad += ["nonsense", 1, []]
      case "centers": bad += ["nonsense", [], [[]], [[1], [1, 2]], [["a"]], [1]]
      case "classWeights": bad += ["nonsense", 1, ["a": -1], ["a": "b"]]
      default: Issue.record("\(schema)")
      }
      for value in bad {
        // All or none: what comes first is not set either.
        let others = model.parameters.first { $0.name != parameter.name }
        var values: JSONObject = [:]
        if let others { values[others.name] = Self.another(others) }
        values[parameter.name] = value
        let error = failure { try model.setParameters(values) }
        #expect(error?.code == .badParameter, "\(parameter.name) = \(value)")
        #expect(error?.name == parameter.name)
        #expect(error?.message.contains(parameter.name) == true)
        #expect(error?.message.contains("must be") == true, "\(error?.message ?? "")")
        #expect(code { try parameter.stream.set(value) } == .badParameter)
        #expect(model.parameterValues == before)
      }
    }
  }

  @Test(arguments: Kinds.names)
  func `tells at the next training of a value that was set from Swift and can't be`(kind: String) throws {
    let samples = try Kinds.samples(30)
    let model = try Kinds.trained(kind, on: samples)
    let before = model.fittedModel
    switch model {
    case let model as NetworkModel: model.learningRate = .nan
    case let model as NeighbourModel: model.k = 0
    case let model as KMeansClustering: model.tolerance = .infinity
    case let model as PCA: model.nComponents = -1
    case let model as UMAP: model.spread = -.infinity
    default: Issue.record("\(kind) has no value here that can't be")
    }
    #expect(
      code { try model.train(on: .table(Kinds.table(kind, samples)), validatingOn: nil, mode: .fresh) }
        == .badParameter)
    #expect(model.fittedModel === before)
    #expect(try model.predictions(of: samples.features).isFinite)
  }
}
