import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteSystem
import TestSupport
import Testing

@testable import MaquetteModels

/// Answers compared with scikit-learn's, which Tests/Fixtures/make_fixtures.py wrote down.
@Suite struct `Against scikit-learn` {
  private let fixture: JSON

  init() throws {
    let folder = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
    let bytes = try #require(readFile("/" + folder + "/Fixtures/scikit-learn.json"))
    fixture = try JSON(parsing: bytes)
  }

  private func numbers(_ json: JSON?) -> [[Float]] {
    (json?.array ?? []).map { ($0.array ?? []).map { Float($0.number ?? .nan) } }
  }

  private func strings(_ json: JSON?) -> [String] { (json?.array ?? []).compactMap(\.string) }

  /// The greatest difference of two tables of confidences, whose labels come in different orders.
  private func difference(_ answers: [Classification], _ expected: JSON?, labels: [String]) -> Float {
    zip(answers, numbers(expected)).map { answer, expected in
      answer.confidences.map { confidence in
        guard let column = labels.firstIndex(of: confidence.label) else { return Float.infinity }
        return abs(confidence.confidence - expected[column])
      }.max() ?? .infinity
    }.max() ?? .infinity
  }

  @Test func `nearest neighbours give the same confidences, for each metric, weighting and k`() throws {
    let cases = try #require(fixture["neighbours"]?.array)
    #expect(cases.count == 18)
    for expected in cases {
      let model = KNNClassifier()
      for name in ["k", "metric", "weights"] { try model.setParameters([name: expected[name] ?? .null]) }
      try model.train(on: Matrix(numbers(fixture["rows"])), labels: strings(fixture["labels"]))
      try model.wait()
      let answers = try model.predict(Matrix(numbers(fixture["queries"])))
      let difference = difference(answers, expected["confidences"], labels: strings(expected["labels"]))
      // At the place of a row, rounding decides in cosine distance what counts as no distance at all.
      #expect(difference < 1e-4, "\(expected["metric"] ?? .null) \(expected["weights"] ?? .null)")
    }
  }

  @Test func `nearest neighbours predict the same numbers`() throws {
    let cases = try #require(fixture["regressions"]?.array)
    #expect(cases.count == 6)
    for expected in cases {
      let model = KNNRegressor(k: 4)
      for name in ["metric", "weights"] { try model.setParameters([name: expected[name] ?? .null]) }
      try model.train(on: Matrix(numbers(fixture["rows"])), targets: Matrix(numbers(fixture["targets"])))
      try model.wait()
      let predictions = try model.predict(Matrix(numbers(fixture["queries"])))
      #expect(
        greatestDifference(predictions, numbers(expected["predictions"])) < 1e-4,
        "\(expected["metric"] ?? .null) \(expected["weights"] ?? .null)")
    }
  }

  private func greatestDifference(_ matrix: Matrix, _ expected: [[Float]]) -> Float {
    guard matrix.rows == expected.count else { return .infinity }
    return expected.enumerated().flatMap { row, values in
      values.enumerated().map { abs(matrix[row, $0] - $1) }
    }.max() ?? .infinity
  }

  @Test func `k-means finds the same centers from the same beginning`() throws {
    let expected = fixture["clustering"]
    let model = KMeansClustering()
    model.k = 4
    model.tolerance = 0
    try model.setParameters(["init": expected?["start"] ?? .null])
    try model.train(on: InstanceTable(features: Matrix(numbers(fixture["rows"]))))
    try model.wait()
    #expect(greatestDifference(try #require(model.centers), numbers(expected?["centers"])) < 1e-5)
    #expect(model.clusters.map { Double($0) } == (expected?["clusters"]?.array ?? []).compactMap(\.number))
    #expect(abs(model.inertia - (expected?["inertia"]?.number ?? 0)) < 1e-3)
  }

  @Test(arguments: [false, true]) func `PCA finds the same components`(whiten: Bool) throws {
    let expected = try #require(fixture["components"]?.array?.first { $0["whiten"]?.bool == whiten })
    let model = PCA(nComponents: 3, whiten: whiten)
    try model.train(on: InstanceTable(features: Matrix(numbers(fixture["rows"]))))
    try model.wait()
    #expect(greatestDifference(try #require(model.components), numbers(expected["components"])) < 1e-5)
    let attributes = try model.readyModel().attributes
    for name in ["explainedVariance", "explainedVarianceRatio"] {
      let values = (expected[name]?.array ?? []).map { Float($0.number ?? .nan) }
      #expect(greatestDifference(try #require(attributes[name]), [values]) < 1e-5)
    }
    let scores = try model.predict(Matrix(numbers(fixture["queries"])))
    #expect(greatestDifference(scores, numbers(expected["scores"])) < 1e-4)
    #expect(greatestDifference(try model.inverse(scores), numbers(expected["inverse"])) < 1e-4)
  }

  @Test func `a network of the same weights gives the same confidences`() throws {
    let network = fixture["network"]
    let kernels = (network?["kernels"]?.array ?? []).map { numbers($0) }
    let biases = numbers(network?["biases"])
    let model = LayersModel(
      layers: zip(kernels, biases).enumerated().map { index, layer in
        .init(
          name: "layer_\(index)", inputs: layer.0.count, units: layer.1.count,
          activation: index + 1 < kernels.count ? "relu" : "softmax", kernel: layer.0.flatMap { $0 },
          bias: layer.1)
      })
    let (topology, weights) = model.encoded(name: "from scikit-learn")
    let classifier = MLPClassifier()
    try classifier.restore(
      ModelArchive(
        format: "tfjs", metadata: ["labels": network?["labels"] ?? .null],
        files: [
          StoredFile(name: "model.json", bytes: topology),
          StoredFile(name: "model.weights.bin", bytes: weights),
        ]))
    let answers = try classifier.predict(Matrix(numbers(fixture["queries"])))
    #expect(difference(answers, network?["confidences"], labels: strings(network?["labels"])) < 1e-5)
  }

  @Test func `an MLP reads the digits as well, as a mean over seeds`() throws {
    // scikit-learn's MLPClassifier((64, 32), batch_size=8, max_iter=20) reads 96.8 % on the same split, the mean of
    // five seeds, and ours 97.2 %: `make bench`. Here it is held to what three seeds can show.
    let (training, test) = try Samples.digits()
    var hits = 0
    for seed in 1...3 {
      let model = MLPClassifier(validationSplit: 0, seed: seed)
      try model.train(on: training.features, labels: training.labels)
      try model.wait()
      hits += zip(try model.predict(test.features), test.labels).filter { $0.label == $1 }.count
    }
    #expect(Double(hits) / Double(3 * test.labels.count) > 0.96)
  }
}
