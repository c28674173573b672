public import MaquetteFormats
public import MaquetteStores
public import MaquetteSystem

/// How often each label was predicted for each: the cells of a confusion matrix, and what follows from them.
///
/// Labels are in the order they were first seen, row by row, the true one before the predicted one. A row that a model
/// rejects is predicted as ``Classification/none``, which is a label like any other here: it has a column of its own, and
/// counts as a wrong answer unless rows really are called so. A row without a true or a predicted label does not count.
/// All figures are those of scikit-learn for the same columns, with `zero_division=0`.
public struct ConfusionCounts: Sendable, Equatable {
  public private(set) var labels: [String] = []
  /// `counts[true][predicted]`, indices into ``labels``.
  public private(set) var counts: [[Int]] = []
  /// The number of rows that count.
  public private(set) var total = 0
  private var places: [String: Int] = [:]
  private var hits = 0

  /// No rows.
  public init() {}

  /// The counts of two columns of labels.
  ///
  /// - Throws: ``MaquetteError/Code/badShape`` unless they have as many rows.
  public init(true truth: LabelColumn, predicted: LabelColumn) throws(MaquetteError) {
    guard truth.count == predicted.count else {
      throw MaquetteError(
        .badShape, "\(truth.count) true labels can't be compared with \(predicted.count) predicted ones")
    }
    add(true: truth, predicted: predicted)
  }

  /// Counts rows; as many in both columns.
  mutating func add(true truth: LabelColumn, predicted: LabelColumn) {
    var trueTable = [Int](repeating: -1, count: truth.names.count)
    var predictedTable = [Int](repeating: -1, count: predicted.names.count)
    for (trueCode, predictedCode) in zip(truth.codes, predicted.codes)
    where trueCode >= 0 && predictedCode >= 0 {
      let (trueCode, predictedCode) = (Int(trueCode), Int(predictedCode))
      if trueTable[trueCode] < 0 { trueTable[trueCode] = place(truth.names[trueCode]) }
      if predictedTable[predictedCode] < 0 {
        predictedTable[predictedCode] = place(predicted.names[predictedCode])
      }
      count(trueTable[trueCode], predictedTable[predictedCode], 1)
    }
  }

  /// Counts one row, or takes one back.
  mutating func add(true truth: String, predicted: String, _ difference: Int = 1) {
    let truth = place(truth)
    count(truth, place(predicted), difference)
  }

  private mutating func count(_ truth: Int, _ predicted: Int, _ difference: Int) {
    counts[truth][predicted] += difference
    total += difference
    if truth == predicted { hits += difference }
  }

  private mutating func place(_ label: String) -> Int {
    if let place = places[label] { return place }
    let place = labels.count
    labels.append(label)
    places[label] = place
    for row in counts.indices { counts[row].append(0) }
    counts.append([Int](repeating: 0, count: labels.count))
    return place
  }

  /// The rows that were predicted right, of all; nil while there are none.
  public var accuracy: Double? { total == 0 ? nil : Double(hits) / Double(total) }

  /// `[{x: predicted, y: true, v: count}, …]` for all pairs of labels, as Marcelle has it.
  public var cells: JSON {
    var cells: [JSON] = []
    cells.reserveCapacity(labels.count * labels.count)
    for (truth, row) in counts.enumerated() {
      for (predicted, count) in row.enumerated() {
        cells.append(["x": .string(labels[predicted]), "y": .string(labels[truth]), "v": JSON(count)])
      }
    }
    return .array(cells)
  }

  /// Precision, recall and F1 of each label, and together.
  public var scores: ClassificationScores { ClassificationScores(self) }

  /// `{labels, matrix: [[…]], total, accuracy, scores: […], macro, weighted}`, the matrix by true label, then predicted.
  public var json: JSON {
    let scores = scores
    return [
      "labels": .array(labels.map { .string($0) }),
      "matrix": .array(counts.map { .array($0.map { JSON($0) }) }), "total": JSON(total),
      "accuracy": accuracy.map { JSON($0) } ?? .null,
      "scores": .array(
        zip(labels, scores.labels).map { label, score in
          .object(JSONObject([("label", .string(label))] + score.members))
        }),
      "macro": .object(JSONObject(scores.macro.members)),
      "weighted": .object(JSONObject(scores.weighted.members)),
    ]
  }
}

/// How well labels are told apart.
public struct ClassificationScores: Sendable, Equatable {
  /// Of one label, or the mean of several. What can't be divided is 0.
  public struct Score: Sendable, Equatable {
    /// Of the rows predicted as this label, those that are.
    public let precision: Double
    /// Of the rows that are this label, those predicted as it.
    public let recall: Double
    /// The harmonic mean of both.
    public let f1: Double
    /// The rows that are this label; for a mean, all rows.
    public let support: Int

    var members: [(String, JSON)] {
      [
        ("precision", JSON(precision)), ("recall", JSON(recall)), ("f1", JSON(f1)),
        ("support", JSON(support)),
      ]
    }
  }

  /// For each label, in the order of ``ConfusionCounts/labels``.
  public let labels: [Score]
  /// Their mean.
  public let macro: Score
  /// Their mean, each weighted with its rows.
  public let weighted: Score

  init(_ confusion: ConfusionCounts) {
    let counts = confusion.counts
    var predicted = [Int](repeating: 0, count: counts.count)
    for row in counts {
      for (label, count) in row.enumerated() { predicted[label] += count }
    }
    func ratio(_ part: Int, _ whole: Int) -> Double { whole == 0 ? 0 : Double(part) / Double(whole) }
    let scores = counts.indices.map { label in
      let (hits, support) = (counts[label][label], counts[label].reduce(0, +))
      return Score(
        precision: ratio(hits, predicted[label]), recall: ratio(hits, support),
        f1: ratio(2 * hits, support + predicted[label]), support: support)
    }
    labels = scores
    let total = confusion.total
    func mean(_ weight: (Score) -> Double) -> Score {
      let sum = scores.reduce(0) { $0 + weight($1) }
      func of(_ figure: (Score) -> Double) -> Double {
        sum == 0 ? 0 : scores.reduce(0) { $0 + weight($1) * figure($1) } / sum
      }
      return Score(precision: of(\.precision), recall: of(\.recall), f1: of(\.f1), support: total)
    }
    macro = mean { _ in 1 }
    weighted = mean { Double($0.support) }
  }
}
