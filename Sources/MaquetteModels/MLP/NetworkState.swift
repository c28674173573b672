import MaquetteKernels
import MaquetteSystem

/// What a network in training consists of, to go on with later. Belongs to one training at a time.
final class NetworkState: @unchecked Sendable {
  // Unchecked: the trainer runs one training at a time.
  var layers: [TrainableLayer]
  var optimizer: Optimizer
  var random: Random
  /// What features and targets are brought to one scale by.
  var scaling: Scaling?
  var targetScaling: Scaling?
  /// The training rows in their present order, and in which they came.
  var order: [Int32] = []
  var split: [Int32] = []

  init(layers: [TrainableLayer], optimizer: Optimizer, random: Random) {
    self.layers = layers
    self.optimizer = optimizer
    self.random = random
  }

  var inputs: Int { layers.first?.inputs ?? 0 }
  var outputs: Int { layers.last?.outputs ?? 0 }

  /// The weights as they are now, made ready to predict.
  ///
  /// - Throws: ``MaquetteError/Code/outOfMemory``.
  func pass(softmax: Bool) throws(MaquetteError) -> ForwardPass {
    var fitted: [ForwardPass.Layer] = []
    for layer in layers { fitted.append(try layer.fitted()) }
    if let targetScaling, let last = fitted.popLast() { fitted.append(last.unscalingOutputs(targetScaling)) }
    return ForwardPass(fitted, softmax: softmax, scaling: scaling)
  }
}
