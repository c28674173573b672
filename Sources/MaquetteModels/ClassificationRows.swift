import MaquetteKernels
import MaquetteStores
import MaquetteSystem

/// Rows and labels that a classifier can learn from: at least one row, at least two labels unless they come on top of
/// other rows, all numbers finite.
struct ClassificationRows: LearningRows {
  let features: Matrix
  /// An index into `labels` for each row.
  let codes: [Int32]
  /// As first seen.
  let labels: [String]

  /// - Throws: ``MaquetteError/Code/noRows``, ``MaquetteError/Code/oneLabel``, ``MaquetteError/Code/badShape``,
  ///   ``MaquetteError/Code/notFinite``, ``MaquetteError/Code/notFound`` for a row without a label.
  init(_ table: InstanceTable, mode: TrainingMode = .fresh) throws(MaquetteError) {
    guard table.features.rows > 0 else {
      throw MaquetteError(.noRows, "there is nothing to learn from: no rows")
    }
    guard table.features.columns > 0 else {
      throw MaquetteError(.badShape, "there is nothing to learn from: the rows have no features")
    }
    guard table.labels.codes.count == table.features.rows else {
      throw MaquetteError(
        .badShape, "there are \(table.labels.codes.count) labels for \(table.features.rows) rows")
    }
    try table.features.requireFinite()
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
      throw MaquetteError(
        .oneLabel,
        "all \(codes.count) rows have the label \(quoted(labels[0])); telling apart needs two or more",
        name: labels[0])
    }
    features = table.features
    self.codes = codes
    self.labels = labels
  }

  private init(features: Matrix, codes: [Int32], labels: [String]) {
    self.features = features
    self.codes = codes
    self.labels = labels
  }

  /// The rows of another table with the codes of this one's labels, to validate with; it may lack some labels, and
  /// rows of a label that this one does not know count as wrong answers.
  ///
  /// - Throws: ``MaquetteError/Code/noRows``, ``MaquetteError/Code/badShape``, ``MaquetteError/Code/notFinite``.
  func validation(_ table: InstanceTable) throws(MaquetteError) -> ClassificationRows {
    guard table.features.rows > 0 else { throw MaquetteError(.noRows, "there are no rows to validate with") }
    guard table.features.columns == features.columns else {
      throw MaquetteError(
        .badShape,
        "the validation rows have \(table.features.columns) features, the training rows \(features.columns)")
    }
    try table.features.requireFinite()
    let known = Dictionary(uniqueKeysWithValues: labels.enumerated().map { ($1, Int32($0)) })
    let translated = table.labels.names.map { known[$0] ?? -1 }
    return ClassificationRows(
      features: table.features,
      codes: table.labels.codes.map { $0 >= 0 && Int($0) < translated.count ? translated[Int($0)] : -1 },
      labels: labels)
  }
}

extension Matrix {
  /// - Throws: ``MaquetteError/Code/notFinite`` naming the first row and column that is NaN or infinite.
  func requireFinite() throws(MaquetteError) {
    try withUnsafeBufferPointer { (values) throws(MaquetteError) in
      guard let base = values.baseAddress, !Floats.allFinite(base, count: values.count),
        let place = values.firstIndex(where: { !$0.isFinite })
      else { return }
      throw MaquetteError(
        .notFinite,
        "row \(place / columns), column \(place % columns) is \(values[place]); every feature must be a finite number"
      )
    }
  }
}

extension ClassificationRows {
  /// The rows of these indices.
  ///
  /// - Throws: ``MaquetteError/Code/outOfMemory``.
  func gathering(_ indices: [Int32]) throws(MaquetteError) -> ClassificationRows {
    let width = features.columns
    let gathered = try Matrix(rows: indices.count, columns: width) { (target) throws(MaquetteError) in
      features.withUnsafeBufferPointer { source in
        guard let source = source.baseAddress, let target = target.baseAddress else { return }
        for (place, index) in indices.enumerated() {
          (target + place * width).update(from: source + Int(index) * width, count: width)
        }
      }
    }
    return ClassificationRows(features: gathered, codes: indices.map { codes[Int($0)] }, labels: labels)
  }
}
