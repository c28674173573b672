internal import CMaquetteKernels

/// The rule that turns gradients into steps.
package struct Optimizer: Sendable {
  package enum Rule: Sendable, Equatable {
    /// Kingma & Ba, "Adam: a method for stochastic optimization", 2015, with ε outside of the root, as Keras and
    /// TensorFlow.js have it.
    case adam
    /// Stochastic gradient descent with momentum: Polyak, "Some methods of speeding up the convergence of iteration
    /// methods", 1964.
    case descent(momentum: Double)
  }

  package let rule: Rule
  package var learningRate: Double
  /// Steps begun since the moments were zero.
  package private(set) var steps = 0
  private(set) var coefficients: maquette_optimizer
  private let beta1: Double
  private let beta2 = 0.999
  private let epsilon = 1e-7
  private var power1 = 1.0
  private var power2 = 1.0

  /// - Parameter decay: times each weight, but not the biases, is added to its gradient: the gradient of decay / 2
  ///   times the sum of the squares.
  package init(_ rule: Rule = .adam, learningRate: Double = 0.001, decay: Double = 0) {
    self.rule = rule
    self.learningRate = learningRate
    switch rule {
    case .adam: beta1 = 0.9
    case .descent(let momentum): beta1 = momentum
    }
    coefficients = maquette_optimizer(
      rule: Int32(rule == .adam ? MAQUETTE_ADAM : MAQUETTE_SGD), beta1: Float(beta1),
      beta2: Float(beta2), epsilon: Float(epsilon), step: Float(learningRate), decay: Float(decay))
  }

  /// Begins the next step: once per mini-batch, before the layers are updated.
  package mutating func advance() {
    steps += 1
    guard rule == .adam else {
      coefficients.step = Float(learningRate)
      return
    }
    power1 *= beta1
    power2 *= beta2
    let scale = ((1 - beta2) / (1 - power2)).squareRoot()
    coefficients.step = Float(learningRate * (1 - beta1) / (1 - power1) / scale)
    coefficients.epsilon = Float(epsilon / scale)
  }

  /// The same step for parameters that do not decay.
  package var withoutDecay: Optimizer {
    var copy = self
    copy.coefficients.decay = 0
    return copy
  }

  /// Applies the step to `count` parameters, a multiple of 16, and their moments: Adam's two, kept divided by 1 − β, or
  /// the one of gradient descent, which leaves the second alone.
  package func apply(
    to weights: UnsafeMutablePointer<Float>, first: UnsafeMutablePointer<Float>,
    second: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>, count: Int,
    using variant: KernelVariant = .best
  ) {
    withUnsafePointer(to: coefficients) {
      variant.table.pointee.step(weights, first, second, gradient, count, $0)
    }
  }
}

extension Optimizer {
  /// Whether the moments of one are of use to the other.
  package func isSameRule(as other: Optimizer) -> Bool {
    rule == other.rule && coefficients.decay == other.coefficients.decay
  }
}
