import MaquetteKernels
import MaquetteSystem

/// What many new instances have as `y`.
enum BulkTargets: Sendable {
  case labels(LabelColumn)
  /// [rows, targets]
  case values(Matrix)

  subscript(row: Int) -> Label? {
    switch self {
    case .labels(let labels): labels[row].map { .text($0) }
    case .values(let values):
      values.columns == 1 ? .number(Double(values[row, 0])) : .numbers(values[row: row])
    }
  }
}

/// Many new instances of one dataset, as the matrices and the labels they were given as.
struct BulkRows: Sendable {
  let ids: DocumentIDRange
  let dataset: String
  let features: Matrix
  let targets: BulkTargets
  /// Milliseconds since 1970, for both dates.
  let date: Int64

  /// One of them as if it had been created alone, as far as it is needed.
  func record(_ row: Int, _ parts: RecordParts = .all) -> Record {
    Record(
      id: ids[row], createdAt: date, updatedAt: date, dataset: dataset,
      features: parts.contains(.features)
        ? Features(shape: [features.columns], values: features[row: row]) : nil,
      label: parts.contains(.label) ? targets[row] : nil)
  }
}
