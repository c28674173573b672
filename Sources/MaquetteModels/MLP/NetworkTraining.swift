import Glibc
import MaquetteKernels
import MaquetteSystem

/// One training of a classifier network, epoch by epoch. Belongs to one thread.
///
/// The numerics are Marcelle's, which are TensorFlow.js's: Adam (β 0.9 and 0.999, ε 1e-7) on the categorical cross
/// entropy, the rows in a new order every epoch.
final class NetworkTraining {
  private let run: TrainingRun
  private let rows: ClassificationRows
  private let validation: ClassificationRows?
  private let layers: [TrainableLayer]
  private var adam: Adam
  private var random: Random
  /// The training rows; shuffled before every epoch.
  private var order: [Int32]

  // One mini-batch: its rows and labels, the activations of every layer, two gradients, and room for large products.
  private let batchSize: Int
  private let batch: FloatBuffer
  private let batchCodes: UnsafeMutablePointer<Int32>
  private let activations: [FloatBuffer]
  private let gradients: (FloatBuffer, FloatBuffer)
  private let products: FloatBuffer?

  /// - Parameter validation: rows to validate with; nil: the share of `rows` that the settings say.
  /// - Throws: ``MaquetteError/Code/outOfMemory``, ``MaquetteError/Code/cancelled``.
  init(
    _ rows: ClassificationRows, validation: ClassificationRows?, settings: MLPClassifier.Settings,
    run: TrainingRun
  ) throws(MaquetteError) {
    self.run = run
    self.rows = rows
    random = Random(seed: UInt64(settings.seed))
    adam = Adam(learningRate: settings.learningRate)

    if let validation {
      self.validation = validation
      order = (0..<Int32(rows.codes.count)).map { $0 }
    } else {
      let split = StratifiedSplit(
        codes: rows.codes, labelCount: rows.labels.count, share: settings.validationSplit, random: &random)
      self.validation = split.validation.isEmpty ? nil : try rows.gathering(split.validation)
      order = split.training
    }

    let widths = [rows.features.columns] + settings.layers + [rows.labels.count]
    var layers: [TrainableLayer] = []
    for index in 1..<widths.count {
      layers.append(
        try TrainableLayer(
          inputs: widths[index - 1], outputs: widths[index], relu: index + 1 < widths.count, random: &random,
          run: run))
    }
    self.layers = layers

    batchSize = min(settings.batchSize, order.count)
    batch = try FloatBuffer(zeros: batchSize * rows.features.columns)
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
    batchCodes = .allocate(capacity: max(1, batchSize))
    batchCodes.initialize(repeating: 0, count: max(1, batchSize))
  }

  deinit {
    batchCodes.deallocate()
  }

  /// The weights as they are now, as a model of its own.
  ///
  /// - Throws: ``MaquetteError/Code/outOfMemory``.
  func network() throws(MaquetteError) -> Network {
    var fitted: [ForwardPass.Layer] = []
    for layer in layers { fitted.append(try layer.fitted()) }
    return Network(labels: rows.labels, layers: fitted)
  }

  /// Goes through all training rows once, in a new order.
  ///
  /// - Returns: the network as it is then, and the figures of the epoch.
  /// - Throws: ``MaquetteError/Code/cancelled``, within one mini-batch; ``MaquetteError/Code/diverged``.
  func epoch() throws(MaquetteError) -> (Network, EpochFigures) {
    random.shuffle(&order)
    var sum = LossSum()
    var first = 0
    while first < order.count {
      try run.checkCancellation()
      let count = min(batchSize, order.count - first)
      gather(first, count)
      learnBatch(count, &sum)
      first += count
    }
    guard sum.loss.isFinite, layers.allSatisfy(\.isFinite) else {
      throw MaquetteError(
        .diverged,
        "the training diverged: its loss or its weights are no finite numbers any more; a learningRate smaller than \(adam.learningRate), or features of a smaller range, may help",
        name: "learningRate")
    }
    let count = Double(order.count)
    let network = try network()
    let figures = EpochFigures(
      loss: sum.loss / count, accuracy: sum.measured / count, validation: try validate(network))
    return (network, figures)
  }

  /// Copies the rows and labels of a mini-batch together.
  private func gather(_ first: Int, _ count: Int) {
    let width = rows.features.columns
    let target = batch.pointer
    rows.features.withUnsafeBufferPointer { features in
      guard let features = features.baseAddress else { return }
      for place in 0..<count {
        let row = Int(order[first + place])
        (target + place * width).update(from: features + row * width, count: width)
        batchCodes[place] = rows.codes[row]
      }
    }
  }

  /// Forward, loss, backward; a layer takes its step of Adam as soon as the gradient has passed through it.
  private func learnBatch(_ count: Int, _ sum: inout LossSum) {
    adam.advance()
    for index in layers.indices {
      let (input, inputStride) = input(of: index)
      Dense.forwardInTraining(
        layers[index].dense, x: input, xStride: inputStride, rows: count, into: activations[index].pointer)
    }
    var gradient = activations[layers.count - 1].pointer
    Loss.crossEntropy(
      gradient, rows: count, classes: rows.labels.count, labels: batchCodes, scale: 1 / Float(count),
      sum: &sum)
    for index in layers.indices.reversed() {
      let (input, inputStride) = input(of: index)
      let below = index % 2 == 0 ? gradients.0.pointer : gradients.1.pointer
      if index > 0 {
        layers[index].backward(dy: gradient, rows: count, activation: input, into: below)
      }
      Dense.updateInTraining(
        layers[index].trained, x: input, xStride: inputStride, dy: gradient, rows: count, adam: adam,
        scratch: products?.pointer)
      gradient = below
    }
  }

  /// What a layer takes in, and the distance of its rows.
  private func input(of index: Int) -> (UnsafePointer<Float>, Int) {
    index == 0
      ? (UnsafePointer(batch.pointer), rows.features.columns)
      : (UnsafePointer(activations[index - 1].pointer), layers[index - 1].stride)
  }

  /// Mean loss and accuracy over the validation rows; nil without any.
  ///
  /// - Throws: ``MaquetteError/Code/cancelled``, within a block of rows.
  private func validate(_ network: Network) throws(MaquetteError) -> (loss: Double, accuracy: Double)? {
    guard let validation else { return nil }
    let confidences = try FloatBuffer(zeros: Self.rowsPerBlock * rows.labels.count)
    let width = validation.features.columns
    var loss = 0.0
    var hits = 0
    try validation.features.withUnsafeBufferPointer { (features) throws(MaquetteError) in
      guard let features = features.baseAddress else { return }
      for first in stride(from: 0, to: validation.codes.count, by: Self.rowsPerBlock) {
        try run.checkCancellation()
        let count = min(Self.rowsPerBlock, validation.codes.count - first)
        try network.predict(features + first * width, count: count, into: confidences.pointer)
        for row in 0..<count {
          let answers = UnsafeBufferPointer(
            start: confidences.pointer + row * rows.labels.count, count: rows.labels.count)
          let code = Int(validation.codes[first + row])
          // A label that the training rows don't have gets no confidence at all.
          let confidence = code >= 0 ? answers[code] : 0
          loss -= log(Double(max(confidence, Self.smallestConfidence)))
          if indexOfGreatest(answers) == code { hits += 1 }
        }
      }
    }
    let count = Double(validation.codes.count)
    return (loss / count, Double(hits) / count)
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
