import MaquetteKernels
public import MaquetteStreams
public import MaquetteSystem

/// A multi-layer perceptron that tells labels apart: dense layers, ReLU between them, softmax behind them, trained with
/// Adam on the cross entropy, as Marcelle's MLPClassifier.
///
/// The same rows, parameters and seed give the same weights to the last bit on the same machine, whatever the number of
/// threads.
public final class MLPClassifier: LearningModel, Classifier, @unchecked Sendable {
  // Unchecked: no wrapper is reassigned.
  public static let kind = "mlp-classifier"
  public static let summary = "Learns to tell labels apart with a small neural network."
  public static let service = "tfjs-models"

  @Parameter("layers", .init(1...16_384, maximumCount: 32), "The number of units of each hidden layer.")
  public var layers = [64, 32]

  @Parameter("epochs", .init(1...1_000_000), "How many times the training goes through all training rows.")
  public var epochs = 20

  @Parameter("batchSize", .init(1...65_536), "After how many rows the weights change: a mini-batch.")
  public var batchSize = 8

  @Parameter(
    "validationSplit", .init(0...1, clamping: true),
    "Which share of the rows, of every label alike, is set apart to validate with, and never trained on.")
  public var validationSplit = 0.2

  @Parameter("learningRate", .init(1e-8...10), "How far the weights move in a step of Adam.")
  public var learningRate = 0.001

  @Parameter(
    "seed", .init(0...9_007_199_254_740_991),
    "Start of all random numbers: the first weights, the validation rows, the order of the rows.")
  public var seed = 0

  @Observed(merging: \.isOutdatedByLater)
  public internal(set) var training = TrainingStatus.idle

  public let trainer: Trainer
  let published = Published<Network>()

  public init() {
    trainer = Trainer(_training.projectedValue)
  }

  public convenience init(
    layers: [Int] = [64, 32], epochs: Int = 20, batchSize: Int = 8, validationSplit: Double = 0.2,
    learningRate: Double = 0.001, seed: Int = 0
  ) {
    self.init()
    self.layers = layers
    self.epochs = epochs
    self.batchSize = batchSize
    self.validationSplit = validationSplit
    self.learningRate = learningRate
    self.seed = seed
  }

  public var parameters: [any AnyParameter] {
    [_layers, _epochs, _batchSize, _validationSplit, _learningRate, _seed]
  }
  public var trainingStream: Stream<TrainingStatus> { $training }
  public var fitted: (any FittedClassifier)? { published.current }

  struct Settings: Sendable {
    var layers: [Int]
    var epochs: Int
    var batchSize: Int
    var validationSplit: Double
    var learningRate: Double
    var seed: Int
  }

  func checkedSettings() throws(MaquetteError) -> Settings {
    return Settings(
      layers: try _layers.checked(), epochs: try _epochs.checked(), batchSize: try _batchSize.checked(),
      validationSplit: try _validationSplit.checked(), learningRate: try _learningRate.checked(),
      seed: try _seed.checked())
  }

  func forget() { published.publish(nil) }

  public func adopt(_ other: MLPClassifier) throws(MaquetteError) {
    try trainer.exclusively { published.publish(other.published.current) }
  }

  func learn(
    _ task: LearningTask<ClassificationRows>, settings: Settings, run: TrainingRun
  ) throws(MaquetteError) -> TrainingStatus {
    let training = try NetworkTraining(task.rows, validation: task.validation, settings: settings, run: run)
    self.training = TrainingStatus(.start, epochs: settings.epochs)
    var history = TrainingHistory()
    for epoch in 1...settings.epochs {
      let (network, figures) = try training.epoch()
      published.publish(network)
      history.append(figures)
      self.training = TrainingStatus(
        .epoch, epoch: epoch, epochs: settings.epochs, data: figures.json)
    }
    return TrainingStatus(.success, data: history.json)
  }
}
