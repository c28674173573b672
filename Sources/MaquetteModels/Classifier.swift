public import MaquetteFormats
public import MaquetteKernels
import MaquetteStores
public import MaquetteSystem

/// The answer of a classifier for one row.
public struct Classification: Sendable, Equatable {
  /// The label with the greatest confidence, of equals the one first seen in training; ``none`` where the row belongs
  /// to no label.
  public let label: String
  /// The labels, as the training first saw them, with their confidences; together 1.
  public let confidences: [(label: String, confidence: Float)]

  /// The label of a row that the model rejects; all its confidences are 0.
  public static let none = "none"

  init(labels: [String], confidences: some Collection<Float>) {
    var best = 0
    var greatest = -Float.infinity
    for (index, confidence) in confidences.enumerated() where confidence > greatest {
      best = index
      greatest = confidence
    }
    label = greatest == 0 || labels.isEmpty ? Self.none : labels[best]
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
}

extension Classifier {
  public static var task: ModelTask { .classification }
  public var fittedModel: (any FittedModel)? { fitted }

  /// The labels the model knows, as the training first saw them; empty before.
  public var labels: [String] { fitted?.labels ?? [] }

  /// What to predict with.
  ///
  /// - Throws: ``MaquetteError/Code/notTrained``.
  package func ready() throws(MaquetteError) -> any FittedClassifier {
    guard let fitted else { throw notTrained }
    return fitted
  }

  /// Starts a training on a matrix and a label for each of its rows, and returns at once.
  ///
  /// - Throws: as ``Model/train(on:validatingOn:mode:)``.
  public func train(
    on features: Matrix, labels: [String], mode: TrainingMode = .fresh
  ) throws(MaquetteError) {
    let table = InstanceTable(features: features, labels: LabelColumn(labels))
    try train(on: .table(table), validatingOn: nil, mode: mode)
  }

  /// The label of one row, with the confidences of all.
  ///
  /// - Throws: ``MaquetteError/Code/notTrained``, ``MaquetteError/Code/badShape``, ``MaquetteError/Code/notFinite``.
  public func predict(_ features: [Float]) throws(MaquetteError) -> Classification {
    let fitted = try ready()
    let confidences = try fitted.predictions(of: try Matrix(rows: 1, columns: features.count, features))
    return Classification(labels: fitted.labels, confidences: confidences[row: 0])
  }

  /// The label of each row, with the confidences of all.
  ///
  /// - Throws: as for one row.
  public func predict(_ features: Matrix) throws(MaquetteError) -> [Classification] {
    let fitted = try ready()
    let confidences = try fitted.predictions(of: features)
    return (0..<confidences.rows).map {
      Classification(labels: fitted.labels, confidences: confidences[row: $0])
    }
  }

  /// The confidences of the labels for each row: [rows, labels].
  ///
  /// - Throws: as for one row.
  public func confidences(of features: Matrix) throws(MaquetteError) -> Matrix {
    try ready().predictions(of: features)
  }
}
