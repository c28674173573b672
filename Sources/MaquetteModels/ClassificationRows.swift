import MaquetteKernels
import MaquetteStores
import MaquetteSystem

/// Rows and labels that a classifier can learn from: at least one row, at least two labels unless they come on top of
/// other rows, all numbers finite.
struct ClassificationRows: LearningRows {
  static let target = TargetKind.label

  let features: Matrix
  /// An index into `labels` for each row.
  let codes: [Int32]
  /// As first seen.
  let labels: [String]

  /// - Throws: ``MaquetteError/Code/noRows``, ``MaquetteError/Code/oneLabel``, ``MaquetteError/Code/badShape``,
  ///   ``MaquetteError/Code/notFinite``, ``MaquetteError/Code/notFound`` for a row without a label.
  init(_ table: InstanceTable, mode: TrainingMode = .fresh) throws(MaquetteError) {
    try table.requireFeatures()
    guard table.labels.codes.count == table.features.rows else {
      throw MaquetteError(
        .badShape, "there are \(table.labels.codes.count) labels for \(table.features.rows) rows")
    }
    // Only the labels that rows carry, in the order the rows bring them.
    var newCode = [Int32](repeating: -1, count: table.labels.names.count)
    var labels: [String] = []
    var codes: [Int32] = []
    codes.reserveCapacity(table.labels.codes.count)
    for (row, code) in table.labels.codes.enumerated() {
      guard code >= 0, Int(code) < newCode.count else {
        throw MaquetteError(
          .notFound, "row \(row) has no label; every row needs one to learn from", name: "y")
      }
      if newCode[Int(code)] < 0 {
        newCode[Int(code)] = Int32(labels.count)
        labels.append(table.labels.names[Int(code)])
      }
      codes.append(newCode[Int(code)])
    }
    // Rows that come on top of others may all be of one label.
    guard labels.count > 1 || mode == .partial else {
      throw Self.oneLabel(labels, codes.count)
    }
    features = table.features
    self.codes = codes
    self.labels = labels
  }

  init(features: Matrix, codes: [Int32], labels: [String]) {
    self.features = features
    self.codes = codes
    self.labels = labels
  }

  /// The rows of another table with the codes of this one's labels, to validate with; it may lack some labels, and
  /// rows of a label that this one does not know count as wrong answers.
  ///
  /// - Throws: ``MaquetteError/Code/noRows``, ``MaquetteError/Code/badShape``, ``MaquetteError/Code/notFinite``.
  func validation(_ table: InstanceTable) throws(MaquetteError) -> ClassificationRows {
    try table.requireFeatures(asWideAs: features.columns)
    let known = Dictionary(uniqueKeysWithValues: labels.enumerated().map { ($1, Int32($0)) })
    let translated = table.labels.names.map { known[$0] ?? -1 }
    return ClassificationRows(
      features: table.features,
      codes: table.labels.codes.map { $0 >= 0 && Int($0) < translated.count ? translated[Int($0)] : -1 },
      labels: labels)
  }
}

extension ClassificationRows {
  static func oneLabel(_ labels: [String], _ rows: Int) -> MaquetteError {
    MaquetteError(
      .oneLabel,
      "all \(rows) rows have the label \(quoted(labels.first ?? "")); telling apart needs two or more",
      name: labels.first ?? "")
  }

  /// Rows to validate with, whose codes were of some labels, with the codes of more.
  func relabelled(from old: [String], to new: [String]) -> ClassificationRows {
    var places: [String: Int32] = [:]
    for (place, label) in new.enumerated() { places[label] = Int32(place) }
    let translated = old.map { places[$0] ?? -1 }
    return ClassificationRows(
      features: features, codes: codes.map { $0 < 0 ? -1 : translated[Int($0)] }, labels: new)
  }

  /// The rows of these indices.
  ///
  /// - Throws: ``MaquetteError/Code/outOfMemory``.
  func gathering(_ indices: [Int32]) throws(MaquetteError) -> ClassificationRows {
    ClassificationRows(
      features: try features.gathering(indices), codes: indices.map { codes[Int($0)] }, labels: labels)
  }
}
