public import MaquetteKernels
import MaquetteFormats
import MaquetteStores
public import MaquetteStreams
public import MaquetteSystem

/// Principal component analysis: the few directions along which rows vary most.
///
/// Source: Hotelling, "Analysis of a complex of statistical variables into principal components", 1933. Rows that come on
/// top of others, or block by block, give the same components as all rows at once: means and products are summed up
/// exactly.
public final class PCA: LearningModel, InvertibleModel, @unchecked Sendable {
  // Unchecked: no wrapper is reassigned.
  public static let kind = "pca"
  public static let summary =
    "Finds the few directions along which rows vary most, and projects rows onto them."
  public static let task = ModelTask.projection
  public static let service = "pca"
  static let modes: [TrainingMode] = [.fresh, .partial]

  @Parameter("nComponents", .init(1...16_384), "How many directions are kept.")
  public var nComponents = 2

  @Parameter("whiten", .init(), "Whether the projections are brought to deviation 1 along each direction.")
  public var whiten = false

  @Observed(merging: \.isOutdatedByLater)
  public internal(set) var training = TrainingStatus.idle

  public let trainer: Trainer
  let published = Published<FittedComponents>()

  /// The products of so many features take 512 MB.
  private static let mostFeatures = 8192

  public init() {
    trainer = Trainer(_training.projectedValue)
  }

  public convenience init(nComponents: Int, whiten: Bool = false) {
    self.init()
    self.nComponents = nComponents
    self.whiten = whiten
  }

  public var parameters: [any AnyParameter] { [_nComponents, _whiten] }
  public var trainingStream: Stream<TrainingStatus> { $training }
  public var fittedModel: (any FittedModel)? { published.current }

  struct Settings: Sendable {
    var nComponents: Int
    var whiten: Bool
  }

  func checkedSettings() throws(MaquetteError) -> Settings {
    Settings(nComponents: try _nComponents.checked(), whiten: try _whiten.checked())
  }

  func forget() { published.publish(nil) }

  public func adopt(_ other: PCA) throws(MaquetteError) {
    try trainer.exclusively { published.publish(other.published.current) }
  }

  func learn(
    _ task: LearningTask<FeatureRows>, settings: Settings, run: TrainingRun
  ) throws(MaquetteError) -> TrainingStatus {
    try learn(mode: task.mode, settings: settings, run: run) { (add) throws(MaquetteError) in
      try add(task.rows.features)
    }
  }

  func learn(
    from source: any BlockSource, validatingOn validation: InstanceTable?, mode: TrainingMode,
    settings: Settings, run: TrainingRun
  ) throws(MaquetteError) -> TrainingStatus {
    try learn(mode: mode, settings: settings, run: run) { (add) throws(MaquetteError) in
      try source.forEachBlock(of: .none, run) { (table) throws(MaquetteError) in
        try add(try FeatureRows(table).features)
      }
    }
  }

  private func learn(
    mode: TrainingMode, settings: Settings, run: TrainingRun,
    eachBlock: ((Matrix) throws(MaquetteError) -> Void) throws(MaquetteError) -> Void
  ) throws(MaquetteError) -> TrainingStatus {
    training = TrainingStatus(.start)
    var covariance: Covariance?
    if mode == .partial, let before = published.current {
      guard let known = before.covariance else {
        throw MaquetteError(
          .unsupported, "this pca was loaded without what it learned from; train it on all rows")
      }
      covariance = known
    }
    var isEmpty = true
    try eachBlock { (rows) throws(MaquetteError) in
      isEmpty = false
      var sum = covariance ?? Covariance(columns: 0)
      if covariance == nil {
        guard rows.columns <= Self.mostFeatures else {
          throw MaquetteError(
            .unsupported, "a pca takes at most \(Self.mostFeatures) features, the rows have \(rows.columns)")
        }
        sum = Covariance(columns: rows.columns)
      }
      guard rows.columns == sum.columns else {
        throw MaquetteError(
          .badShape, "the rows have \(rows.columns) features, those before have \(sum.columns)")
      }
      covariance = nil
      try sum.add(rows) { () throws(MaquetteError) in try run.checkCancellation() }
      covariance = sum
    }
    guard let covariance, !isEmpty else {
      throw MaquetteError(.noRows, "there is nothing to learn from: no rows")
    }
    let most = min(covariance.columns, covariance.count)
    guard settings.nComponents <= most else {
      throw MaquetteError(
        .badParameter,
        "nComponents can't be \(settings.nComponents): \(covariance.count) rows of \(covariance.columns) features have at most \(most) components",
        name: "nComponents")
    }
    try run.checkCancellation()
    let fitted = try FittedComponents(covariance, components: settings.nComponents, whiten: settings.whiten)
    published.publish(fitted)
    let ratios = fitted.explainedVarianceRatio[row: 0].map { JSON(Double($0)) }
    return TrainingStatus(.success, data: ["explainedVariance": .array(ratios)])
  }

  /// The coordinates of one row along the components.
  ///
  /// - Throws: ``MaquetteError/Code/notTrained``, ``MaquetteError/Code/badShape``, ``MaquetteError/Code/notFinite``.
  public func predict(_ features: [Float]) throws(MaquetteError) -> [Float] {
    try predict(try Matrix(rows: 1, columns: features.count, features))[row: 0]
  }

  /// The coordinates of each row along the components: [rows, components].
  ///
  /// - Throws: as for one row.
  public func predict(_ features: Matrix) throws(MaquetteError) -> Matrix {
    try readyModel().predictions(of: features)
  }

  public func inverse(_ predictions: Matrix) throws(MaquetteError) -> Matrix {
    guard let fitted = published.current else { throw notTrained }
    guard predictions.columns == fitted.outputs else {
      throw MaquetteError(
        .badShape, "the rows have \(predictions.columns) scores, the model has \(fitted.outputs) components")
    }
    try predictions.requireFinite("score")
    let rows = try fitted.inverse(predictions)
    guard rows.withUnsafeBufferPointer({ $0.allSatisfy(\.isFinite) }) else {
      throw MaquetteError(
        .notFinite, "the rows that have these scores are no finite numbers", name: "predictions")
    }
    return rows
  }

  /// The directions, [components, features]; nil before a training.
  public var components: Matrix? { published.current?.components }
  /// The share of the variance along each direction; empty before a training.
  public var explainedVarianceRatio: [Float] { published.current?.explainedVarianceRatio[row: 0] ?? [] }
}
