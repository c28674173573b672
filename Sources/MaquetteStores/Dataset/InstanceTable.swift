import MaquetteFormats
public import MaquetteKernels
import MaquetteSystem

/// All instances of a dataset at one moment, as numbers, in the order they were created.
public struct InstanceTable: Sendable {
  /// A row for each instance.
  public let features: Matrix
  /// A label for each row.
  ///
  /// Numbers and booleans under `y` are labels as JSON writes them, and so is anything else; an instance without
  /// `y` has none.
  public let labels: LabelColumn

  /// - Parameters:
  ///   - features: [rows, features]
  ///   - labels: one for each row; whoever learns from the table checks that.
  public init(features: Matrix, labels: LabelColumn) {
    self.features = features
    self.labels = labels
  }

  /// Why an instance can't be a row of numbers.
  static func unusable(_ record: Record) -> MaquetteError {
    let reason: String
    switch (record.features, record["x"]) {
    case (let features?, _): reason = "has \(features.width) features, others have another number"
    case (nil, let x?): reason = "has \(x.kind) as x that is not an array of numbers"
    case (nil, nil): reason = "has no x"
    }
    return MaquetteError(
      .badShape,
      "instance \(record.id.text) of dataset '\(record.dataset ?? "")' \(reason): training needs a row of "
        + "numbers from each instance", name: record.id.text)
  }
}
