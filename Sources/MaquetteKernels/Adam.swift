internal import CMaquetteKernels

/// The rule that turns gradients into steps: Kingma & Ba, "Adam: a method for stochastic optimization", 2015,
/// with ε outside of the root, as Keras and TensorFlow.js have it.
package struct Adam: Sendable {
  package var learningRate: Double
  package let beta1: Double
  package let beta2: Double
  /// Steps begun since the moments were zero.
  package private(set) var steps = 0
  package let epsilon: Double
  private(set) var coefficients: maquette_adam
  private var power1 = 1.0
  private var power2 = 1.0

  package init(
    learningRate: Double = 0.001, beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-7
  ) {
    self.learningRate = learningRate
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    coefficients = maquette_adam(beta1: Float(beta1), beta2: Float(beta2), epsilon: Float(epsilon), step: 0)
  }

  /// Begins the next step: once per mini-batch, before the layers are updated.
  package mutating func advance() {
    steps += 1
    power1 *= beta1
    power2 *= beta2
    let scale = ((1 - beta2) / (1 - power2)).squareRoot()
    coefficients.step = Float(learningRate * (1 - beta1) / (1 - power1) / scale)
    coefficients.epsilon = Float(epsilon / scale)
  }

  /// Applies the step to `count` parameters, a multiple of 16, and their moments, which are kept divided by 1 − β.
  package func apply(
    to weights: UnsafeMutablePointer<Float>, first: UnsafeMutablePointer<Float>,
    second: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>, count: Int,
    using variant: KernelVariant = .best
  ) {
    withUnsafePointer(to: coefficients) {
      variant.table.pointee.adam(weights, first, second, gradient, count, $0)
    }
  }
}
