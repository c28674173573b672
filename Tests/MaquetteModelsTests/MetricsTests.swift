import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import Synchronization
import TestSupport
import Testing

@testable import MaquetteModels

@Suite struct `Metrics against scikit-learn` {
  private let fixture: JSON

  init() throws {
    let folder = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
    let bytes = try #require(readFile("/" + folder + "/Fixtures/scikit-learn.json"))
    fixture = try #require(try JSON(parsing: bytes)["metrics"])
  }

  private func strings(_ json: JSON?) -> [String] { (json?.array ?? []).compactMap(\.string) }
  private func numbers(_ json: JSON?) -> [Double] { (json?.array ?? []).map { $0.number ?? .nan } }
  private func table(_ json: JSON?) -> [[Double]] { (json?.array ?? []).map { numbers($0) } }
  private func isClose(_ left: Double, _ right: Double) -> Bool {
    abs(left - right) <= 2e-7 * max(1, abs(right))
  }

  // MARK: Against scikit-learn

  @Test func `counts, precision, recall and F1 are scikit-learn's`() throws {
    let cases = try #require(fixture["classifications"]?.array)
    #expect(cases.count == 4)
    for expected in cases {
      let counts = try ConfusionCounts(
        true: LabelColumn(strings(expected["truth"])), predicted: LabelColumn(strings(expected["predicted"])))
      let labels = strings(expected["labels"])
      #expect(Set(counts.labels) == Set(labels))
      let places = try labels.map { try #require(counts.labels.firstIndex(of: $0)) }
      let matrix = places.map { truth in places.map { Double(counts.counts[truth][$0]) } }
      #expect(matrix == table(expected["matrix"]))
      #expect(isClose(try #require(counts.accuracy), expected["accuracy"]?.number ?? .nan))
      let scores = counts.scores
      func check(_ found: ClassificationScores.Score, _ expected: [Double]) {
        #expect(isClose(found.precision, expected[0]))
        #expect(isClose(found.recall, expected[1]))
        #expect(isClose(found.f1, expected[2]))
      }
      let each = table(expected["scores"])
      for (column, place) in places.enumerated() { check(scores.labels[place], each.map { $0[column] }) }
      check(scores.macro, numbers(expected["macro"]))
      check(scores.weighted, numbers(expected["weighted"]))
    }
  }

  @Test func `log loss is scikit-learn's, also where a confidence is 0`() throws {
    let cases = try #require(fixture["losses"]?.array)
    #expect(cases.count == 2)
    for expected in cases {
      let confidences = try Matrix(table(expected["confidences"]).map { $0.map { Float($0) } })
      let loss = try Metrics.logLoss(
        of: confidences, labels: strings(expected["labels"]), against: LabelColumn(strings(expected["truth"]))
      )
      #expect(abs(loss - (expected["loss"]?.number ?? .nan)) < 1e-6)
    }
  }

  @Test func `the errors of numbers and R² are scikit-learn's, also of constant targets`() throws {
    let cases = try #require(fixture["regressions"]?.array)
    #expect(cases.count == 5)
    for expected in cases {
      let (truth, predicted) = (table(expected["truth"]), table(expected["predicted"]))
      let scores = try Metrics.regression(
        predicted.flatMap { $0 }, columns: predicted[0].count, against: truth.flatMap { $0 },
        columns: truth[0].count)
      #expect(isClose(scores.meanAbsoluteError, expected["meanAbsoluteError"]?.number ?? .nan))
      #expect(isClose(scores.meanSquaredError, expected["meanSquaredError"]?.number ?? .nan))
      #expect(isClose(scores.r2, expected["r2"]?.number ?? .nan))
    }
  }

  // MARK: At the edges

  @Test func `accuracy is undefined while nothing is counted`() throws {
    let empty = ConfusionCounts()
    #expect(empty.accuracy == nil)
    #expect(empty.cells == [])
    #expect(empty.json["accuracy"] == .null)
    #expect(empty.scores.macro.f1 == 0 && empty.scores.weighted.support == 0)
    let unlabelled = try ConfusionCounts(
      true: LabelColumn(names: [], codes: [-1, -1]), predicted: LabelColumn(["a", "b"]))
    #expect(unlabelled.accuracy == nil && unlabelled.labels.isEmpty)
  }

  @Test func `a rejected row has a column of its own and counts as wrong`() throws {
    let counts = try ConfusionCounts(
      true: LabelColumn(["a", "b", "a"]), predicted: LabelColumn(["a", "none", "none"]))
    #expect(counts.labels == ["a", "b", "none"])
    #expect(counts.accuracy == 1.0 / 3)
    #expect(counts.counts == [[1, 0, 1], [0, 0, 1], [0, 0, 0]])
  }

  @Test func `what can't be compared is refused`() throws {
    let two = try Matrix(rows: 2, columns: 2, [0.5, 0.5, 1, 0])
    let labels = LabelColumn(["a", "b"])
    #expect(
      failure { _ = try ConfusionCounts(true: labels, predicted: LabelColumn(["a"])) }?.code == .badShape)
    #expect(failure { _ = try Metrics.logLoss(of: two, labels: ["a"], against: labels) }?.code == .badShape)
    #expect(
      failure { _ = try Metrics.logLoss(of: two, labels: ["a", "b"], against: LabelColumn(["a"])) }?.code
        == .badShape)
    let unknown = failure { _ = try Metrics.logLoss(of: two, labels: ["a", "c"], against: labels) }
    #expect(unknown?.code == .notFound && unknown?.name == "b")
    let none = try LabelColumn(names: [], codes: [-1, -1])
    #expect(failure { _ = try Metrics.logLoss(of: two, labels: ["a", "b"], against: none) }?.code == .noRows)
    let odd = try Matrix(rows: 2, columns: 2, [0.5, .nan, 1, 0])
    #expect(
      failure { _ = try Metrics.logLoss(of: odd, labels: ["a", "b"], against: labels) }?.code == .notFinite)
    #expect(failure { _ = try Metrics.regression(two, against: odd) }?.code == .notFinite)
    #expect(
      failure { _ = try Metrics.regression([1], columns: 1, against: [.nan], columns: 1) }?.code == .notFinite
    )
    #expect(
      failure { _ = try Metrics.regression([1, 2], columns: 2, against: [1, 2], columns: 1) }?.code
        == .badShape)
    #expect(failure { _ = try Metrics.regression([], columns: 1, against: [], columns: 1) }?.code == .noRows)
    #expect(try Metrics.regression([1], columns: 1, against: [2], columns: 1).r2.isNaN)
  }

  // MARK: Watching

  private func model() throws -> MLPClassifier {
    let samples = try Samples.clouds(rows: 90)
    let model = MLPClassifier(epochs: 2)
    try model.train(on: samples.features, labels: samples.labels)
    try model.wait()
    return model
  }

  private func expected(_ batch: BatchPrediction) throws -> ConfusionCounts {
    let results = try batch.results()
    return try ConfusionCounts(true: results.trueLabels, predicted: results.predicted)
  }

  @Test(arguments: BatchStore.kinds) func `a matrix keeps up with a batch prediction`(kind: String) throws {
    let here = try BatchStore(kind)
    let dataset = try Dataset("test", in: here.store)
    let samples = try Samples.clouds(rows: 5000, seed: 3)
    try dataset.append(samples.features, labels: LabelColumn(samples.labels))
    let batch = try BatchPrediction("test", in: here.store)
    let matrix = try ConfusionMatrix(batch)
    #expect(matrix.confusion.total == 0 && matrix.accuracy == nil)
    let totals = Mutex<[Int]>([])
    matrix.$confusion.observe { event in totals.withLock { $0.append(event.value.total) } }
    try batch.predict(try model(), on: dataset)
    try batch.wait()
    #expect(totals.withLock { $0 } == [0, 4096, 5000])
    #expect(matrix.confusion == (try expected(batch)))
    #expect(matrix.accuracy == (try expected(batch)).accuracy)
    // One that comes later counts what is there.
    #expect(try ConfusionMatrix(batch).confusion == matrix.confusion)

    let service = try here.store.service(batch.serviceName)
    let record = try service.find().data[0]
    _ = try service.remove(record["id"]?.string ?? "")
    #expect(matrix.confusion.total == 4999)
    var second = try service.find().data[0]
    second["label"] = "label 9"
    second["yTrue"] = "label 9"
    _ = try service.replace(second["id"]?.string ?? "", with: second)
    #expect(matrix.confusion.labels.contains("label 9") && matrix.confusion.total == 4999)
    #expect(matrix.confusion == (try expected(batch)))
    _ = try service.create([
      "label": "a", "confidences": ["a": 1], "yTrue": "b", "instanceId": "65f000000000000000000001",
    ])
    #expect(matrix.confusion.total == 5000)
    #expect(matrix.confusion.counts.flatMap { $0 }.reduce(0, +) == 5000)
    try batch.clear()
    #expect(matrix.confusion == ConfusionCounts() && matrix.accuracy == nil)
    #expect(matrix.$accuracy.value == .some(nil))
  }

  @Test func `the cells are Marcelle's`() throws {
    let matrix = try ConfusionMatrix(true: LabelColumn(["a", "b"]), predicted: LabelColumn(["a", "a"]))
    #expect(
      matrix.confusion.cells == [
        ["x": "a", "y": "a", "v": 1], ["x": "b", "y": "a", "v": 0], ["x": "a", "y": "b", "v": 1],
        ["x": "b", "y": "b", "v": 0],
      ])
    #expect(matrix.accuracy == 0.5)
    try matrix.recount()
    #expect(matrix.confusion.total == 2)
  }

  @Test func `predictions of numbers have nothing to count`() throws {
    let here = try BatchStore("memory")
    let dataset = try Dataset("test", in: here.store)
    let rows = try Matrix(rows: 20, columns: 2, (0..<40).map { Float($0) })
    try dataset.append(rows, targets: rows)
    let pca = PCA()
    try pca.train(on: dataset)
    try pca.wait()
    let batch = try BatchPrediction("test", in: here.store)
    let matrix = try ConfusionMatrix(batch)
    try batch.predict(pca, on: dataset)
    try batch.wait()
    #expect(matrix.confusion.total == 0)
    #expect(try batch.results().predicted.codes.allSatisfy { $0 == -1 })
  }
}
