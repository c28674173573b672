import MaquetteKernels
import MaquetteStores
import MaquetteSystem

/// Rows that a model learns from by themselves: at least one, all numbers finite.
struct FeatureRows: LearningRows {
  static let target = TargetKind.none

  let features: Matrix

  /// - Throws: ``MaquetteError/Code/noRows``, ``MaquetteError/Code/badShape``, ``MaquetteError/Code/notFinite``.
  init(_ table: InstanceTable, mode: TrainingMode = .fresh) throws(MaquetteError) {
    try table.requireFeatures()
    features = table.features
  }

  /// - Throws: ``MaquetteError/Code/noRows``, ``MaquetteError/Code/badShape``, ``MaquetteError/Code/notFinite``.
  func validation(_ table: InstanceTable) throws(MaquetteError) -> FeatureRows {
    try table.requireFeatures(asWideAs: features.columns)
    return try FeatureRows(table)
  }
}

extension InstanceTable {
  /// - Throws: ``MaquetteError/Code/noRows``, ``MaquetteError/Code/badShape`` for rows without features,
  ///   ``MaquetteError/Code/notFinite``.
  func requireFeatures() throws(MaquetteError) {
    guard features.rows > 0 else {
      throw MaquetteError(.noRows, "there is nothing to learn from: no rows")
    }
    guard features.columns > 0 else {
      throw MaquetteError(.badShape, "there is nothing to learn from: the rows have no features")
    }
    try features.requireFinite()
  }

  /// Of rows to validate with.
  ///
  /// - Throws: ``MaquetteError/Code/noRows``, ``MaquetteError/Code/badShape``, ``MaquetteError/Code/notFinite``.
  func requireFeatures(asWideAs width: Int) throws(MaquetteError) {
    guard features.rows > 0 else { throw MaquetteError(.noRows, "there are no rows to validate with") }
    guard features.columns == width else {
      throw MaquetteError(
        .badShape,
        "the validation rows have \(features.columns) features, the training rows \(width)")
    }
    try features.requireFinite()
  }
}

extension Matrix {
  /// - Parameter what: one of the numbers, for the message.
  /// - Throws: ``MaquetteError/Code/notFinite`` naming the first row and column that is NaN or infinite.
  func requireFinite(_ what: String = "feature") throws(MaquetteError) {
    try requireFinite { row, column, value in
      MaquetteError(
        .notFinite, "row \(row), column \(column) is \(value); every \(what) must be a finite number")
    }
  }

  /// The rows of these indices, which must lie in the matrix.
  ///
  /// - Throws: ``MaquetteError/Code/outOfMemory``.
  func gathering(_ indices: [Int32]) throws(MaquetteError) -> Matrix {
    let width = columns
    return try Matrix(rows: indices.count, columns: width) { (target) throws(MaquetteError) in
      withUnsafeBufferPointer { source in
        guard let source = source.baseAddress, let target = target.baseAddress else { return }
        for (place, index) in indices.enumerated() {
          (target + place * width).update(from: source + Int(index) * width, count: width)
        }
      }
    }
  }
}
