import MaquetteKernels
import MaquetteSystem

/// A fitted classifier network: dense layers and a softmax behind them. Immutable.
final class ClassifierNetwork: FittedClassifier {
  let labels: [String]
  // Stored, for the sake of a single prediction: to ask an array or another object takes nanoseconds.
  let outputs: Int
  let features: Int
  let pass: ForwardPass

  /// - Parameter pass: with as many outputs as there are labels.
  init(labels: [String], pass: ForwardPass) {
    self.labels = labels
    self.pass = pass
    outputs = labels.count
    features = pass.inputs
  }

  func predict(
    _ rows: UnsafePointer<Float>, count: Int, into confidences: UnsafeMutablePointer<Float>
  ) throws(MaquetteError) {
    if count == 1 {
      try pass.predict(rows, into: confidences)
    } else {
      try pass.predict(rows, xStride: features, rows: count, into: confidences)
    }
  }
}

/// A fitted regression network: dense layers, the last of them linear. Immutable.
final class RegressorNetwork: FittedModel {
  let outputs: Int
  let features: Int
  let pass: ForwardPass

  init(pass: ForwardPass) {
    self.pass = pass
    outputs = pass.outputs
    features = pass.inputs
  }

  func predict(
    _ rows: UnsafePointer<Float>, count: Int, into predictions: UnsafeMutablePointer<Float>
  ) throws(MaquetteError) {
    if count == 1 {
      try pass.predict(rows, into: predictions)
    } else {
      try pass.predict(rows, xStride: features, rows: count, into: predictions)
    }
  }
}
