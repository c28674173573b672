public import MaquetteKernels
public import MaquetteStores
import MaquetteSystem

/// The predictions of a batch, in the order they were made.
public struct Predictions: Sendable {
  /// What the columns of ``values`` are: the labels of a classifier, the numbers of clusters; empty where they are numbers
  /// without names.
  public let names: [String]
  /// What the records call their answer: `label`, `cluster` or `value`.
  public let answer: String
  /// [predictions, outputs]: the confidences of each label or cluster, or the numbers that were predicted.
  public let values: Matrix
  /// The instance that each prediction is about.
  public let instanceIDs: InstanceIDs
  /// The label, or the number of the cluster, that was predicted; ``Classification/none`` for a rejected row. No row has
  /// one where numbers were predicted.
  public let predicted: LabelColumn
  /// What the instances have as `y`, as labels: numbers as JSON writes them. A row without `y` has none.
  public let trueLabels: LabelColumn
  private let truth: TrueValues

  init(_ table: PredictionTable) {
    names = table.form.names
    answer =
      switch table.form {
      case .labels: "label"
      case .clusters: "cluster"
      case .number, .numbers: "value"
      }
    values = table.values
    instanceIDs = table.instances
    predicted = table.choices
    trueLabels = table.truth.column
    truth = table.truth
  }

  /// The number of predictions.
  public var count: Int { values.rows }

  /// The numbers that the instances have as `y`: [predictions, numbers]; nil unless all have some, and as many.
  public var trueValues: Matrix? {
    guard count > 0, let width = truth.numbers(0)?.count else { return nil }
    var numbers: [Float] = []
    numbers.reserveCapacity(count * width)
    for row in 0..<count {
      guard let found = truth.numbers(row), found.count == width else { return nil }
      for number in found { numbers.append(Float(number)) }
    }
    return try? Matrix(rows: count, columns: width, numbers)
  }
}
