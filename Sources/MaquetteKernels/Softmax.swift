internal import CMaquetteKernels

/// What a loss adds up over rows.
package struct LossSum: Sendable, Equatable {
  /// The sum of the rows' losses.
  package var loss = 0.0
  /// The rows whose class was right, or the sum of the absolute errors.
  package var measured = 0.0

  package init() {}

  fileprivate mutating func add(_ body: (UnsafeMutablePointer<maquette_loss>) -> Void) {
    var sum = maquette_loss(loss: loss, measured: measured)
    body(&sum)
    loss = sum.loss
    measured = sum.measured
  }
}

/// Logits to probabilities.
package enum Softmax {
  /// Replaces each row of logits by probabilities; `y` is [rows, stride of classes], the padding becomes zero.
  package static func apply(
    to y: UnsafeMutablePointer<Float>, rows: Int, classes: Int, using variant: KernelVariant = .best
  ) {
    variant.table.pointee.softmax(y, rows, classes)
  }
}

/// The losses: each replaces the outputs of a network by the loss's gradient with respect to them.
package enum Loss {
  /// Categorical cross entropy of the softmax of `y`: y becomes (p − one hot) × scale.
  ///
  /// - Parameters:
  ///   - labels: `rows` codes in 0 ..< classes; anything else is undefined.
  ///   - weights: what loss and gradient of a row are multiplied by, one for each class.
  ///   - scale: 1 / the rows of the whole mini-batch.
  ///   - sum: gets −log p of the label for each row, and the rows whose greatest logit is the label's (of equal
  ///     ones the first counts).
  package static func crossEntropy(
    _ y: UnsafeMutablePointer<Float>, rows: Int, classes: Int, labels: UnsafePointer<Int32>,
    weights: UnsafePointer<Float>? = nil, scale: Float, sum: inout LossSum,
    using variant: KernelVariant = .best
  ) {
    sum.add { variant.table.pointee.cross_entropy(y, rows, classes, labels, weights, scale, $0) }
  }

  /// Squared error: y becomes 2 (y − target) × scale.
  ///
  /// - Parameters:
  ///   - targets: rows of exactly `outputs` floats, `targetStride` apart.
  ///   - units: what the errors of each output are multiplied by before they are summed up; the gradient stays.
  ///   - scale: 1 / (rows of the whole mini-batch × outputs) for the mean.
  ///   - sum: gets the squared and the absolute errors of all outputs.
  package static func squaredError(
    _ y: UnsafeMutablePointer<Float>, rows: Int, outputs: Int, targets: UnsafePointer<Float>,
    targetStride: Int, units: UnsafePointer<Float>? = nil, scale: Float, sum: inout LossSum,
    using variant: KernelVariant = .best
  ) {
    sum.add { variant.table.pointee.squared_error(y, rows, outputs, targets, targetStride, units, scale, $0) }
  }
}
