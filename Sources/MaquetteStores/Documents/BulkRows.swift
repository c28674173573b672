import MaquetteKernels
import MaquetteSystem

/// Many new instances of one dataset, as the matrix and the labels they were given as.
struct BulkRows: Sendable {
  let ids: DocumentIDRange
  let dataset: String
  let features: Matrix
  let labels: LabelColumn
  /// Milliseconds since 1970, for both dates.
  let date: Int64

  /// One of them as if it had been created alone.
  func record(_ row: Int) -> Record {
    Record(
      id: ids[row], createdAt: date, updatedAt: date, dataset: dataset,
      features: Features(shape: [features.columns], values: features[row: row]),
      label: labels[row].map { .text($0) })
  }
}
