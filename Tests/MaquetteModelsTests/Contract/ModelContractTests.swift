import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteSystem
import Synchronization
import TestSupport
import Testing

@testable import MaquetteModels

/// What every kind of model keeps to. A new kind is here by being in ``ModelKinds``.
@Suite struct `Every kind of model` {
  @Test func `has an entry to be tried with`() {
    #expect(Kinds.short.keys.sorted() == Kinds.names.sorted())
    #expect(Set(Kinds.names).count == Kinds.names.count)
  }

  @Test(arguments: Kinds.names + Kinds.untrainable) func `has a schema that says all about its parameters`(
    kind: String
  ) throws {
    let type = try ModelKinds.named(kind)
    let schema = type.schema
    #expect(schema["kind"]?.string == kind)
    #expect(schema["task"]?.string == type.task.rawValue)
    #expect(schema["trainable"]?.bool == type.isTrainable)
    #expect(schema["description"]?.string?.hasSuffix(".") == true)
    let parameters = try #require(schema["parameters"]?.array)
    #expect(Set(parameters.compactMap { $0["name"]?.string }).count == parameters.count)
    for parameter in parameters {
      let name = try #require(parameter["name"]?.string)
      let value = try #require(parameter["default"], "\(name)")
      #expect(parameter["description"]?.string?.hasSuffix(".") == true, "\(name)")
      switch parameter["type"] {
      case "integer", "number", "integers":
        let minimum = try #require(parameter["minimum"]?.number, "\(name)")
        #expect(minimum <= parameter["maximum"]?.number ?? -.infinity, "\(name)")
      case "choice", "centers", "classWeights": #expect(parameter["values"]?.array?.contains(value) == true)
      case "boolean": #expect(value.bool != nil)
      case "text": #expect(value.string != nil)
      case "texts": #expect(value.array?.allSatisfy { $0.string != nil } == true)
      case let type: Issue.record("\(name) has the type \(type ?? .null)")
      }
      #expect(throws: Never.self) { try ModelKinds.make(kind, parameters: [name: value]) }
      #expect(try ModelKinds.make(kind).parameter(name).json == value)
    }
  }

  // MARK: Learning

  @Test(arguments: Kinds.names) func `gives the same when it is trained again on the same`(kind: String)
    throws
  {
    let samples = try Kinds.samples(90)
    let first = try Kinds.trained(kind, on: samples).predictions(of: samples.features)
    let model = try Kinds.trained(kind, on: samples)
    #expect(try model.predictions(of: samples.features) == first)
    try model.learn(Kinds.table(kind, samples))
    #expect(try model.predictions(of: samples.features) == first)
    #expect(first.isFinite)
  }

  @Test(arguments: Kinds.names) func `predicts the same whatever the number of threads`(kind: String) throws {
    let samples = try Kinds.samples(700, features: 7)
    let limit = Workers.limit
    defer { Workers.limit = limit }
    Workers.limit = 1
    let alone = try Kinds.trained(kind, on: samples).predictions(of: samples.features)
    Workers.limit = 5
    #expect(try Kinds.trained(kind, on: samples).predictions(of: samples.features) == alone)
  }

  @Test(arguments: Kinds.names)
  func `predicts any of the rows, in any order, as it predicts all of them`(kind: String) throws {
    let model = try Kinds.trained(kind, on: Kinds.samples(90, features: 7))
    let rows = try Kinds.samples(700, features: 7, seed: 2).features
    let all = try model.predictions(of: rows)
    var random = Random(seed: 3)
    for places in [[0], [255], [256], [699], Array(100..<391), [5, 5, 5], random.permutation(700)] {
      let places = places.map { Int32($0) }
      #expect(try model.predictions(of: rows.gathering(places)) == all.gathering(places))
    }
  }

  /// Where an algorithm promises it. A network sees its rows in mini-batches and draws them by their number, as umap and
  /// k-means++ do: the same seed means the same rows only in the same order.
  @Test(
    arguments: [
      ("knn-classifier", ["metric": "euclidean"], 0), ("knn-regressor", ["metric": "euclidean"], 0),
      ("kmeans-clustering", ["init": [[4, 0, 0, 4], [0, 4, 0, 0], [0, 0, 4, 0]]], 1e-5), ("pca", [:], 1e-4),
    ] as [(String, JSONObject, Float)])
  func `does not mind the order of the training rows`(kind: String, parameters: JSONObject, error: Float)
    throws
  {
    let samples = try Kinds.samples(90)
    let table = try Kinds.table(kind, samples)
    var random = Random(seed: 4)
    // Labels keep the order in which they are first seen: the first of each stay in front.
    let order = [0, 1, 2] + random.permutation(87).map { $0 + 3 }
    let places = order.map { Int32($0) }
    let features = try table.features.gathering(places)
    let shuffled =
      if let targets = table.targets {
        InstanceTable(features: features, targets: try targets.gathering(places))
      } else {
        InstanceTable(features: features, labels: LabelColumn(order.map { samples.labels[$0] }))
      }
    let (model, other) = (try Kinds.make(kind, parameters), try Kinds.make(kind, parameters))
    try model.learn(table)
    try other.learn(shuffled)
    let queries = try Kinds.samples(60, seed: 5).features
    #expect(try model.predictions(of: queries).difference(from: other.predictions(of: queries)) <= error)
  }

  @Test(arguments: Kinds.names) func `learns one row of one feature, or says why it can't`(kind: String)
    throws
  {
    let row = try Samples(features: Matrix([[0.5]]), labels: ["a"])
    let model = try Kinds.make(kind)
    let table = try Kinds.table(kind, row)
    switch kind {
    case "kmeans-clustering":
      let error = try #require(failure { try model.learn(table) })
      #expect(error.code == .badParameter && error.name == "k" && error.message.contains("only 1 row"))
      try model.setParameters(["k": 1])
    case "pca":
      let error = try #require(failure { try model.learn(table) })
      #expect(error.code == .badParameter && error.name == "nComponents")
      try model.setParameters(["nComponents": 1])
    default: break
    }
    if type(of: model).task == .classification {
      let error = try #require(failure { try model.learn(table) })
      #expect(error.code == .oneLabel && error.name == "a")
      #expect(model.fittedModel == nil)
      try model.learn(InstanceTable(features: Matrix([[0.5], [1]]), labels: LabelColumn(["a", "b"])))
    } else {
      try model.learn(table)
    }
    #expect(try model.predictions(of: Matrix([[0.5], [-3], [0], [1e30]])).isFinite)
  }

  @Test(arguments: Kinds.names)
  func `learns from a dataset, or from it in blocks, what it learns from its rows`(kind: String) throws {
    let samples = try Kinds.samples()
    let table = try Kinds.table(kind, samples)
    let expected = try Kinds.trained(kind, on: samples).predictions(of: samples.features)
    let dataset = try Kinds.dataset(table, in: DataStore("memory:"))
    let model = try Kinds.make(kind)
    for source in [TrainingSource.dataset(dataset), .blocks(try dataset.blocks(rows: 7))] {
      try withTables {
        try model.train(on: source, validatingOn: nil, mode: .fresh)
        try model.wait()
      }
      #expect(try model.predictions(of: samples.features) == expected)
    }
  }

  @Test(arguments: Kinds.names)
  func `reads its rows once for all epochs, however many there are (Marcelle's fault 16)`(kind: String) throws
  {
    let table = try Kinds.table(kind, Kinds.samples(250))
    let source = Blocks([table, table])
    let model = try Kinds.make(kind)
    try withTables {
      try model.train(on: .blocks(source), validatingOn: nil, mode: .fresh)
      try model.wait()
    }
    #expect(source.passes.withLock { $0 } == 1)
  }

  @Test(arguments: Kinds.names) func `keeps nothing of the trainings before the last`(kind: String) throws {
    let table = try Kinds.table(kind, Kinds.samples(30))
    let model = try Kinds.make(kind)
    final class Weak { weak var object: (any FittedModel)? }
    var fitted: [Weak] = []
    for _ in 0..<20 {
      try model.learn(table)
      fitted.append(Weak())
      fitted.last?.object = model.fittedModel
    }
    #expect(fitted.filter { $0.object != nil }.count <= 1)
    try model.reset()
    #expect(fitted.allSatisfy { $0.object == nil })
  }

  @Test(arguments: Kinds.names) func `learns rows of another width after the first`(kind: String) throws {
    let model = try Kinds.trained(kind, on: Kinds.samples(30))
    let wide = try Kinds.samples(40, features: 9, labels: 2)
    try model.learn(Kinds.table(kind, wide))
    let other = try Kinds.trained(kind, on: wide)
    #expect(try model.predictions(of: wide.features) == other.predictions(of: wide.features))
  }

  @Test(arguments: Kinds.names)
  func `is trained with the parameters as they are when the training begins`(kind: String) throws {
    let samples = try Kinds.samples(40)
    let model = try Kinds.trained(kind, on: samples)
    var changed: JSONObject = [:]
    for parameter in model.parameters {
      let value = try #require(Self.another(parameter))
      changed[parameter.name] = value
      try model.setParameters([parameter.name: value])
      #expect(try model.parameter(parameter.name).json == value)
      try model.learn(Kinds.table(kind, samples))
      let fresh = try Kinds.make(kind, changed)
      try fresh.learn(Kinds.table(kind, samples))
      #expect(
        try model.predictions(of: samples.features) == fresh.predictions(of: samples.features),
        "\(parameter.name) = \(value)")
    }
  }

  /// Another legal value than the present.
  static func another(_ parameter: any AnyParameter) -> JSON? {
    switch parameter.schema["type"] {
    case "boolean": .bool(parameter.json != true)
    case "integer": parameter.json.integer.map { JSON($0 + 1) }
    case "number": parameter.json.number.map { JSON($0 == 0 ? 0.125 : $0 / 2) }
    case "integers": [5]
    case "centers": [[1, 0, 0, 4], [0, 4, 0, 0], [0, 0, 4, 0], [1, 1, 1, 1]]
    default: parameter.schema["values"]?.array?.first { $0 != parameter.json }
    }
  }

  @Test(arguments: Kinds.names)
  func `bears constant features, duplicate rows and a single label`(kind: String) throws {
    let constant = try Matrix(rows: 30, columns: 4, [Float](repeating: 2, count: 120))
    let once = try Kinds.samples(15)
    let twice = try once.features.gathering((0..<30).map { Int32($0 / 2) })
    for features in [constant, twice] {
      let labels = (0..<30).map { $0 < 15 ? "a" : "b" }
      let model = try Kinds.trained(kind, on: Samples(features: features, labels: labels))
      #expect(try model.predictions(of: features).isFinite)
      #expect(try model.predictions(of: once.features).isFinite)
      for (name, values) in try model.readyModel().attributes { #expect(values.isFinite, "\(name)") }
    }
    let model = try Kinds.make(kind)
    let single = try Kinds.table(kind, Samples(features: twice, labels: [String](repeating: "a", count: 30)))
    if type(of: model).task == .classification {
      let error = try #require(failure { try model.learn(single) })
      #expect(error.code == .oneLabel)
      #expect(error.message.contains("30 rows") && error.message.contains("\"a\""))
    } else {
      try model.learn(single)
    }
  }

  // MARK: Going on

  @Test(arguments: Kinds.names) func `goes on as its modes say, and refuses the others`(kind: String) throws {
    let samples = try Kinds.samples(40)
    let table = try Kinds.table(kind, samples)
    for mode in [TrainingMode.continuing, .partial] {
      let model = try Kinds.make(kind)
      let isPossible = Kinds.names(that: mode).contains(kind)
      let error = failure { try model.learn(table, mode: mode) }
      if !isPossible {
        #expect(error?.code == .unsupported)
        #expect(error?.message.contains(kind) == true)
      } else if mode == .continuing {
        #expect(error?.code == .notTrained)
        #expect(error?.message.contains("go on") == true)
      } else {
        // Without anything before, the first rows.
        #expect(error == nil)
        let other = try Kinds.trained(kind, on: samples)
        #expect(try model.predictions(of: samples.features) == other.predictions(of: samples.features))
      }
      guard isPossible else { continue }
      let trained = try Kinds.trained(kind, on: samples)
      try trained.learn(table, mode: mode)
      #expect(trained.training.phase == .success)
      let before = try trained.predictions(of: samples.features)
      let wide = try Kinds.table(kind, Kinds.samples(20, features: 5))
      #expect(failure { try trained.learn(wide, mode: mode) }?.code == .badShape)
      #expect(try trained.predictions(of: samples.features) == before)
    }
  }

  @Test(arguments: Kinds.names)
  func `forgets everything but its parameters when it is reset`(kind: String) throws {
    let samples = try Kinds.samples()
    let model = try Kinds.trained(kind, on: samples)
    let parameters = model.parameterValues
    let before = try model.predictions(of: samples.features)
    try model.reset()
    #expect(model.fittedModel == nil)
    #expect(model.training == .idle)
    #expect(model.parameterValues == parameters)
    #expect(code { _ = try model.predictions(of: samples.features) } == .notTrained)
    #expect(code { try model.wait() } == nil)
    try model.learn(Kinds.table(kind, samples))
    #expect(try model.predictions(of: samples.features) == before)
  }

  @Test(arguments: Kinds.names)
  func `has clones that predict alike and go on by themselves`(kind: String) throws {
    let samples = try Kinds.samples()
    let model = try Kinds.trained(kind, on: samples)
    let clone = try model.copy()
    let answers = try model.predictions(of: samples.features)
    #expect(try clone.predictions(of: samples.features) == answers)
    #expect(clone.parameterValues == model.parameterValues)
    if let mode = [TrainingMode.partial, .continuing].first(where: { Kinds.names(that: $0).contains(kind) }) {
      try model.learn(Kinds.table(kind, samples), mode: mode)
      #expect(try clone.predictions(of: samples.features) == answers)
      try clone.learn(Kinds.table(kind, samples), mode: mode)
    }
    try model.reset()
    #expect(clone.fittedModel != nil)
    #expect(try Kinds.make(kind).copy().fittedModel == nil)
  }
}
