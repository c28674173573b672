import Glibc
public import MaquetteKernels
public import MaquetteStores
public import MaquetteSystem

/// How good predictions are, in scikit-learn's figures.
public enum Metrics {
  /// The cross-entropy of confidences: the mean of -log(p), p being the confidence of the true label, which counts as at
  /// least 1.2e-7 and at most 1 - 1.2e-7, the precision of 32-bit floats, as scikit-learn has it.
  ///
  /// Rows without a true label do not count.
  ///
  /// - Parameters:
  ///   - confidences: [rows, labels]
  ///   - labels: of the columns.
  /// - Throws: ``MaquetteError/Code/badShape``; ``MaquetteError/Code/noRows`` where no row has a label;
  ///   ``MaquetteError/Code/notFound`` naming a true label that no column stands for;
  ///   ``MaquetteError/Code/notFinite``.
  public static func logLoss(
    of confidences: Matrix, labels: [String], against truth: LabelColumn
  ) throws(MaquetteError) -> Double {
    guard confidences.columns == labels.count else {
      throw MaquetteError(
        .badShape, "there are \(labels.count) labels for \(confidences.columns) columns of confidences")
    }
    guard confidences.rows == truth.count else {
      throw MaquetteError(
        .badShape, "\(truth.count) true labels can't be compared with \(confidences.rows) rows of confidences"
      )
    }
    try confidences.requireFinite("confidence")
    var columnOfLabel: [String: Int] = [:]
    for (column, label) in labels.enumerated() where columnOfLabel[label] == nil {
      columnOfLabel[label] = column
    }
    let columns = truth.names.map { columnOfLabel[$0] }
    let least = Double(Float.ulpOfOne)
    var sum = 0.0
    var rows = 0
    for (row, code) in truth.codes.enumerated() where code >= 0 {
      guard let column = columns[Int(code)] else {
        let label = truth.names[Int(code)]
        throw MaquetteError(
          .notFound, "the true label \(quoted(label)) is none of those that were predicted", name: label)
      }
      sum -= log(min(max(Double(confidences[row, column]), least), 1 - least))
      rows += 1
    }
    guard rows > 0 else { throw MaquetteError(.noRows, "no row has a true label to be compared with") }
    return sum / Double(rows)
  }

  /// How far numbers are from what they should be.
  ///
  /// - Parameters:
  ///   - predicted: [rows, targets]
  ///   - truth: of the same shape.
  /// - Throws: ``MaquetteError/Code/badShape``, ``MaquetteError/Code/noRows``, ``MaquetteError/Code/notFinite``.
  public static func regression(_ predicted: Matrix, against truth: Matrix) throws(MaquetteError)
    -> RegressionScores
  {
    try predicted.requireFinite("number")
    try truth.requireFinite("number")
    return try regression(
      predicted.withUnsafeBufferPointer { $0.map { Double($0) } }, columns: predicted.columns,
      against: truth.withUnsafeBufferPointer { $0.map { Double($0) } }, columns: truth.columns)
  }

  /// As ``regression(_:against:)``, of numbers with all their digits, row after row.
  public static func regression(
    _ predicted: [Double], columns: Int, against truth: [Double], columns trueColumns: Int
  ) throws(MaquetteError) -> RegressionScores {
    guard predicted.count == truth.count, columns == trueColumns else {
      throw MaquetteError(
        .badShape,
        "\(predicted.count) predicted numbers in \(columns) columns can't be compared with \(truth.count) in \(trueColumns)"
      )
    }
    guard columns > 0, !predicted.isEmpty else {
      throw MaquetteError(.noRows, "there are no predictions to be compared")
    }
    for (what, numbers) in [("predicted", predicted), ("true", truth)] {
      if let odd = numbers.firstIndex(where: { !$0.isFinite }) {
        throw MaquetteError(
          .notFinite,
          "row \(odd / columns), column \(odd % columns) of the \(what) numbers is \(numbers[odd]); they must be finite"
        )
      }
    }
    return RegressionScores(predicted, truth, columns: columns)
  }
}

/// How far predicted numbers are from the true ones; of several columns, the mean over them.
public struct RegressionScores: Sendable, Equatable {
  public let meanAbsoluteError: Double
  public let meanSquaredError: Double
  /// The part of the variance that is predicted, R². Where the true numbers are all the same it is 1 for perfect
  /// predictions and else 0; of a single row it is NaN.
  public let r2: Double

  /// Finite numbers, row after row; at least one row.
  fileprivate init(_ predicted: [Double], _ truth: [Double], columns: Int) {
    let rows = predicted.count / columns
    var (absolute, squared, r2) = (0.0, 0.0, 0.0)
    for column in 0..<columns {
      var mean = 0.0
      for row in 0..<rows { mean += truth[row * columns + column] }
      mean /= Double(rows)
      var (errors, residual, variance) = (0.0, 0.0, 0.0)
      for row in 0..<rows {
        let place = row * columns + column
        let error = truth[place] - predicted[place]
        errors += error.magnitude
        residual += error * error
        variance += (truth[place] - mean) * (truth[place] - mean)
      }
      absolute += errors / Double(rows)
      squared += residual / Double(rows)
      r2 += variance == 0 ? (residual == 0 ? 1 : 0) : 1 - residual / variance
    }
    meanAbsoluteError = absolute / Double(columns)
    meanSquaredError = squared / Double(columns)
    self.r2 = rows < 2 ? .nan : r2 / Double(columns)
  }
}
