import MaquetteFormats
import MaquetteKernels
import MaquetteStreams
import MaquetteSystem
import TestSupport
import Testing

@testable import MaquetteModels

@Suite struct `A nearest-neighbour classifier` {
  private func trained(
    _ rows: [[Float]], _ labels: [String], k: Int, metric: KNNClassifier.Metric = .cosine,
    weights: KNNClassifier.Weights = .uniform
  ) throws -> KNNClassifier {
    let model = KNNClassifier(k: k, metric: metric, weights: weights)
    try model.train(on: Matrix(rows), labels: labels)
    try model.wait()
    return model
  }

  private func confidences(_ answer: Classification) -> [Float] { answer.confidences.map(\.confidence) }

  @Test func `gives every class its share of the votes`() throws {
    let model = try trained(
      [[0], [1], [2], [10], [11]], ["a", "b", "a", "c", "c"], k: 3, metric: .euclidean)
    let answer = try model.predict([0.9])
    #expect(answer.label == "a")
    #expect(confidences(answer) == [2 / 3, 1 / 3, 0])
  }

  @Test func `goes by direction with the cosine, by place with the euclidean distance`() throws {
    let rows: [[Float]] = [[1, 0], [100, 90]]
    #expect(try trained(rows, ["flat", "steep"], k: 1).predict([0.5, 0.5]).label == "steep")
    #expect(
      try trained(rows, ["flat", "steep"], k: 1, metric: .euclidean).predict([0.5, 0.5]).label == "flat")
  }

  @Test func `gives a tie to the class first seen`() throws {
    let model = try trained([[1], [-1]], ["z", "a"], k: 2, metric: .euclidean)
    #expect(try model.predict([0]).label == "z")
    #expect(try confidences(model.predict([0])) == [0.5, 0.5])
  }

  @Test func `of equally near rows takes the earlier`() throws {
    let model = try trained([[1], [-1], [1]], ["first", "second", "third"], k: 1, metric: .euclidean)
    #expect(try model.predict([0]).label == "first")
    #expect(try model.predict([1]).label == "first")
  }

  @Test func `asks all rows when k is greater than their number`() throws {
    let model = try trained([[1], [2], [3]], ["a", "a", "b"], k: 100, metric: .euclidean)
    #expect(try confidences(model.predict([3])) == [2 / 3, 1 / 3])
  }

  @Test func `weighs votes by the inverse of the distance`() throws {
    let model = try trained(
      [[0], [3], [4]], ["a", "b", "b"], k: 3, metric: .euclidean, weights: .distance)
    let answer = try confidences(model.predict([1]))
    let total: Float = 1 + 1 / 2 + 1 / 3
    #expect(abs(answer[0] - 1 / total) < 1e-6)
    #expect(abs(answer[1] - (1 / 2 + 1 / 3) / total) < 1e-6)
    #expect(try confidences(model.predict([3])) == [0, 1])
  }

  @Test func `is no slower or wronger for the zero vector (Marcelle's fault 15)`() throws {
    for weights in [KNNClassifier.Weights.uniform, .distance] {
      let model = try trained([[0, 0], [1, 0], [0, 1]], ["zero", "x", "y"], k: 2, weights: weights)
      for query: [Float] in [[0, 0], [1, 0]] {
        let answer = try confidences(model.predict(query))
        #expect(!answer.contains { !$0.isFinite })
        #expect(abs(answer.reduce(0, +) - 1) < 1e-6)
      }
    }
  }

  @Test func `takes a change of k, metric and weights at once, without training again`() throws {
    let model = try trained([[1, 0], [100, 90], [90, 100]], ["a", "b", "b"], k: 1, metric: .euclidean)
    #expect(try model.predict([0.5, 0.5]).label == "a")
    model.metric = .cosine
    #expect(try model.predict([0.5, 0.5]).label == "b")
    model.metric = .euclidean
    model.k = 3
    #expect(try model.predict([0.5, 0.5]).label == "b")
    model.weights = .distance
    #expect(try model.predict([0.5, 0.5]).label == "a")
  }

  @Test func `keeps predicting with the last good k when k can't be`() throws {
    let model = try trained([[1], [2], [9]], ["a", "a", "b"], k: 1, metric: .euclidean)
    model.k = 0
    #expect(try model.predict([9]).label == "b")
    #expect { try model.train(on: Matrix([[1], [2]]), labels: ["a", "b"]) } throws: {
      ($0 as? MaquetteError)?.code == .badParameter
    }
    model.k = 3
    #expect(try model.predict([9]).label == "a")
  }

  @Test(arguments: [KNNClassifier.Metric.cosine, .euclidean], [1, 3, 10])
  func `finds what a plain search finds`(metric: KNNClassifier.Metric, k: Int) throws {
    let samples = try Samples.clouds(rows: 333, features: 13, labels: 4, spread: 2)
    let queries = try Samples.clouds(rows: 50, features: 13, labels: 4, spread: 2, seed: 5)
    let model = KNNClassifier(k: k, metric: metric)
    try model.train(on: samples.features, labels: samples.labels)
    try model.wait()
    for query in 0..<50 {
      let x = queries.features[row: query].map(Double.init)
      let distances = (0..<333).map { row -> Double in
        let y = samples.features[row: row].map(Double.init)
        if metric == .euclidean { return zip(x, y).map { ($0 - $1) * ($0 - $1) }.reduce(0, +) }
        let product = zip(x, y).map(*).reduce(0, +)
        let lengths = (x.map { $0 * $0 }.reduce(0, +) * y.map { $0 * $0 }.reduce(0, +)).squareRoot()
        return 1 - product / lengths
      }
      let nearest = (0..<333).sorted { distances[$0] < distances[$1] }.prefix(k)
      let answer = try model.predict(queries.features[row: query])
      for (label, confidence) in answer.confidences {
        let votes = nearest.filter { samples.labels[$0] == label }.count
        #expect(confidence == Float(votes) / Float(k))
      }
    }
  }

  @Test func `reports one start and one success`() throws {
    let model = KNNClassifier()
    try model.train(on: Matrix([[1], [2]]), labels: ["a", "b"])
    try model.wait()
    #expect(model.training == TrainingStatus(.success))
    #expect(KNNClassifier.service == "knn-classifier-models")
    #expect(model.k == 3)
  }
}
