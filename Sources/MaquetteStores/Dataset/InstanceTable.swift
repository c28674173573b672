public import MaquetteKernels

/// Instances of a dataset at one moment, as numbers, in the order they were created.
public struct InstanceTable: Sendable {
  /// A row for each instance.
  public let features: Matrix
  /// A label for each row.
  ///
  /// Numbers and booleans under `y` are labels as JSON writes them, and so is anything else; an instance without
  /// `y` has none. Where labels were not asked for, no row has one.
  public let labels: LabelColumn
  /// The numbers to be learnt for each row: [rows, targets]; nil where they were not asked for.
  public let targets: Matrix?
  /// The ids of the instances; nil where they were not asked for, or there are no instances behind the rows.
  public let ids: InstanceIDs?
  /// What the instances have as `y`, whatever it is; nil where that was not asked for.
  package let truth: TrueValues?

  /// - Parameters:
  ///   - features: [rows, features]
  ///   - labels: one for each row; whoever learns from the table checks that.
  public init(features: Matrix, labels: LabelColumn) {
    self.init(features: features, labels: labels, targets: nil, ids: nil)
  }

  /// - Parameters:
  ///   - features: [rows, features]
  ///   - targets: [rows, targets]; whoever learns from the table checks that.
  public init(features: Matrix, targets: Matrix) {
    self.init(features: features, labels: .none(features.rows), targets: targets, ids: nil)
  }

  /// Rows with nothing but features.
  ///
  /// - Parameter features: [rows, features]
  public init(features: Matrix) {
    self.init(features: features, labels: .none(features.rows), targets: nil, ids: nil)
  }

  init(
    features: Matrix, labels: LabelColumn, targets: Matrix?, ids: InstanceIDs?, truth: TrueValues? = nil
  ) {
    self.features = features
    self.labels = labels
    self.targets = targets
    self.ids = ids
    self.truth = truth
  }
}

extension LabelColumn {
  /// As many rows without a label.
  static func none(_ rows: Int) -> LabelColumn {
    LabelColumn(unchecked: [], [Int32](repeating: -1, count: rows))
  }
}
