public import MaquetteKernels
import MaquetteStores
public import MaquetteSystem

/// A model that predicts numbers.
public protocol Regressor: Model {}

extension Regressor {
  public static var task: ModelTask { .regression }

  /// Starts a training on a matrix and the numbers that go with each of its rows, and returns at once.
  ///
  /// - Parameter targets: [rows, targets]
  /// - Throws: as ``Model/train(on:validatingOn:mode:)``.
  public func train(
    on features: Matrix, targets: Matrix, mode: TrainingMode = .fresh
  ) throws(MaquetteError) {
    try train(on: .table(InstanceTable(features: features, targets: targets)), validatingOn: nil, mode: mode)
  }

  /// Starts a training on a matrix and one number for each of its rows, and returns at once.
  ///
  /// - Throws: as ``Model/train(on:validatingOn:mode:)``.
  public func train(
    on features: Matrix, targets: [Float], mode: TrainingMode = .fresh
  ) throws(MaquetteError) {
    try train(
      on: features, targets: try Matrix(rows: targets.count, columns: targets.isEmpty ? 0 : 1, targets),
      mode: mode)
  }

  /// The numbers predicted from one row.
  ///
  /// - Throws: ``MaquetteError/Code/notTrained``, ``MaquetteError/Code/badShape``, ``MaquetteError/Code/notFinite``.
  public func predict(_ features: [Float]) throws(MaquetteError) -> [Float] {
    try predict(try Matrix(rows: 1, columns: features.count, features))[row: 0]
  }

  /// The numbers predicted from each row: [rows, targets].
  ///
  /// - Throws: as for one row.
  public func predict(_ features: Matrix) throws(MaquetteError) -> Matrix {
    try readyModel().predictions(of: features)
  }
}
