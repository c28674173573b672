public import MaquetteKernels
public import MaquetteStreams
public import MaquetteSystem

/// Lays rows out in a few dimensions so that those which are near each other stay near.
///
/// Predicting places new rows in the embedding that was learned; a row that was learned is where it is. The same rows,
/// parameters and seed give the same embedding to the last bit on the same machine, whatever the number of threads.
///
/// Source: McInnes, Healy & Melville, "UMAP: uniform manifold approximation and projection for dimension reduction",
/// 2018.
public final class UMAP: LearningModel, @unchecked Sendable {  // unchecked: no wrapper is reassigned
  public static let kind = "umap"
  public static let summary = "Lays rows out in a few dimensions, near ones near each other."
  public static let task = ModelTask.projection
  public static let service = "umap"
  static let modes: [TrainingMode] = [.fresh, .continuing]

  public enum Metric: String, ParameterChoice { case euclidean, cosine, manhattan }

  @Parameter("nComponents", .init(1...64), "How many dimensions the embedding has.")
  public var nComponents = 2

  @Parameter(
    "nNeighbors", .init(2...1000),
    "How many nearest rows, itself included, a row is kept near to: few show details, many the whole.")
  public var nNeighbors = 15

  @Parameter(
    "minDist", .init(0...1000), "How near rows may come to each other in the embedding; at most the spread.")
  public var minDist = 0.1

  @Parameter("spread", .init(0.001...1000), "The scale of the embedding: how far near rows lie apart.")
  public var spread = 1.0

  @Parameter(
    "metric", .init(),
    "Which rows are near: by the straight line (euclidean), the direction (cosine) or the sum of differences (manhattan)."
  )
  public var metric = Metric.euclidean

  @Parameter("supervised", .init(), "Whether rows of different labels are drawn apart.")
  public var supervised = false

  @Parameter("epochs", .init(0...100_000), "Passes over all rows; 0: 200 to 500, the more the fewer rows.")
  public var epochs = 0

  @Parameter("seed", .init(0...9_007_199_254_740_991), "Start of all random numbers.")
  public var seed = 0

  @Observed(merging: \.isOutdatedByLater)
  public internal(set) var training = TrainingStatus.idle

  public let trainer: Trainer
  private let published = Published<FittedEmbedding>()

  public init() {
    trainer = Trainer(_training.projectedValue)
  }

  public convenience init(
    nComponents: Int = 2, nNeighbors: Int = 15, minDist: Double = 0.1, spread: Double = 1,
    metric: Metric = .euclidean, supervised: Bool = false, epochs: Int = 0, seed: Int = 0
  ) {
    self.init()
    self.nComponents = nComponents
    self.nNeighbors = nNeighbors
    self.minDist = minDist
    self.spread = spread
    self.metric = metric
    self.supervised = supervised
    self.epochs = epochs
    self.seed = seed
  }

  public var parameters: [any AnyParameter] {
    [_nComponents, _nNeighbors, _minDist, _spread, _metric, _supervised, _epochs, _seed]
  }
  public var trainingStream: Stream<TrainingStatus> { $training }
  public var fittedModel: (any FittedModel)? { published.current }

  /// Where the rows are that were learned, [rows, nComponents]; nil before. Reading it never waits.
  public var embedding: Matrix? { published.current?.embedding }

  var fitted: FittedEmbedding? { published.current }

  struct Settings: Sendable, Equatable {
    var nComponents: Int
    var nNeighbors: Int
    var minDist: Double
    var spread: Double
    var metric: Metric
    var supervised: Bool
    var epochs: Int
    var seed: Int
  }

  func checkedSettings() throws(MaquetteError) -> Settings {
    let settings = Settings(
      nComponents: try _nComponents.checked(), nNeighbors: try _nNeighbors.checked(),
      minDist: try _minDist.checked(), spread: try _spread.checked(), metric: try _metric.checked(),
      supervised: try _supervised.checked(), epochs: try _epochs.checked(), seed: try _seed.checked())
    guard settings.minDist <= settings.spread else {
      throw MaquetteError(
        .badParameter,
        "minDist can't be \(settings.minDist): it must be at most the spread, which is \(settings.spread)",
        name: "minDist")
    }
    return settings
  }

  func forget() { published.publish(nil) }

  func publish(_ fitted: FittedEmbedding) { published.publish(fitted) }

  public func adopt(_ other: UMAP) throws(MaquetteError) {
    try trainer.exclusively { published.publish(other.published.current) }
  }

  /// The places of rows in the embedding: [rows, nComponents].
  ///
  /// - Throws: ``MaquetteError/Code/notTrained``, ``MaquetteError/Code/badShape``, ``MaquetteError/Code/notFinite``,
  ///   ``MaquetteError/Code/outOfMemory``.
  public func transform(_ rows: Matrix) throws(MaquetteError) -> Matrix {
    try readyModel().predictions(of: rows)
  }

  /// The place of one row in the embedding.
  ///
  /// - Throws: as ``transform(_:)``.
  public func predict(_ row: [Float]) throws(MaquetteError) -> [Float] {
    try transform(try Matrix(rows: 1, columns: row.count, row))[row: 0]
  }
}
