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

/// How the rows of a matrix are kept as the `x` of instances.
public struct RowLayout: Sendable, Equatable {
  /// The lengths of the nested arrays that each row becomes, from the outside in; nil: one array.
  public var shape: [Int]?
  /// Whether a file keeps each number in one byte, as images have them, instead of four. They must all be whole, from 0 to
  /// 255.
  public var isBytes = false

  public init(shape: [Int]? = nil, isBytes: Bool = false) {
    self.shape = shape
    self.isBytes = isBytes
  }

  /// An array of floats.
  public static let flat = RowLayout()
}

/// Many new instances of one dataset, as the matrices and the labels they were given as.
struct BulkRows: Sendable {
  let ids: DocumentIDRange
  let dataset: String
  let features: Matrix
  let targets: BulkTargets
  let layout: RowLayout
  /// Milliseconds since 1970, for both dates.
  let date: Int64

  /// One of them as if it had been created alone, as far as it is needed.
  func record(_ row: Int, _ parts: RecordParts = .all) -> Record {
    Record(
      id: ids[row], createdAt: date, updatedAt: date, dataset: dataset,
      features: parts.contains(.features)
        ? Features(shape: layout.shape, values: features[row: row], isBytes: layout.isBytes) : nil,
      label: parts.contains(.label) ? targets[row] : nil)
  }
}
