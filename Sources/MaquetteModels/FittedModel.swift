public import MaquetteFormats
public import MaquetteKernels
public import MaquetteSystem

/// What a training made of a model: immutable, so that any number of threads predict with it.
public protocol FittedModel: AnyObject, Sendable {
  /// The width of the rows it takes.
  var features: Int { get }
  /// The width of a prediction: how many labels, targets, clusters or components there are.
  var outputs: Int { get }

  /// Writes the predictions of `count` rows, which lie densely one after the other, as finite numbers, at `rows`. A
  /// row's prediction does not depend on the other rows of the call.
  ///
  /// - Parameter predictions: [count, outputs], all of it is written.
  func predict(
    _ rows: UnsafePointer<Float>, count: Int, into predictions: UnsafeMutablePointer<Float>
  ) throws(MaquetteError)

  /// One prediction, ``outputs`` numbers, as Marcelle writes it: `{label, confidences}`, a number, an array of numbers.
  func json(_ prediction: UnsafeBufferPointer<Float>) -> JSON

  /// What else the training found out, by name: `centers`, `components`, `explainedVariance`, …
  var attributes: [String: Matrix] { get }
}

/// What a training made of a classifier. A prediction is the confidences of all labels, together 1; or all 0 where the
/// row belongs to none of them.
public protocol FittedClassifier: FittedModel {
  /// In the order of the columns of the confidences.
  var labels: [String] { get }
}

extension FittedModel {
  public var attributes: [String: Matrix] { [:] }

  /// A number where there is one output, else an array.
  public func json(_ prediction: UnsafeBufferPointer<Float>) -> JSON {
    prediction.count == 1 ? JSON(Double(prediction[0])) : .array(prediction.map { JSON(Double($0)) })
  }

  /// The prediction for each row: [rows, outputs].
  ///
  /// - Throws: ``MaquetteError/Code/badShape`` for rows of another width, ``MaquetteError/Code/notFinite``, also for a
  ///   row that lies too far from those that were learned; ``MaquetteError/Code/outOfMemory``.
  package func predictions(of rows: Matrix) throws(MaquetteError) -> Matrix {
    try requireWidth(rows.columns)
    try rows.requireFinite()
    return try Matrix(rows: rows.rows, columns: outputs) { (output) throws(MaquetteError) in
      try rows.withUnsafeBufferPointer { (input) throws(MaquetteError) in
        guard let input = input.baseAddress, let output = output.baseAddress, rows.rows > 0 else { return }
        try predictFinite(input, count: rows.rows, into: output)
      }
    }
  }

  /// As ``predict(_:count:into:)``, and sees to it that the predictions are finite too: features near the end of the
  /// floats' range lead beyond it.
  ///
  /// - Throws: ``MaquetteError/Code/notFinite`` naming the row; the predictions are written nevertheless.
  package func predictFinite(
    _ rows: UnsafePointer<Float>, count: Int, into predictions: UnsafeMutablePointer<Float>
  ) throws(MaquetteError) {
    try predict(rows, count: count, into: predictions)
    guard let place = Floats.firstNotFinite(predictions, count: count * outputs) else { return }
    throw MaquetteError(
      .notFinite,
      "the prediction for row \(place / outputs) is no finite number: its features lie too far from those that were learned",
      name: "features")
  }

  /// The predictions of one row or more as JSON, in their order.
  ///
  /// - Throws: as ``predictions(of:)``.
  package func json(of rows: Matrix) throws(MaquetteError) -> [JSON] {
    let predictions = try predictions(of: rows)
    return predictions.withUnsafeBufferPointer { values in
      (0..<predictions.rows).map {
        json(UnsafeBufferPointer(rebasing: values[$0 * outputs..<($0 + 1) * outputs]))
      }
    }
  }

  /// - Throws: ``MaquetteError/Code/badShape`` for rows of another width.
  package func requireWidth(_ width: Int) throws(MaquetteError) {
    guard width == features else {
      throw MaquetteError(.badShape, "the row has \(width) features, the model was trained with \(features)")
    }
  }
}

extension FittedClassifier {
  public func json(_ prediction: UnsafeBufferPointer<Float>) -> JSON {
    Classification(labels: labels, confidences: prediction).json
  }
}
