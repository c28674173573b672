import MaquetteKernels
import MaquetteSystem

/// A dense layer in training: weights and bias, and the optimizer's two moments of each. Belongs to one thread.
struct TrainableLayer {
  let inputs: Int
  let outputs: Int
  let activation: Activation
  private let weights: FloatBuffer
  private let bias: FloatBuffer
  private let moments: (FloatBuffer, FloatBuffer)
  private let biasMoments: (FloatBuffer, FloatBuffer)

  var stride: Int { Dense.stride(of: outputs) }

  private init(inputs: Int, outputs: Int, activation: Activation) throws(MaquetteError) {
    self.inputs = inputs
    self.outputs = outputs
    self.activation = activation
    let stride = Dense.stride(of: outputs)
    let (count, overflow) = inputs.multipliedReportingOverflow(by: stride)
    guard !overflow else {
      throw MaquetteError(.outOfMemory, "a layer of \(inputs) × \(outputs) weights fits into no memory")
    }
    weights = try FloatBuffer(zeros: count)
    bias = try FloatBuffer(zeros: stride)
    moments = (try FloatBuffer(zeros: count), try FloatBuffer(zeros: count))
    biasMoments = (try FloatBuffer(zeros: stride), try FloatBuffer(zeros: stride))
  }

  /// Random weights and biases, moments of zero.
  ///
  /// - Throws: ``MaquetteError/Code/outOfMemory``, ``MaquetteError/Code/cancelled``.
  init(
    inputs: Int, outputs: Int, activation: Activation, initializer: WeightInitializer, random: inout Random,
    run: TrainingRun
  ) throws(MaquetteError) {
    try self.init(inputs: inputs, outputs: outputs, activation: activation)
    try fill(from: 0, initializer, random: &random, run: run)
  }

  /// The weights of a fitted layer, moments of zero, and random weights for outputs that come on top.
  ///
  /// - Throws: ``MaquetteError/Code/outOfMemory``, ``MaquetteError/Code/cancelled``.
  init(
    _ layer: ForwardPass.Layer, outputs: Int, initializer: WeightInitializer, random: inout Random,
    run: TrainingRun
  ) throws(MaquetteError) {
    try self.init(inputs: layer.inputs, outputs: outputs, activation: layer.activation)
    let (from, to) = (Dense.stride(of: layer.outputs), stride)
    for input in 0..<inputs {
      (weights.pointer + input * to).update(from: layer.weights.pointer + input * from, count: layer.outputs)
    }
    bias.pointer.update(from: layer.bias.pointer, count: layer.outputs)
    if outputs > layer.outputs { try fill(from: layer.outputs, initializer, random: &random, run: run) }
  }

  /// Draws the weights and the bias of the outputs from `first` on.
  private func fill(
    from first: Int, _ initializer: WeightInitializer, random: inout Random, run: TrainingRun
  ) throws(MaquetteError) {
    let deviation = (2 / Double(inputs + outputs)).squareRoot()
    let bound = 1 / Double(max(1, inputs)).squareRoot()
    func uniform() -> Float { Float(bound * (2 * random.uniformDouble() - 1)) }
    for input in 0..<inputs {
      try run.checkCancellation()
      let row = weights.pointer + input * stride
      switch initializer {
      case .glorotNormal:
        for output in first..<outputs { row[output] = Float(deviation * random.truncatedNormal()) }
      case .fanInUniform:
        for output in first..<outputs { row[output] = uniform() }
      }
    }
    if initializer == .fanInUniform { for output in first..<outputs { bias.pointer[output] = uniform() } }
  }

  /// For the forward pass; reads the weights as they are when it runs.
  var dense: DenseLayer {
    DenseLayer(
      weights: weights.pointer, bias: bias.pointer, inputs: inputs, outputs: outputs, activation: activation)
  }

  /// For a step of the optimizer.
  var trained: TrainedLayer {
    TrainedLayer(
      weights: weights.pointer, bias: bias.pointer,
      weightMoments: (moments.0.pointer, moments.1.pointer),
      biasMoments: (biasMoments.0.pointer, biasMoments.1.pointer), inputs: inputs, outputs: outputs)
  }

  /// dx = dy Wᵀ, zero where the ReLU layer below, whose output `activation` is, gave nothing.
  func backward(
    dy: UnsafePointer<Float>, rows: Int, activation: UnsafePointer<Float>?,
    into dx: UnsafeMutablePointer<Float>
  ) {
    Dense.backward(
      weights: weights.pointer, inputs: inputs, outputs: outputs, dy: dy, rows: rows, activation: activation,
      into: dx)
  }

  /// Whether the training can still go on: weights that left the range of a float predict nothing, and moments that
  /// did never let their weights move again.
  var isFinite: Bool {
    [weights, bias, moments.0, moments.1, biasMoments.0, biasMoments.1].allSatisfy {
      Floats.allFinite($0.pointer, count: $0.count)
    }
  }

  /// A copy of the parameters, for a fitted network.
  ///
  /// - Throws: ``MaquetteError/Code/outOfMemory``.
  func fitted() throws(MaquetteError) -> ForwardPass.Layer {
    ForwardPass.Layer(
      weights: try weights.copy(), bias: try bias.copy(), inputs: inputs, outputs: outputs,
      activation: activation)
  }

  /// The outputs become (y − mean) · inverse.
  func scaleOutputs(_ scaling: Scaling) {
    for output in 0..<outputs {
      let factor = scaling.inverse.pointer[output]
      for input in 0..<inputs { weights.pointer[input * stride + output] *= factor }
      bias.pointer[output] = (bias.pointer[output] - scaling.mean.pointer[output]) * factor
    }
  }
}

extension ForwardPass.Layer {
  /// The layer whose outputs, brought to one scale, would be this one's: y / inverse + mean.
  func unscalingOutputs(_ scaling: Scaling) -> ForwardPass.Layer {
    let stride = Dense.stride(of: outputs)
    for output in 0..<outputs {
      let factor = 1 / scaling.inverse.pointer[output]
      for input in 0..<inputs { weights.pointer[input * stride + output] *= factor }
      bias.pointer[output] = bias.pointer[output] * factor + scaling.mean.pointer[output]
    }
    return self
  }
}
