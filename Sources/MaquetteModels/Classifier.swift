public import MaquetteFormats
public import MaquetteKernels
public import MaquetteStores
public import MaquetteSystem

/// The answer of a classifier for one row.
public struct Classification: Sendable, Equatable {
  /// The label with the greatest confidence; of equals, the one first seen in training.
  public let label: String
  /// The labels, as the training first saw them, with their confidences; together 1.
  public let confidences: [(label: String, confidence: Float)]

  init(labels: [String], confidences: some Collection<Float>) {
    var best = 0
    var greatest = -Float.infinity
    for (index, confidence) in confidences.enumerated() where confidence > greatest {
      best = index
      greatest = confidence
    }
    label = best < labels.count ? labels[best] : ""
    self.confidences = Array(zip(labels, confidences)).map { (label: $0.0, confidence: $0.1) }
  }

  public static func == (left: Classification, right: Classification) -> Bool {
    left.label == right.label && left.confidences.elementsEqual(right.confidences) { $0 == $1 }
  }

  /// `{"label": "3", "confidences": {"0": 0.01, …}}`
  public var json: JSON {
    [
      "label": .string(label),
      "confidences": .object(JSONObject(confidences.map { ($0.label, JSON(Double($0.confidence))) })),
    ]
  }
}

/// A model that tells which of its labels a row belongs to.
public protocol Classifier: Model {
  /// What the last training, or its last finished epoch, or a loading made; nil before. Reading it never waits.
  var fitted: (any FittedClassifier)? { get }

  /// Starts a training on these rows, and returns at once.
  ///
  /// - Throws: as ``Model/train(on:validatingOn:)``, and at once what is wrong with the rows:
  ///   ``MaquetteError/Code/noRows``, ``MaquetteError/Code/oneLabel``, ``MaquetteError/Code/notFinite``,
  ///   ``MaquetteError/Code/badShape``.
  func train(on rows: InstanceTable, validatingOn validation: InstanceTable?) throws(MaquetteError)
}

/// What a training made of a classifier: immutable, so that any number of threads predict with it.
public protocol FittedClassifier: AnyObject, Sendable {
  /// In the order of the columns of the confidences.
  var labels: [String] { get }
  /// How many labels there are: the width of the confidences.
  var labelCount: Int { get }
  /// The width of the rows it takes.
  var features: Int { get }

  /// Writes the confidences of `count` rows, which lie densely one after the other, as finite numbers, at `rows`.
  ///
  /// - Parameter confidences: [count, labels], all of it is written.
  func predict(
    _ rows: UnsafePointer<Float>, count: Int, into confidences: UnsafeMutablePointer<Float>
  ) throws(MaquetteError)
}

extension Classifier {
  /// The labels the model knows, as the training first saw them; empty before.
  public var labels: [String] { fitted?.labels ?? [] }

  /// What to predict with.
  ///
  /// - Throws: ``MaquetteError/Code/notTrained``.
  package func ready() throws(MaquetteError) -> any FittedClassifier {
    guard let fitted else {
      throw MaquetteError(.notTrained, "this \(Self.kind) has been neither trained nor loaded yet")
    }
    return fitted
  }

  /// Starts a training on a matrix and a label for each of its rows, and returns at once.
  ///
  /// - Throws: as ``Model/train(on:validatingOn:)``, and at once what is wrong with the rows.
  public func train(on features: Matrix, labels: [String]) throws(MaquetteError) {
    try train(on: InstanceTable(features: features, labels: LabelColumn(labels)), validatingOn: nil)
  }

  /// Starts a training on the instances that are in the dataset now, and returns at once. A part of them is kept for
  /// validation, as `validationSplit` says, for a model that has it.
  ///
  /// - Throws: as ``Model/train(on:validatingOn:)``.
  public func train(on dataset: Dataset) throws(MaquetteError) {
    try train(on: dataset, validatingOn: nil)
  }

  /// The label of one row, with the confidences of all.
  ///
  /// - Throws: ``MaquetteError/Code/notTrained``, ``MaquetteError/Code/badShape``, ``MaquetteError/Code/notFinite``.
  public func predict(_ features: [Float]) throws(MaquetteError) -> Classification {
    let fitted = try ready()
    let confidences = try fitted.confidences(of: try Matrix(rows: 1, columns: features.count, features))
    return Classification(labels: fitted.labels, confidences: confidences[row: 0])
  }

  /// The label of each row, with the confidences of all.
  ///
  /// - Throws: as for one row.
  public func predict(_ features: Matrix) throws(MaquetteError) -> [Classification] {
    let fitted = try ready()
    let confidences = try fitted.confidences(of: features)
    return (0..<confidences.rows).map {
      Classification(labels: fitted.labels, confidences: confidences[row: $0])
    }
  }

  /// The confidences of the labels for each row: [rows, labels].
  ///
  /// - Throws: as for one row.
  public func confidences(of features: Matrix) throws(MaquetteError) -> Matrix {
    try ready().confidences(of: features)
  }
}

extension FittedClassifier {
  func confidences(of rows: Matrix) throws(MaquetteError) -> Matrix {
    try requireWidth(rows.columns)
    try rows.requireFinite()
    return try Matrix(rows: rows.rows, columns: labelCount) { (output) throws(MaquetteError) in
      try rows.withUnsafeBufferPointer { (input) throws(MaquetteError) in
        guard let input = input.baseAddress, let output = output.baseAddress, rows.rows > 0 else { return }
        try predict(input, count: rows.rows, into: output)
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
