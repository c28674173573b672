import Maquette
import TestSupport
import Testing

/// What a user writes: nothing here needs another import than `Maquette`.
@Suite struct `A Swift user` {
  @Test func `learns, watches, predicts and saves with one import`() async throws {
    let folder = TemporaryDirectory()
    let samples = try Samples.clouds(rows: 60)

    let store = try DataStore("sqlite:\(folder.path)/clouds.db")
    let clouds = try Dataset("clouds", in: store)
    try clouds.append(samples.features, labels: LabelColumn(samples.labels))

    let classifier = MLPClassifier(layers: [16, 8], epochs: 3)
    let statuses = classifier.$training.values
    try classifier.train(on: clouds)
    try await classifier.trained()

    var phases: [TrainingStatus.Phase] = []
    for await status in statuses {
      phases.append(status.phase)
      if status.phase == .success { break }
    }
    #expect(phases == [.idle, .start, .epoch, .epoch, .epoch, .success])

    let answer = try classifier.predict(samples.features[row: 0])
    #expect(classifier.labels.contains(answer.label))

    try classifier.save(in: store, name: "clouds")
    let other = MLPClassifier()
    try other.load(from: store, "clouds")
    #expect(try other.predict(samples.features[row: 0]) == answer)
  }

  @Test func `reaches what a kind has of its own, and trains on what it filters`() throws {
    let samples = try Samples.clouds(rows: 60)
    let clouds = try Dataset("clouds", in: try DataStore("memory:"))
    try clouds.append(samples.features, labels: LabelColumn(samples.labels))

    let model = KNNClassifier(k: 2)
    try alone {
      try model.train(
        on: .blocks(clouds.items().filter { $0["y"]?.string != "label 1" }), validatingOn: nil, mode: .fresh)
      try model.wait()
    }
    #expect(model.labels == ["label 0", "label 2"])
    #expect(try model.neighbours(of: samples.features).allSatisfy { $0.count == 2 })
    try model.remove(ids: [model.ids[0]])
    let regressor = KNNRegressor()
    #expect(regressor.ids.isEmpty)
  }
}
