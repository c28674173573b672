import MaquetteKernels
import MaquetteSystem

/// A fitted classifier network: dense layers with ReLU between them and a softmax behind them. Immutable.
final class Network: FittedClassifier {
  let labels: [String]
  // Stored, for the sake of a single prediction: to ask an array or another object takes nanoseconds.
  let outputs: Int
  let features: Int
  let pass: ForwardPass

  /// - Parameter layers: at least one, each as wide as the one before gives out, the last as wide as there are labels.
  init(labels: [String], layers: [ForwardPass.Layer]) {
    self.labels = labels
    outputs = labels.count
    pass = ForwardPass(layers, softmax: true)
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
