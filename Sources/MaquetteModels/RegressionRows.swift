import MaquetteKernels
import MaquetteStores
import MaquetteSystem

/// Rows and the numbers that are to be predicted from them: at least one row and one target, all numbers finite.
struct RegressionRows: LearningRows {
  static let target = TargetKind.values

  let features: Matrix
  /// [rows, targets]
  let targets: Matrix

  /// - Throws: ``MaquetteError/Code/noRows``, ``MaquetteError/Code/badShape``, ``MaquetteError/Code/notFinite``,
  ///   ``MaquetteError/Code/notFound`` for rows without targets.
  init(_ table: InstanceTable, mode: TrainingMode = .fresh) throws(MaquetteError) {
    try table.requireFeatures()
    features = table.features
    targets = try Self.targets(of: table)
  }

  private init(features: Matrix, targets: Matrix) {
    self.features = features
    self.targets = targets
  }

  private static func targets(of table: InstanceTable) throws(MaquetteError) -> Matrix {
    guard let targets = table.targets else {
      throw MaquetteError(
        .notFound, "the rows have no targets; every row needs a number, or several, to learn from", name: "y")
    }
    guard targets.rows == table.features.rows else {
      throw MaquetteError(
        .badShape, "there are \(targets.rows) rows of targets for \(table.features.rows) rows")
    }
    guard targets.columns > 0 else {
      throw MaquetteError(.badShape, "there is nothing to learn: the rows have no targets", name: "y")
    }
    try targets.requireFinite("target")
    return targets
  }

  /// - Throws: ``MaquetteError/Code/noRows``, ``MaquetteError/Code/badShape``, ``MaquetteError/Code/notFinite``,
  ///   ``MaquetteError/Code/notFound``.
  func validation(_ table: InstanceTable) throws(MaquetteError) -> RegressionRows {
    try table.requireFeatures(asWideAs: features.columns)
    let others = try Self.targets(of: table)
    guard others.columns == targets.columns else {
      throw MaquetteError(
        .badShape, "the validation rows have \(others.columns) targets, the training rows \(targets.columns)")
    }
    return RegressionRows(features: table.features, targets: others)
  }

  /// The rows of these indices.
  ///
  /// - Throws: ``MaquetteError/Code/outOfMemory``.
  func gathering(_ indices: [Int32]) throws(MaquetteError) -> RegressionRows {
    RegressionRows(features: try features.gathering(indices), targets: try targets.gathering(indices))
  }
}
