import MaquetteKernels
import MaquetteStores
import MaquetteSystem
import TestSupport
import Testing

@testable import MaquetteModels

@Suite struct `A nearest-neighbour regressor` {
  private func trained(k: Int = 2, weights: NeighbourWeights = .uniform) throws -> KNNRegressor {
    let model = KNNRegressor(k: k, metric: .euclidean, weights: weights)
    try model.train(on: try Matrix([[0], [1], [4]]), targets: [10, 20, 60])
    try model.wait()
    return model
  }

  @Test func `predicts the mean of the nearest rows' numbers`() throws {
    #expect(try trained().predict([0.2]) == [15])
    #expect(try trained(k: 3).predict([100]) == [30])
    #expect(try trained(k: 100).predict([0]) == [30])
  }

  @Test func `means numbers whose sum no float can hold`() throws {
    for weights in [NeighbourWeights.uniform, .distance] {
      let model = KNNRegressor(k: 3, metric: .euclidean, weights: weights)
      try model.train(on: try Matrix([[0], [1], [2]]), targets: [3e38, 3e38, 3e38])
      try model.wait()
      #expect(abs(try model.predict([1.5])[0] / 3e38 - 1) < 1e-6)
    }
  }

  @Test func `weighs by the inverse of the distance`() throws {
    let answer = try trained(k: 2, weights: .distance).predict([0.25])[0]
    #expect(abs(answer - (10 / 0.25 + 20 / 0.75) / (1 / 0.25 + 1 / 0.75)) < 1e-4)
    #expect(try trained(k: 3, weights: .distance).predict([4]) == [60])
  }

  @Test func `takes several targets, and predicts one row as among many`() throws {
    let samples = try Samples.clouds(rows: 300)
    let targets = try Matrix(
      rows: 300, columns: 2, (0..<300).flatMap { [samples.features[$0, 0], Float($0 % 3)] })
    let model = KNNRegressor(k: 5)
    try model.train(on: samples.features, targets: targets)
    try model.wait()
    let all = try model.predict(samples.features)
    for row in [0, 33, 299] { #expect(try model.predict(samples.features[row: row]) == all[row: row]) }
  }

  @Test func `remembers rows on top of others, and forgets some, without training again`() throws {
    let model = try trained(k: 1)
    try model.train(on: try Matrix([[10]]), targets: [100], mode: .partial)
    try model.wait()
    #expect(model.ids == [0, 1, 2, 3])
    #expect(try model.predict([9]) == [100])
    try model.remove(ids: [3, 0])
    #expect(model.ids == [1, 2])
    #expect(try model.predict([9]) == [60])
    #expect(try model.predict([0]) == [20])
    try model.train(on: try Matrix([[0]]), targets: [7], mode: .partial)
    try model.wait()
    #expect(model.ids == [1, 2, 3])
    let found = try model.neighbours(of: try Matrix([[0], [5]]), count: 2)
    #expect(found[0] == [Neighbour(id: 3, distance: 0), Neighbour(id: 1, distance: 1)])
    #expect(found[1] == [Neighbour(id: 2, distance: 1), Neighbour(id: 1, distance: 4)])
    #expect(code { try model.remove(ids: [77]) } == .notFound)
    #expect(code { try model.remove(ids: [1, 2, 3]) } == .noRows)
    #expect(model.ids == [1, 2, 3])
    #expect(
      code {
        try model.train(on: try Matrix([[0, 1]]), targets: [7], mode: .partial)
        try model.wait()
      } == .badShape)
    #expect(code { _ = try model.neighbours(of: try Matrix([[0]]), count: 4) } == .invalidArgument)
    #expect(code { _ = try KNNRegressor().neighbours(of: try Matrix([[0]]), count: 1) } == .notTrained)
  }

  @Test func `predicts the same when it is loaded`() throws {
    let model = try trained(k: 2, weights: .distance)
    try model.remove(ids: [0])
    let store = try DataStore("memory:")
    let id = try model.save(in: store, name: "m")
    let loaded = KNNRegressor()
    try loaded.load(from: store, id)
    #expect(loaded.ids == [1, 2])
    #expect(loaded.metric == .euclidean && loaded.weights == .distance && loaded.k == 2)
    #expect(try loaded.predict([2]) == model.predict([2]))
  }
}

@Suite struct `A nearest-neighbour classifier that is edited` {
  private func trained(_ rows: [[Float]], _ labels: [String], k: Int = 1) throws -> KNNClassifier {
    let model = KNNClassifier(k: k, metric: .euclidean)
    try model.train(on: try Matrix(rows), labels: labels)
    try model.wait()
    return model
  }

  @Test func `rejects rows that are too far from all`() throws {
    let model = try trained([[0], [10]], ["a", "b"])
    #expect(try model.predict([1000]).label == "b")
    model.rejectDistance = 3
    #expect(try model.predict([1000]).label == "none")
    #expect(try model.predict([1000]).confidences.map(\.confidence) == [0, 0])
    #expect(try model.predict([12.9]).label == "b")
    #expect(try model.predict(try Matrix([[1], [5], [9]])).map(\.label) == ["a", "none", "b"])
    model.rejectDistance = 0
    #expect(try model.predict([1000]).label == "b")
  }

  @Test func `goes by the way along the axes with the Manhattan distance`() throws {
    let model = try trained([[3, 3], [0, 5]], ["diagonal", "straight"])
    #expect(try model.predict([0, 0]).label == "diagonal")
    model.metric = .manhattan
    #expect(try model.predict([0, 0]).label == "straight")
    #expect(try model.neighbours(of: try Matrix([[0, 0]]), count: 2)[0].map(\.distance) == [5, 6])
  }

  @Test func `learns examples, new labels and all, without training again`() throws {
    let model = try trained([[0], [10]], ["a", "b"])
    try model.train(on: try Matrix([[20], [21]]), labels: ["c", "c"], mode: .partial)
    try model.wait()
    #expect(model.labels == ["a", "b", "c"])
    #expect(try model.predict([19]).label == "c")
    try model.remove(ids: [2, 3])
    #expect(try model.predict([19]).label == "b")
    #expect(model.labels == ["a", "b", "c"])
  }

  @Test func `is trained anew after a clearing, with another width too (Marcelle's fault 15)`() throws {
    let dataset = try Dataset("rows", in: try DataStore("memory:"))
    let model = KNNClassifier(k: 1)
    try dataset.append(try Matrix([[0, 1], [1, 0]]), labels: LabelColumn(["a", "b"]))
    try model.train(on: dataset)
    try model.wait()
    try dataset.clear()
    try model.train(on: dataset)
    #expect(code { try model.wait() } == .noRows)
    #expect(try model.predict([0, 1]).label == "a")
    try dataset.append(try Matrix([[0, 1, 2], [1, 0, 2]]), labels: LabelColumn(["c", "d"]))
    try model.train(on: dataset)
    try model.wait()
    #expect(try model.predict([0, 1, 2]).label == "c")
  }

  @Test func `takes time in proportion to its rows (Marcelle's fault 15)`() throws {
    // Quadratic training would compare 4 × 10⁸ pairs of rows here, each of 64 numbers.
    let samples = try Samples.clouds(rows: 20_000, features: 64)
    let model = KNNClassifier(k: 1)
    try model.train(on: samples.features, labels: samples.labels)
    try model.wait()
    #expect(model.ids.count == 20_000)
    #expect(try model.predict(samples.features[row: 77]).label == samples.labels[77])
  }
}
