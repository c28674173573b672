import MaquetteKernels
import MaquetteStores
public import MaquetteSystem

/// A multi-layer perceptron that tells labels apart: dense layers, ReLU between them, softmax behind them, trained with
/// Adam on the cross entropy, as Marcelle's MLPClassifier.
///
/// A training that goes on, or learns rows on top of others, may bring labels that were not there before.
public final class MLPClassifier: NetworkModel, LearningModel, Classifier, @unchecked Sendable {
  public static let kind = "mlp-classifier"
  public static let summary = "Learns to tell labels apart with a small neural network."
  public static let service = "tfjs-models"
  static let modes: [TrainingMode] = [.fresh, .continuing, .partial]

  @Parameter("layers", .init(1...16_384, maximumCount: 32), "The number of units of each hidden layer.")
  public var layers = [64, 32]

  @Parameter(
    "classWeights", .init(0...1_000_000),
    "How much the rows of a label count: all the same (none), rare labels more (balanced), or by label.")
  public var classWeights = ClassWeights.none

  let published = Published<ClassifierNetwork>()

  public override init() { super.init() }

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

  public var parameters: [any AnyParameter] { [_layers] + sharedParameters + [_classWeights] }
  public var fitted: (any FittedClassifier)? { published.current }

  func checkedSettings() throws(MaquetteError) -> NetworkSettings {
    try checkedSettings(layers: try _layers.checked(), classWeights: try _classWeights.checked())
  }

  func forget() {
    forgetState()
    published.publish(nil)
  }

  public func adopt(_ other: MLPClassifier) throws(MaquetteError) {
    try trainer.exclusively { published.publish(other.published.current) }
  }

  func learn(
    _ task: LearningTask<ClassificationRows>, settings: NetworkSettings, run: TrainingRun
  ) throws(MaquetteError) -> TrainingStatus {
    let before = task.mode == .fresh ? nil : published.current
    let rows = before.map { task.rows.relabelled(after: $0.labels) } ?? task.rows
    let labels = rows.labels
    guard labels.count > 1 else { throw ClassificationRows.oneLabel(labels, rows.codes.count) }
    var counts = [Int](repeating: 0, count: labels.count)
    for code in rows.codes { counts[Int(code)] += 1 }
    let validation = task.validation.map { NetworkRows($0.relabelled(from: task.rows.labels, to: labels)) }
    return try learn(
      NetworkRows(rows), validation: validation,
      Start(
        settings: settings, isClassifier: true, pass: before?.pass, outputs: labels.count,
        classWeights: try settings.classWeights.values(of: labels, counts: counts)), run: run
    ) { published.publish(ClassifierNetwork(labels: labels, pass: $0)) }
  }

  func learn(
    from source: any BlockSource, validatingOn validation: InstanceTable?, mode: TrainingMode,
    settings: NetworkSettings, run: TrainingRun
  ) throws(MaquetteError) -> TrainingStatus {
    let before = mode == .fresh ? nil : published.current
    // One pass to see what there is: labels, how many rows of each, how features are spread.
    var labels = before?.labels ?? []
    var counts = [Int](repeating: 0, count: labels.count)
    var moments: Moments?
    var width = 0
    try source.forEachBlock(of: .label, run) { (table) throws(MaquetteError) in
      let rows = try ClassificationRows(table, mode: .partial).relabelled(after: labels)
      labels = rows.labels
      counts += [Int](repeating: 0, count: labels.count - counts.count)
      for code in rows.codes { counts[Int(code)] += 1 }
      width = rows.features.columns
      guard settings.standardize else { return }
      if moments == nil { moments = Moments(NetworkRows(rows)) } else { moments?.add(NetworkRows(rows)) }
    }
    guard width > 0 else { throw MaquetteError(.noRows, "there is nothing to learn from: no rows") }
    guard labels.count > 1 else { throw ClassificationRows.oneLabel(labels, counts.reduce(0, +)) }
    let known = labels
    let reference = ClassificationRows(
      features: try Matrix(rows: 0, columns: width, []), codes: [], labels: known)
    let checked = try validation.map { (table) throws(MaquetteError) in
      NetworkRows(try reference.validation(table))
    }
    return try learn(
      inputs: width, validation: checked,
      Start(
        settings: settings, isClassifier: true, pass: before?.pass, outputs: known.count,
        classWeights: try settings.classWeights.values(of: known, counts: counts)),
      moments: moments, run: run, publish: { published.publish(ClassifierNetwork(labels: known, pass: $0)) }
    ) { (body) throws(MaquetteError) in
      try source.forEachBlock(of: .label, run) { (table) throws(MaquetteError) in
        let rows = try ClassificationRows(table, mode: .partial).relabelled(after: known)
        guard rows.labels.count == known.count, rows.features.columns == width else {
          throw MaquetteError(
            .badShape, "the rows have changed between two passes: other labels, or rows of another width")
        }
        try body(NetworkRows(rows))
      }
    }
  }
}

extension ClassWeights {
  /// The weight of each label; nil where all count the same.
  ///
  /// - Throws: ``MaquetteError/Code/badParameter`` for a label that isn't there.
  func values(of labels: [String], counts: [Int]) throws(MaquetteError) -> [Float]? {
    switch self {
    case .none: return nil
    case .balanced:
      let present = counts.filter { $0 > 0 }
      let share = Double(present.reduce(0, +)) / Double(max(1, present.count))
      return counts.map { $0 > 0 ? Float(share / Double($0)) : 1 }
    case .labels(let weights):
      if let unknown = weights.keys.sorted().first(where: { !labels.contains($0) }) {
        throw MaquetteError(
          .badParameter, "classWeights has the label \(quoted(unknown)), which no row has",
          name: "classWeights")
      }
      return labels.map { Float(weights[$0] ?? 1) }
    }
  }
}
