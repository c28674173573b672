import MaquetteFormats
import MaquetteKernels
import MaquetteSystem

/// Gathers instances, one after the other, into a table.
struct TableBuilder {
  let target: TargetKind
  /// The most rows there may be; memory for all of them is taken with the first.
  let capacity: Int
  private let keepsIDs: Bool
  private let field: String
  private var truth: TrueValuesBuilder?
  /// Numbers in a row, and numbers to be learnt from each; nil until the first row says.
  private(set) var width: Int?
  private(set) var targetWidth: Int?
  private(set) var labels: LabelInterner
  private(set) var count = 0

  private var features: FloatBuffer?
  private var targets: FloatBuffer?
  private var codes: [Int32] = []
  private var ids: [DocumentID] = []
  private var dates: [Int64] = []

  /// - Parameters:
  ///   - labels: known from the rows before, which keep their codes.
  ///   - field: where the features are.
  ///   - keepsTruth: whether `y` is taken as it is, instead of as a label.
  init(
    _ target: TargetKind, capacity: Int, width: Int? = nil, targetWidth: Int? = nil,
    labels: LabelInterner = LabelInterner(), keepsIDs: Bool, field: String = "x", keepsTruth: Bool = false
  ) {
    self.target = target
    self.capacity = capacity
    self.width = width
    self.targetWidth = targetWidth
    self.labels = labels
    self.keepsIDs = keepsIDs
    self.field = field
    truth = keepsTruth ? TrueValuesBuilder() : nil
  }

  /// Adds an instance.
  ///
  /// - Throws: ``MaquetteError/Code/badShape``, ``MaquetteError/Code/notFound``, ``MaquetteError/Code/notFinite``, all
  ///   naming the instance; ``MaquetteError/Code/outOfMemory``.
  mutating func add(_ record: Record) throws(MaquetteError) {
    guard count < capacity else {
      throw MaquetteError(.internal, "more rows than the \(capacity) that were counted")
    }
    let values =
      if field == "x" {
        try record.featureValues(width: width)
      } else {
        try record.featureValues(of: field, width: width)
      }
    let features = try place(self.features, width: values.count)
    (features.pointer + count * values.count).update(from: values, count: values.count)
    switch target {
    case .values:
      let values = try record.targetValues(width: targetWidth)
      let targets = try place(self.targets, width: values.count)
      (targets.pointer + count * values.count).update(from: values, count: values.count)
      self.targets = targets
      targetWidth = values.count
    case .label where truth != nil, .optionalLabel where truth != nil:
      try truth?.add(record.label, record.fields["y"], &labels)
    case .label, .optionalLabel:
      if let label = record.labelText { codes.append(try labels.code(label)) } else { codes.append(-1) }
    case .none: codes.append(-1)
    }
    // Only now, so that a row that is refused leaves nothing.
    self.features = features
    width = values.count
    if keepsIDs {
      ids.append(record.id)
      dates.append(record.updatedAt)
    }
    count += 1
  }

  private func place(_ buffer: FloatBuffer?, width: Int) throws(MaquetteError) -> FloatBuffer {
    if let buffer { return buffer }
    let (size, overflow) = capacity.multipliedReportingOverflow(by: width)
    guard !overflow else {
      throw MaquetteError(.outOfMemory, "\(capacity) rows of \(width) numbers are too much")
    }
    return try FloatBuffer(zeros: size)
  }

  /// The rows that were added.
  func table() throws(MaquetteError) -> InstanceTable {
    InstanceTable(
      features: try matrix(features, width ?? 0),
      labels: target == .values || truth != nil ? .none(count) : labels.column(codes),
      targets: target == .values ? try matrix(targets, targetWidth ?? 0) : nil,
      ids: keepsIDs ? InstanceIDs(ids, updatedAt: dates) : nil, truth: truth?.values(labels))
  }

  private func matrix(_ buffer: FloatBuffer?, _ width: Int) throws(MaquetteError) -> Matrix {
    guard let buffer else { return try Matrix(rows: 0, columns: width, []) }
    return try Matrix(rows: count, columns: width, sharing: buffer)
  }
}
