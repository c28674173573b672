import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteSystem
import TestSupport
import Testing

@testable import MaquetteModels

/// What every kind of classifier keeps to beside what every kind does.
@Suite struct `Every classifier` {
  static let kinds = Kinds.names(for: .classification)

  private func make(_ kind: String) throws -> any Classifier {
    try #require(try Kinds.make(kind) as? any Classifier)
  }

  private func trained(_ kind: String, on samples: Samples) throws -> any Classifier {
    let model = try make(kind)
    try model.train(on: samples.features, labels: samples.labels)
    try model.wait()
    return model
  }

  @Test(arguments: kinds) func `learns what can be learned`(kind: String) throws {
    let model = try make(kind)
    if kind == "mlp-classifier" { try model.setParameters(["layers": [64, 32]]) }
    let samples = try Samples.clouds(rows: 120)
    try model.train(on: samples.features, labels: samples.labels)
    try model.wait()
    let test = try Samples.clouds(rows: 60, seed: 2)
    let answers = try model.predict(test.features)
    let hits = zip(answers, test.labels).filter { $0.label == $1 }.count
    #expect(hits >= 57)
    for answer in answers {
      #expect(abs(answer.confidences.map(\.confidence).reduce(0, +) - 1) < 1e-5)
    }
    for row in [0, 31, 59] { #expect(try model.predict(test.features[row: row]) == answers[row]) }
  }

  @Test(arguments: kinds) func `keeps the labels in the order they were first seen`(kind: String) throws {
    let samples = try Samples.clouds(rows: 30)
    let model = try trained(
      kind,
      on: Samples(features: samples.features, labels: samples.labels.map { "z" + String($0.reversed()) }))
    #expect(model.labels == ["z0 lebal", "z1 lebal", "z2 lebal"])
    let store = try DataStore("memory:")
    try model.save(in: store, name: "m")
    let loaded = try make(kind)
    #expect(loaded.labels == [])
    try loaded.load(from: store, "m")
    #expect(loaded.labels == model.labels)
  }

  @Test(arguments: kinds)
  func `loses no label of a dataset, however late it comes (Marcelle's fault 11)`(kind: String) throws {
    let samples = try Samples.clouds(rows: 1203, labels: 2)
    let dataset = try Dataset("clouds", in: DataStore("memory:"))
    let labels = samples.labels.enumerated().map { $0 < 1200 ? $1 : "late \($0)" }
    try dataset.append(samples.features, labels: LabelColumn(labels))
    let model = try make(kind)
    try model.train(on: dataset)
    try model.wait()
    #expect(model.labels == ["label 0", "label 1", "late 1200", "late 1201", "late 1202"])
  }

  @Test(arguments: kinds) func `learns other labels after the first`(kind: String) throws {
    let model = try trained(kind, on: Samples.clouds(rows: 30))
    let other = try Samples.clouds(rows: 40, labels: 2)
    try model.train(on: other.features, labels: other.labels.map { $0 + "!" })
    try model.wait()
    #expect(model.labels == ["label 0!", "label 1!"])
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

  @Test(arguments: kinds) func `refuses a stored model without its labels`(kind: String) throws {
    let model = try trained(kind, on: Samples.clouds(rows: 30))
    let archive = try model.archive()
    for labels: JSON? in [nil, ["a", "b"], ["a", "a", "b"], ["a", 7, "b"], "a"] {
      var damaged = archive
      damaged.metadata["labels"] = labels
      // Two labels are not enough for the rows of three.
      #expect(code { try make(kind).restore(damaged) } == .badFormat, "\(labels ?? .null)")
    }
  }

  @Test(arguments: kinds) func `refuses rows without a label, and labels that don't go with the rows`(
    kind: String
  ) throws {
    let samples = try Samples.clouds(rows: 30)
    let model = try trained(kind, on: samples)
    let before = try model.confidences(of: samples.features)
    let error = failure { try model.train(on: Matrix([[1], [2]]), labels: ["a"]) }
    #expect(error?.code == .badShape && error?.message.contains("1 labels for 2 rows") == true)
    let unlabelled = try Dataset("unlabelled", in: DataStore("memory:"))
    _ = try unlabelled.create(["x": [1, 2]])
    _ = try unlabelled.create(["x": [1, 2], "y": "a"])
    try model.train(on: unlabelled)
    #expect(code { try model.wait() } == .notFound)
    #expect(try model.confidences(of: samples.features) == before)
  }
}
