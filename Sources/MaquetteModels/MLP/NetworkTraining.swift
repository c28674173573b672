import Glibc
import MaquetteKernels
import MaquetteSystem

/// One training of a network, epoch by epoch. Belongs to one thread.
///
/// The numerics are Marcelle's, which are TensorFlow.js's: Adam (β 0.9 and 0.999, ε 1e-7) on the categorical cross
/// entropy or the mean squared error, the rows in a new order every epoch.
final class NetworkTraining {
  let state: NetworkState
  private let settings: NetworkSettings
  private let run: TrainingRun
  private let isClassifier: Bool
  /// What loss and gradient of a row are multiplied by, for each class.
  private let classWeights: [Float]?
  /// How far a target moves when the network's output moves by one.
  private let units: FloatBuffer?

  // One mini-batch: its rows and targets, the activations of every layer, two gradients, and room for large products.
  private let batchSize: Int
  private let batch: FloatBuffer
  private let batchTargets: FloatBuffer
  private var batchCodes: [Int32]
  private let activations: [FloatBuffer]
  private let gradients: (FloatBuffer, FloatBuffer)
  private let products: FloatBuffer?
  /// Of the present mini-batch, for each hidden layer.
  private var dropouts: [Dropout] = []

  /// - Parameters:
  ///   - rows: how many there are at the most in one call of ``learn(_:order:_:)``.
  /// - Throws: ``MaquetteError/Code/outOfMemory``.
  init(
    _ state: NetworkState, settings: NetworkSettings, isClassifier: Bool, classWeights: [Float]?, rows: Int,
    run: TrainingRun
  ) throws(MaquetteError) {
    self.state = state
    self.settings = settings
    self.isClassifier = isClassifier
    self.classWeights = classWeights
    self.run = run
    batchSize = max(1, min(settings.batchSize, rows))
    let layers = state.layers
    batch = try FloatBuffer(zeros: batchSize * state.inputs)
    batchTargets = try FloatBuffer(zeros: isClassifier ? 0 : batchSize * state.outputs)
    batchCodes = [Int32](repeating: 0, count: isClassifier ? batchSize : 0)
    var activations: [FloatBuffer] = []
    for layer in layers { activations.append(try FloatBuffer(zeros: batchSize * layer.stride)) }
    self.activations = activations
    let widest = layers.reduce(0) { max($0, $1.stride, Dense.stride(of: $1.inputs)) }
    gradients = (try FloatBuffer(zeros: batchSize * widest), try FloatBuffer(zeros: batchSize * widest))
    var room = 0
    for layer in layers
    where Dense.usesProducts(rows: batchSize, inputs: layer.inputs, outputs: layer.outputs) {
      room = max(room, (layer.inputs + 1) * layer.stride)
    }
    products = room > 0 ? try FloatBuffer(zeros: room) : nil
    if let scaling = state.targetScaling {
      let units = try FloatBuffer(zeros: scaling.columns)
      for column in 0..<scaling.columns { units.pointer[column] = 1 / scaling.inverse.pointer[column] }
      self.units = units
    } else {
      units = nil
    }
  }

  /// Goes through rows once, in this order.
  ///
  /// - Throws: ``MaquetteError/Code/cancelled``, within one mini-batch.
  func learn(_ rows: NetworkRows, order: [Int32], _ sum: inout LossSum) throws(MaquetteError) {
    var first = 0
    while first < order.count {
      try run.checkCancellation()
      let count = min(batchSize, order.count - first)
      gather(rows, order, first, count)
      learnBatch(count, &sum)
      first += count
    }
  }

  /// Ends an epoch.
  ///
  /// - Parameter count: rows that were learned.
  /// - Returns: the network as it is now, and the figures of the epoch.
  /// - Throws: ``MaquetteError/Code/diverged``, ``MaquetteError/Code/outOfMemory``, ``MaquetteError/Code/cancelled``.
  func finish(
    _ sum: LossSum, count: Int, validation: NetworkRows?
  ) throws(MaquetteError) -> (ForwardPass, EpochFigures) {
    guard sum.loss.isFinite, state.layers.allSatisfy(\.isFinite) else {
      throw MaquetteError(
        .diverged,
        "the training diverged: its loss or its weights are no finite numbers any more; a learningRate smaller than \(settings.learningRate), or features of a smaller range, may help",
        name: "learningRate")
    }
    let pass = try state.pass(softmax: isClassifier)
    let numbers = Double(count) * (isClassifier ? 1 : Double(state.outputs))
    let figures = EpochFigures(
      measure: isClassifier ? "accuracy" : "meanAbsoluteError",
      training: (sum.loss / numbers, sum.measured / numbers),
      validation: try validation.map { (rows) throws(MaquetteError) in try validate(pass, rows) })
    return (pass, figures)
  }

  /// Copies the rows and targets of a mini-batch together.
  private func gather(_ rows: NetworkRows, _ order: [Int32], _ first: Int, _ count: Int) {
    let width = state.inputs
    let target = batch.pointer
    rows.features.withUnsafeBufferPointer { features in
      guard let features = features.baseAddress else { return }
      for place in 0..<count {
        (target + place * width).update(from: features + Int(order[first + place]) * width, count: width)
      }
    }
    state.scaling?.apply(to: target, xStride: width, rows: count, into: target, yStride: width)
    switch rows.targets {
    case .codes(let codes):
      for place in 0..<count { batchCodes[place] = codes[Int(order[first + place])] }
    case .values(let values):
      let width = state.outputs
      let target = batchTargets.pointer
      values.withUnsafeBufferPointer { values in
        guard let values = values.baseAddress else { return }
        for place in 0..<count {
          (target + place * width).update(from: values + Int(order[first + place]) * width, count: width)
        }
      }
      state.targetScaling?.apply(to: target, xStride: width, rows: count, into: target, yStride: width)
    }
  }

  /// Forward, loss, backward; a layer takes its step as soon as the gradient has passed through it.
  private func learnBatch(_ count: Int, _ sum: inout LossSum) {
    let layers = state.layers
    state.optimizer.advance()
    dropouts.removeAll(keepingCapacity: true)
    for index in layers.indices {
      let (input, inputStride) = input(of: index)
      Dense.forwardInTraining(
        layers[index].dense, x: input, xStride: inputStride, rows: count, into: activations[index].pointer)
      if settings.dropout > 0, index + 1 < layers.count {
        let dropout = Dropout(key: state.random.next(), share: settings.dropout)
        dropout.apply(to: activations[index].pointer, count: count * layers[index].stride)
        dropouts.append(dropout)
      }
    }
    var gradient = activations[layers.count - 1].pointer
    takeLoss(gradient, count, &sum)
    for index in layers.indices.reversed() {
      let (input, inputStride) = input(of: index)
      let below = index % 2 == 0 ? gradients.0.pointer : gradients.1.pointer
      if index > 0 { backward(through: index, gradient, count, input, into: below) }
      Dense.updateInTraining(
        layers[index].trained, x: input, xStride: inputStride, dy: gradient, rows: count,
        optimizer: state.optimizer, scratch: products?.pointer)
      gradient = below
    }
  }

  private func takeLoss(_ y: UnsafeMutablePointer<Float>, _ count: Int, _ sum: inout LossSum) {
    guard isClassifier else {
      Loss.squaredError(
        y, rows: count, outputs: state.outputs, targets: batchTargets.pointer, targetStride: state.outputs,
        units: units.map { UnsafePointer($0.pointer) }, scale: 1 / Float(count * state.outputs), sum: &sum)
      return
    }
    if let classWeights {
      Loss.crossEntropy(
        y, rows: count, classes: state.outputs, labels: batchCodes, weights: classWeights,
        scale: 1 / Float(count), sum: &sum)
    } else {
      Loss.crossEntropy(
        y, rows: count, classes: state.outputs, labels: batchCodes, scale: 1 / Float(count), sum: &sum)
    }
  }

  /// From the gradient of a layer's outputs to that of the sums of the layer below.
  private func backward(
    through index: Int, _ dy: UnsafePointer<Float>, _ rows: Int, _ input: UnsafePointer<Float>,
    into dx: UnsafeMutablePointer<Float>
  ) {
    let below = state.layers[index - 1]
    let count = rows * below.stride
    state.layers[index].backward(
      dy: dy, rows: rows, activation: below.activation == .relu ? input : nil, into: dx)
    // The same numbers are dropped on the way back; what was kept had grown.
    let dropout = index <= dropouts.count ? dropouts[index - 1] : nil
    dropout?.apply(to: dx, count: count)
    below.activation.backward(dx, activations: input, count: count, scale: 1 / (dropout?.scale ?? 1))
  }

  /// What a layer takes in, and the distance of its rows.
  private func input(of index: Int) -> (UnsafePointer<Float>, Int) {
    index == 0
      ? (UnsafePointer(batch.pointer), state.inputs)
      : (UnsafePointer(activations[index - 1].pointer), state.layers[index - 1].stride)
  }

  /// Mean loss, and accuracy or mean absolute error, over rows to validate with.
  ///
  /// - Throws: ``MaquetteError/Code/cancelled``, within a block of rows.
  private func validate(
    _ pass: ForwardPass, _ rows: NetworkRows
  ) throws(MaquetteError) -> (loss: Double, measured: Double) {
    let outputs = state.outputs
    let predictions = try FloatBuffer(zeros: Self.rowsPerBlock * outputs)
    let width = rows.features.columns
    var (loss, measured) = (0.0, 0.0)
    try rows.features.withUnsafeBufferPointer { (features) throws(MaquetteError) in
      guard let features = features.baseAddress else { return }
      for first in stride(from: 0, to: rows.count, by: Self.rowsPerBlock) {
        try run.checkCancellation()
        let count = min(Self.rowsPerBlock, rows.count - first)
        try pass.predict(features + first * width, xStride: width, rows: count, into: predictions.pointer)
        for row in 0..<count {
          let answers = UnsafeBufferPointer(start: predictions.pointer + row * outputs, count: outputs)
          switch rows.targets {
          case .codes(let codes):
            let code = Int(codes[first + row])
            // A label that the training rows don't have gets no confidence at all.
            let confidence = code >= 0 ? answers[code] : 0
            loss -= log(Double(max(confidence, Self.smallestConfidence)))
            if indexOfGreatest(answers) == code { measured += 1 }
          case .values(let values):
            for output in 0..<outputs {
              let error = Double(answers[output]) - Double(values[first + row, output])
              loss += error * error
              measured += abs(error)
            }
          }
        }
      }
    }
    let numbers = Double(rows.count) * (isClassifier ? 1 : Double(outputs))
    return (loss / numbers, measured / numbers)
  }

  private static let rowsPerBlock = 1024

  /// Keeps the logarithm finite, as TensorFlow.js's epsilon does.
  private static let smallestConfidence: Float = 1e-7
}

/// The first of the greatest.
private func indexOfGreatest(_ values: UnsafeBufferPointer<Float>) -> Int {
  var best = 0
  for index in values.indices where values[index] > values[best] { best = index }
  return best
}
