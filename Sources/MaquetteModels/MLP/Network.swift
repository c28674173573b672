import MaquetteKernels
import MaquetteSystem

/// A fitted classifier network: dense layers with ReLU between them and a softmax behind them. Immutable.
final class Network: FittedClassifier {
  let labels: [String]
  let pass: ForwardPass

  var features: Int { pass.inputs }

  /// - Parameter layers: at least one, each as wide as the one before gives out, the last as wide as there are labels.
  init(labels: [String], layers: [ForwardPass.Layer]) {
    self.labels = labels
    pass = ForwardPass(layers, softmax: true)
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
