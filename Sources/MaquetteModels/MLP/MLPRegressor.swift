import MaquetteKernels
import MaquetteStores
public import MaquetteSystem

/// A multi-layer perceptron that predicts numbers: dense layers, ReLU between them, the last linear, trained with Adam on
/// the mean squared error, as Marcelle's MLPRegressor. One number under `y` and an array of one train alike.
public final class MLPRegressor: NetworkModel, LearningModel, Regressor, @unchecked Sendable {
  public static let kind = "mlp-regressor"
  public static let summary = "Learns to predict numbers with a small neural network."
  public static let service = "tfjs-models"
  static let modes: [TrainingMode] = [.fresh, .continuing, .partial]

  @Parameter("units", .init(1...16_384, maximumCount: 32), "The number of units of each hidden layer.")
  public var units = [64, 32]

  let published = Published<RegressorNetwork>()

  public override init() { super.init() }

  public convenience init(
    units: [Int] = [64, 32], epochs: Int = 20, batchSize: Int = 8, validationSplit: Double = 0.2,
    learningRate: Double = 0.001, seed: Int = 0
  ) {
    self.init()
    self.units = units
    self.epochs = epochs
    self.batchSize = batchSize
    self.validationSplit = validationSplit
    self.learningRate = learningRate
    self.seed = seed
  }

  public var parameters: [any AnyParameter] { [_units] + sharedParameters }
  public var fittedModel: (any FittedModel)? { published.current }

  func checkedSettings() throws(MaquetteError) -> NetworkSettings {
    try checkedSettings(layers: try _units.checked())
  }

  func forget() {
    forgetState()
    published.publish(nil)
  }

  public func adopt(_ other: MLPRegressor) throws(MaquetteError) {
    try trainer.exclusively { published.publish(other.published.current) }
  }

  func learn(
    _ task: LearningTask<RegressionRows>, settings: NetworkSettings, run: TrainingRun
  ) throws(MaquetteError) -> TrainingStatus {
    let before = task.mode == .fresh ? nil : published.current
    return try learn(
      NetworkRows(task.rows), validation: task.validation.map { NetworkRows($0) },
      Start(
        settings: settings, isClassifier: false, pass: before?.pass, outputs: task.rows.targets.columns),
      run: run
    ) { published.publish(RegressorNetwork(pass: $0)) }
  }

  func learn(
    from source: any BlockSource, validatingOn validation: InstanceTable?, mode: TrainingMode,
    settings: NetworkSettings, run: TrainingRun
  ) throws(MaquetteError) -> TrainingStatus {
    let before = mode == .fresh ? nil : published.current
    // One pass to see what there is.
    var first: RegressionRows?
    var moments: Moments?
    try source.forEachBlock(of: .values, run) { (table) throws(MaquetteError) in
      let rows = try RegressionRows(table)
      if first == nil { first = rows }
      guard settings.standardize else { return }
      if moments == nil { moments = Moments(NetworkRows(rows)) } else { moments?.add(NetworkRows(rows)) }
    }
    guard let first else { throw MaquetteError(.noRows, "there is nothing to learn from: no rows") }
    let (width, outputs) = (first.features.columns, first.targets.columns)
    let checked = try validation.map { (table) throws(MaquetteError) in
      NetworkRows(try first.validation(table))
    }
    return try learn(
      inputs: width, validation: checked,
      Start(settings: settings, isClassifier: false, pass: before?.pass, outputs: outputs), moments: moments,
      run: run, publish: { published.publish(RegressorNetwork(pass: $0)) }
    ) { (body) throws(MaquetteError) in
      try source.forEachBlock(of: .values, run) { (table) throws(MaquetteError) in
        let rows = try RegressionRows(table)
        guard rows.features.columns == width, rows.targets.columns == outputs else {
          throw MaquetteError(.badShape, "the rows have changed between two passes: rows of another width")
        }
        try body(NetworkRows(rows))
      }
    }
  }
}
