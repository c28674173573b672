import Glibc
import MaquetteKernels
import MaquetteSystem

/// One training of a network, epoch by epoch. Belongs to one thread.
///
/// The numerics are Marcelle's, which are TensorFlow.js's: Adam (β 0.9 and 0.999, ε 1e-7) on the categorical cross
/// entropy or the mean squared error, the rows in a new order every epoch.
final class NetworkTraining {
  let state: NetworkState
  let settings: NetworkSettings
  private let run: TrainingRun
  private let isClassifier: Bool
  /// What loss and gradient of a row are multiplied by, for each class.
  private let classWeights: [Float]?
  /// How far a target moves when the network's output moves by one.
  private let units: FloatBuffer?

  // One mini-batch: its rows and targets, the activations and gradients of every layer.
  let batchSize: Int
  private let batch: FloatBuffer
  private let batchTargets: FloatBuffer
  private var batchCodes: [Int32]
  let activations: [FloatBuffer]
  /// Of the outputs of every hidden layer.
  let gradients: [FloatBuffer]
  /// Whether the mini-batches are large enough that the workers share them; see ``learnSharedBatch(_:_:)``.
  var isShared: Bool
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
    var gradients: [FloatBuffer] = []
    for layer in layers.dropLast() { gradients.append(try FloatBuffer(zeros: batchSize * layer.stride)) }
    self.gradients = gradients
    let work = layers.reduce(0.0) { $0 + Double($1.inputs) * Double($1.stride) } * Double(batchSize)
    // Whatever the number of threads: it must not change a bit.
    isShared = work >= Self.workToShare
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
      try learnBatch(count, &sum)
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
  private func learnBatch(_ count: Int, _ sum: inout LossSum) throws(MaquetteError) {
    state.optimizer.advance()
    dropouts.removeAll(keepingCapacity: true)
    if settings.dropout > 0 {
      for _ in state.layers.dropLast() {
        dropouts.append(Dropout(key: state.random.next(), share: settings.dropout))
      }
    }
    if isShared { return try learnSharedBatch(count, &sum) }
    let layers = state.layers
    forward(0..<count)
    takeLoss(0..<count, of: count, &sum)
    for index in layers.indices.reversed() {
      if index > 0 { backward(through: index, 0..<count) }
      let (input, inputStride) = input(of: index)
      Dense.update(
        layers[index].trained, x: input, xStride: inputStride, dy: gradient(of: index), rows: count,
        optimizer: state.optimizer)
    }
  }

  // The steps of a mini-batch, for some of its rows; a row's numbers do not depend on the other rows.

  func forward(_ rows: Range<Int>) {
    for (index, layer) in state.layers.enumerated() {
      let (input, inputStride) = input(of: index)
      let output = activations[index].pointer + rows.lowerBound * layer.stride
      Dense.forward(
        layer.dense, x: input + rows.lowerBound * inputStride, xStride: inputStride, rows: rows.count,
        into: output)
      if index < dropouts.count {
        dropouts[index].apply(
          to: output, count: rows.count * layer.stride, first: rows.lowerBound * layer.stride)
      }
    }
  }

  /// - Parameter count: the rows of the whole mini-batch.
  func takeLoss(_ rows: Range<Int>, of count: Int, _ sum: inout LossSum) {
    let outputs = state.outputs
    let y = gradient(of: state.layers.count - 1) + rows.lowerBound * Dense.stride(of: outputs)
    guard isClassifier else {
      Loss.squaredError(
        y, rows: rows.count, outputs: outputs, targets: batchTargets.pointer + rows.lowerBound * outputs,
        targetStride: outputs, units: units.map { UnsafePointer($0.pointer) },
        scale: 1 / Float(count * outputs), sum: &sum)
      return
    }
    batchCodes.withUnsafeBufferPointer { codes in
      guard let codes = codes.baseAddress else { return }
      let labels = codes + rows.lowerBound
      if let classWeights {
        Loss.crossEntropy(
          y, rows: rows.count, classes: outputs, labels: labels, weights: classWeights,
          scale: 1 / Float(count), sum: &sum)
      } else {
        Loss.crossEntropy(
          y, rows: rows.count, classes: outputs, labels: labels, scale: 1 / Float(count), sum: &sum)
      }
    }
  }

  /// From the gradient of a layer's outputs to that of the sums of the layer below.
  func backward(through index: Int, _ rows: Range<Int>) {
    let (layer, below) = (state.layers[index], state.layers[index - 1])
    let first = rows.lowerBound * below.stride
    let count = rows.count * below.stride
    let input = UnsafePointer(activations[index - 1].pointer + first)
    let dx = gradients[index - 1].pointer + first
    layer.backward(
      dy: gradient(of: index) + rows.lowerBound * layer.stride, rows: rows.count,
      activation: below.activation == .relu ? input : nil, into: dx)
    // The same numbers are dropped on the way back; what was kept had grown.
    let dropout = index <= dropouts.count ? dropouts[index - 1] : nil
    dropout?.apply(to: dx, count: count, first: first)
    below.activation.backward(dx, activations: input, count: count, scale: 1 / (dropout?.scale ?? 1))
  }

  /// Of the outputs of a layer; that of the last is where its outputs were.
  func gradient(of index: Int) -> UnsafeMutablePointer<Float> {
    index + 1 < state.layers.count ? gradients[index].pointer : activations[index].pointer
  }

  /// What a layer takes in, and the distance of its rows.
  func input(of index: Int) -> (UnsafePointer<Float>, Int) {
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
