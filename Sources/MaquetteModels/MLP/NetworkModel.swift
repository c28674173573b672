import MaquetteKernels
public import MaquetteStreams
import MaquetteSystem
import Synchronization

/// What multi-layer perceptrons share, whatever they learn: dense layers trained by gradient descent.
///
/// The same rows, parameters and seed give the same weights to the last bit on the same machine, whatever the number of
/// threads.
public class NetworkModel: @unchecked Sendable {
  // Unchecked: no wrapper is reassigned.
  @Parameter("epochs", .init(1...1_000_000), "How many times the training goes through all training rows.")
  public var epochs = 20

  @Parameter("batchSize", .init(1...65_536), "After how many rows the weights change: a mini-batch.")
  public var batchSize = 8

  @Parameter(
    "validationSplit", .init(0...1, clamping: true),
    "Which share of the rows, of every label alike, is set apart to validate with, and never trained on.")
  public var validationSplit = 0.2

  @Parameter("learningRate", .init(1e-8...10), "How far the weights move in a step.")
  public var learningRate = 0.001

  @Parameter(
    "seed", .init(0...9_007_199_254_740_991),
    "Start of all random numbers: the first weights, the validation rows, the order of the rows.")
  public var seed = 0

  @Parameter(
    "optimizer", .init(), "How weights move: with steps fitted to each (adam), or all alike (sgd).")
  public var optimizer = OptimizerRule.adam

  @Parameter("momentum", .init(0...1), "Of sgd: which share of a step goes on in the next.")
  public var momentum = 0.9

  @Parameter("activation", .init(), "What the hidden units do to their sums.")
  public var activation = HiddenActivation.relu

  @Parameter(
    "initializer", .init(),
    "Where the weights start: normal as TensorFlow.js has it (glorot-normal), or uniform as PyTorch has it (fan-in-uniform)."
  )
  public var initializer = WeightInitializer.glorotNormal

  @Parameter(
    "l2", .init(0...1000),
    "How much large weights cost: this times the sum of their squares is learned against; the loss reported is without it."
  )
  public var l2 = 0.0

  @Parameter(
    "dropout", .init(0...0.99), "Which share of the hidden units is left out of each step, others each time.")
  public var dropout = 0.0

  @Parameter(
    "patience", .init(0...1_000_000),
    "After how many epochs without a better validation loss the training ends with the best epoch; 0: never.")
  public var patience = 0

  @Parameter(
    "standardize", .init(),
    "Whether all features are brought to mean 0 and deviation 1 first, in training and prediction alike.")
  public var standardize = false

  @Observed(merging: \.isOutdatedByLater)
  public internal(set) var training = TrainingStatus.idle

  public let trainer: Trainer

  /// The last training's state, with what was published of it: a training that goes on from there has its moments.
  private let kept = Mutex<(state: NetworkState, pass: ForwardPass)?>(nil)

  init() {
    trainer = Trainer(_training.projectedValue)
  }

  public var trainingStream: Stream<TrainingStatus> { $training }

  var sharedParameters: [any AnyParameter] {
    [
      _epochs, _batchSize, _validationSplit, _learningRate, _seed, _optimizer, _momentum, _activation,
      _initializer, _l2, _dropout, _patience, _standardize,
    ]
  }

  func checkedSettings(layers: [Int], classWeights: ClassWeights = .none) throws(MaquetteError)
    -> NetworkSettings
  {
    NetworkSettings(
      layers: layers, epochs: try _epochs.checked(), batchSize: try _batchSize.checked(),
      validationSplit: try _validationSplit.checked(), learningRate: try _learningRate.checked(),
      seed: try _seed.checked(), optimizer: try _optimizer.checked(), momentum: try _momentum.checked(),
      activation: try _activation.checked(), initializer: try _initializer.checked(), l2: try _l2.checked(),
      dropout: try _dropout.checked(), patience: try _patience.checked(),
      standardize: try _standardize.checked(), classWeights: classWeights)
  }

  // MARK: Learning

  /// What a training begins with.
  struct Start {
    let settings: NetworkSettings
    let isClassifier: Bool
    /// The network to go on from; nil: a new one.
    let pass: ForwardPass?
    let outputs: Int
    var classWeights: [Float]?
  }

  /// Learns rows that are all in memory.
  ///
  /// - Parameter publish: makes a network the model.
  func learn(
    _ rows: NetworkRows, validation: NetworkRows?, _ start: Start, run: TrainingRun,
    publish: (ForwardPass) -> Void
  ) throws(MaquetteError) -> TrainingStatus {
    let settings = start.settings
    var random = Random(seed: UInt64(settings.seed))
    var validation = validation
    var order = (0..<Int32(rows.count)).map { $0 }
    if validation == nil {
      let split = rows.split(labels: start.outputs, share: settings.validationSplit, random: &random)
      if !split.validation.isEmpty { validation = try rows.gathering(split.validation) }
      order = split.training
    }
    let state = try state(
      start, inputs: rows.features.columns, random: random, run: run,
      moments: settings.standardize ? try Moments(rows, order: order) : nil)
    if state.split != order {
      state.split = order
      state.order = order
    }
    let training = try NetworkTraining(
      state, settings: settings, isClassifier: start.isClassifier, classWeights: start.classWeights,
      rows: order.count, run: run)
    return try learnEpochs(settings, state, run, publish) { () throws(MaquetteError) in
      state.random.shuffle(&state.order)
      var sum = LossSum()
      try training.learn(rows, order: state.order, &sum)
      return try training.finish(sum, count: state.order.count, validation: validation)
    }
  }

  /// Learns rows that come in blocks, reading them anew for every epoch; the order changes within each block.
  ///
  /// - Parameters:
  ///   - width: of a row.
  ///   - moments: of all rows, where they are needed.
  ///   - eachBlock: calls its argument with the rows of every block, in their order.
  func learn(
    inputs width: Int, validation: NetworkRows?, _ start: Start, moments: Moments?, run: TrainingRun,
    publish: (ForwardPass) -> Void,
    eachBlock: ((NetworkRows) throws(MaquetteError) -> Void) throws(MaquetteError) -> Void
  ) throws(MaquetteError) -> TrainingStatus {
    let settings = start.settings
    let state = try state(
      start, inputs: width, random: Random(seed: UInt64(settings.seed)), run: run,
      moments: moments)
    let training = try NetworkTraining(
      state, settings: settings, isClassifier: start.isClassifier, classWeights: start.classWeights,
      rows: settings.batchSize, run: run)
    return try learnEpochs(settings, state, run, publish) { () throws(MaquetteError) in
      var sum = LossSum()
      var count = 0
      try eachBlock { (rows) throws(MaquetteError) in
        var order = (0..<Int32(rows.count)).map { $0 }
        state.random.shuffle(&order)
        try training.learn(rows, order: order, &sum)
        count += rows.count
      }
      guard count > 0 else {
        throw MaquetteError(
          .noRows, "there is nothing to learn from any more: the rows have gone since they were read first")
      }
      return try training.finish(sum, count: count, validation: validation)
    }
  }

  private func learnEpochs(
    _ settings: NetworkSettings, _ state: NetworkState, _ run: TrainingRun, _ publish: (ForwardPass) -> Void,
    _ learnEpoch: () throws(MaquetteError) -> (ForwardPass, EpochFigures)
  ) throws(MaquetteError) -> TrainingStatus {
    training = TrainingStatus(.start, epochs: settings.epochs)
    var history = EpochHistory()
    var best: (loss: Double, pass: ForwardPass)?
    var last: ForwardPass?
    var epochsSinceBest = 0
    do throws(MaquetteError) {
      for epoch in 1...settings.epochs {
        let (pass, figures) = try learnEpoch()
        publish(pass)
        last = pass
        history.append(figures)
        if figures.decisiveLoss < best?.loss ?? .infinity {
          best = (figures.decisiveLoss, pass)
          epochsSinceBest = 0
        } else {
          epochsSinceBest += 1
        }
        training = TrainingStatus(.epoch, epoch: epoch, epochs: settings.epochs, data: figures.json)
        if settings.patience > 0, epochsSinceBest >= settings.patience { break }
      }
    } catch {
      if error.code == .cancelled, run.keepsBest, let best { publish(best.pass) }
      throw error
    }
    if settings.patience > 0, let best, best.pass !== last {
      publish(best.pass)
    } else if let last {
      kept.withLock { $0 = (state, last) }
    }
    return TrainingStatus(.success, data: history.json)
  }

  // MARK: Where a training begins

  /// The means and deviations of features and targets.
  struct Moments {
    var features: ColumnMoments
    var targets: ColumnMoments?

    init(inputs: Int, targets: Int?) {
      features = ColumnMoments(columns: inputs)
      self.targets = targets.map { ColumnMoments(columns: $0) }
    }

    /// - Parameter order: the rows that are learned; no others may have a say.
    init(_ rows: NetworkRows, order: [Int32]) throws(MaquetteError) {
      let learned = try rows.gathering(order)
      self.init(learned)
    }

    init(_ rows: NetworkRows) {
      var targets: Int?
      if case .values(let values) = rows.targets { targets = values.columns }
      self.init(inputs: rows.features.columns, targets: targets)
      add(rows)
    }

    mutating func add(_ rows: NetworkRows) {
      features.add(rows.features)
      if case .values(let values) = rows.targets { targets?.add(values) }
    }
  }

  private func state(
    _ start: Start, inputs: Int, random: Random, run: TrainingRun,
    moments: Moments?
  ) throws(MaquetteError) -> NetworkState {
    let settings = start.settings
    let kept = kept.withLock { kept in
      defer { kept = nil }
      return kept
    }
    var random = random
    guard let pass = start.pass else {
      var layers: [TrainableLayer] = []
      let widths = [inputs] + settings.layers + [start.outputs]
      let last: Activation = .linear
      for index in 1..<widths.count {
        layers.append(
          try TrainableLayer(
            inputs: widths[index - 1], outputs: widths[index],
            activation: index + 1 < widths.count ? settings.activation.kernel : last,
            initializer: settings.initializer, random: &random, run: run))
      }
      let state = NetworkState(layers: layers, optimizer: settings.rule, random: random)
      if let moments {
        state.scaling = try moments.features.scaling()
        state.targetScaling = try moments.targets?.scaling()
      }
      return state
    }
    guard pass.inputs == inputs else {
      throw MaquetteError(
        .badShape, "the rows have \(inputs) features, the model that goes on learning has \(pass.inputs)")
    }
    guard start.isClassifier || pass.outputs == start.outputs else {
      throw MaquetteError(
        .badShape,
        "the rows have \(start.outputs) targets, the model that goes on learning has \(pass.outputs)")
    }
    if let kept, kept.pass === pass, kept.state.outputs == start.outputs,
      kept.state.optimizer.isSameRule(as: settings.rule)
    {
      kept.state.optimizer.learningRate = settings.learningRate
      return kept.state
    }
    var layers: [TrainableLayer] = []
    for (index, layer) in pass.layers.enumerated() {
      layers.append(
        try TrainableLayer(
          layer, outputs: index + 1 < pass.layers.count ? layer.outputs : start.outputs,
          initializer: settings.initializer, random: &random, run: run))
    }
    let state = NetworkState(layers: layers, optimizer: settings.rule, random: random)
    // The features keep the scale they were learned in; targets get one again.
    state.scaling = pass.scaling
    if pass.scaling != nil, let targets = moments?.targets {
      let scaling = try targets.scaling()
      layers.last?.scaleOutputs(scaling)
      state.targetScaling = scaling
    }
    return state
  }

  func forgetState() { kept.withLock { $0 = nil } }
}
