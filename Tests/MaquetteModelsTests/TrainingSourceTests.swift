import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteSystem
import Synchronization
import TestSupport
import Testing

@testable import MaquetteModels

@Suite struct `A training source` {
  private func dataset(_ samples: Samples) throws -> Dataset {
    let dataset = try Dataset("clouds", in: try DataStore("memory:"))
    try dataset.append(samples.features, labels: LabelColumn(samples.labels))
    return dataset
  }

  @Test(arguments: [1, 7, 60, 100]) func `in blocks teaches the same as all rows at once`(rows: Int) throws {
    let samples = try Samples.clouds(rows: 60, spread: 2)
    let model = MLPClassifier(epochs: 3)
    try model.train(on: samples.features, labels: samples.labels)
    try model.wait()
    let expected = try model.confidences(of: samples.features)
    let blocks = try dataset(samples).blocks(rows: rows)
    try withTables {
      try model.train(on: .blocks(blocks), validatingOn: nil, mode: .fresh)
      try model.wait()
    }
    #expect(try model.confidences(of: samples.features) == expected)
  }

  @Test func `may be filtered and mapped`() throws {
    let samples = try Samples.clouds(rows: 60, spread: 2)
    let dataset = try dataset(samples)
    let kept = (0..<60).filter { samples.labels[$0] != "label 1" }
    let expected = KNNClassifier()
    try expected.train(
      on: try Matrix(rows: kept.count, columns: 4, kept.flatMap { samples.features[row: $0].map { $0 + 2 } }),
      labels: kept.map { samples.labels[$0] })
    try expected.wait()
    let items = dataset.items().filter { $0["y"] != "label 1" }.map { instance -> JSONObject in
      [
        "x": .array((instance["x"]?.array ?? []).map { .number(($0.number ?? 0) + 2) }),
        "y": instance["y"] ?? .null,
      ]
    }
    let model = KNNClassifier()
    try withTables {
      try model.train(on: .blocks(items), validatingOn: nil, mode: .fresh)
      try model.wait()
    }
    #expect(model.labels == ["label 0", "label 2"])
    #expect(try model.confidences(of: samples.features) == expected.confidences(of: samples.features))
    let query = try Query(["y": ["$ne": "label 1"]])
    try withTables {
      try model.train(on: .blocks(try dataset.blocks(matching: query)), validatingOn: nil, mode: .fresh)
      try model.wait()
    }
    #expect(model.labels == ["label 0", "label 2"])
    #expect(try model.confidences(of: samples.features) != expected.confidences(of: samples.features))
  }

  @Test func `that fails half-way fails the training and leaves the model`() throws {
    let samples = try Samples.clouds(rows: 60)
    let model = KNNClassifier()
    try model.train(on: samples.features, labels: samples.labels)
    try model.wait()
    let table = InstanceTable(features: samples.features, labels: LabelColumn(samples.labels))
    let source = Blocks([table, table, table], broken: 2)
    try withTables {
      try model.train(on: .blocks(source), validatingOn: nil, mode: .fresh)
      #expect { try model.wait() } throws: { ($0 as? MaquetteError)?.message == "block 2 is gone" }
    }
    #expect(model.training.phase == .error)
    #expect(try model.predict(samples.features).count == 60)
  }

  @Test func `of more than fits into a table is refused by a kind that needs all rows at once`() throws {
    let samples = try Samples.clouds(rows: 60)
    let model = KNNClassifier()
    let blocks = try dataset(samples).blocks(rows: 10)
    try withTables(of: 500) {
      try model.train(on: .blocks(blocks), validatingOn: nil, mode: .fresh)
      #expect { try model.wait() } throws: { ($0 as? MaquetteError)?.code == .unsupported }
    }
    #expect(model.fittedModel == nil)
  }

  @Test func `may be validated with in blocks`() throws {
    let samples = try Samples.clouds(rows: 60)
    let model = MLPClassifier(epochs: 1)
    let blocks = try dataset(samples).blocks(rows: 7)
    try withTables {
      try model.train(on: .blocks(blocks), validatingOn: .blocks(blocks), mode: .fresh)
      try model.wait()
    }
    #expect(model.training.data?["accuracyVal"]?.array?.count == 1)
  }

  @Test func `whose blocks do not go together is refused`() throws {
    let narrow = try Samples.clouds(rows: 6, features: 3)
    let wide = try Samples.clouds(rows: 6, features: 4)
    let tables = [narrow, wide].map {
      InstanceTable(features: $0.features, labels: LabelColumn($0.labels))
    }
    let model = KNNClassifier()
    try withTables {
      try model.train(on: .blocks(Blocks(tables)), validatingOn: nil, mode: .fresh)
      #expect { try model.wait() } throws: { ($0 as? MaquetteError)?.code == .badShape }
    }
  }

  @Test(arguments: [false, true]) func `teaches a classifier block by block`(standardize: Bool) throws {
    let samples = try Samples.clouds(rows: 120)
    let blocks = try dataset(samples).blocks(rows: 7)
    let model = MLPClassifier(epochs: 20, learningRate: 0.01)
    model.standardize = standardize
    try withTables(of: 500) {
      try model.train(on: .blocks(blocks), validatingOn: nil, mode: .fresh)
      try model.wait()
    }
    #expect(model.labels == ["label 0", "label 1", "label 2"])
    #expect(zip(try model.predict(samples.features), samples.labels).filter { $0.label == $1 }.count > 112)
    #expect(model.training.data?.names == ["loss", "accuracy"])
  }

  @Test func `teaches a regressor block by block`() throws {
    let rows = 120
    let features = try Samples.clouds(rows: rows).features
    let targets = (0..<rows).map { features[$0, 0] * 3 - features[$0, 1] }
    let dataset = try Dataset("numbers", in: try DataStore("memory:"))
    try dataset.append(features, targets: try Matrix(rows: rows, columns: 1, targets))
    let blocks = try dataset.blocks(rows: 10)
    let model = MLPRegressor(units: [16], epochs: 200, learningRate: 0.01)
    model.standardize = true
    try withTables(of: 500) {
      try model.train(on: .blocks(blocks), validatingOn: nil, mode: .fresh)
      try model.wait()
    }
    let predictions = try model.predict(features)
    let error = (0..<rows).reduce(Float(0)) { $0 + abs(predictions[$1, 0] - targets[$1]) } / Float(rows)
    #expect(error < 0.2)
  }
}
