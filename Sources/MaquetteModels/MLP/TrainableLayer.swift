import MaquetteKernels
import MaquetteSystem

/// A dense layer in training: weights and bias, and Adam's two moments of each. Belongs to one thread.
struct TrainableLayer {
  let inputs: Int
  let outputs: Int
  private let relu: Bool
  private let weights: FloatBuffer
  private let bias: FloatBuffer
  private let moments: (FloatBuffer, FloatBuffer)
  private let biasMoments: (FloatBuffer, FloatBuffer)

  var stride: Int { Dense.stride(of: outputs) }

  /// Random weights, biases of zero.
  ///
  /// Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010; the normal
  /// distribution is cut off at two standard deviations and not stretched again, as TensorFlow.js has it.
  ///
  /// - Throws: ``MaquetteError/Code/outOfMemory``, ``MaquetteError/Code/cancelled``.
  init(
    inputs: Int, outputs: Int, relu: Bool, random: inout Random, run: TrainingRun
  ) throws(MaquetteError) {
    self.inputs = inputs
    self.outputs = outputs
    self.relu = relu
    let stride = Dense.stride(of: outputs)
    let (count, overflow) = inputs.multipliedReportingOverflow(by: stride)
    guard !overflow else {
      throw MaquetteError(.outOfMemory, "a layer of \(inputs) × \(outputs) weights fits into no memory")
    }
    weights = try FloatBuffer(zeros: count)
    bias = try FloatBuffer(zeros: stride)
    moments = (try FloatBuffer(zeros: count), try FloatBuffer(zeros: count))
    biasMoments = (try FloatBuffer(zeros: stride), try FloatBuffer(zeros: stride))

    let deviation = (2 / Double(inputs + outputs)).squareRoot()
    for input in 0..<inputs {
      try run.checkCancellation()
      let row = weights.pointer + input * stride
      for output in 0..<outputs { row[output] = Float(deviation * random.truncatedNormal()) }
    }
  }

  /// For the forward pass; reads the weights as they are when it runs.
  var dense: DenseLayer {
    DenseLayer(weights: weights.pointer, bias: bias.pointer, inputs: inputs, outputs: outputs, relu: relu)
  }

  /// For a step of Adam.
  var trained: TrainedLayer {
    TrainedLayer(
      weights: weights.pointer, bias: bias.pointer,
      weightMoments: (moments.0.pointer, moments.1.pointer),
      biasMoments: (biasMoments.0.pointer, biasMoments.1.pointer), inputs: inputs, outputs: outputs)
  }

  /// dx = dy Wᵀ, zero where the layer below, whose output `activation` is, gave nothing.
  func backward(
    dy: UnsafePointer<Float>, rows: Int, activation: UnsafePointer<Float>,
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
      weights: try weights.copy(), bias: try bias.copy(), inputs: inputs, outputs: outputs, relu: relu)
  }
}
