import MaquetteFormats
public import MaquetteKernels
import MaquetteStores
public import MaquetteStreams
public import MaquetteSystem

/// Groups rows around centers, so that every row is near the center of its group, as Marcelle's k-means.
///
/// Predicts, for rows at any distance, the confidence of each cluster, which falls with the distance to its center.
public final class KMeansClustering: LearningModel, @unchecked Sendable {
  // Unchecked: no wrapper is reassigned.
  public static let kind = "kmeans-clustering"
  public static let summary = "Groups rows around centers, and tells which group a row belongs to."
  public static let task = ModelTask.clustering
  public static let service = "kmeans-models"
  static let modes: [TrainingMode] = [.fresh, .continuing, .partial]

  @Parameter("k", .init(1...65_536), "How many clusters there are.")
  public var k = 3

  @Parameter(
    "init", .init(-1e38...1e38), "Where the centers begin: at rows far from each other, or at given places.")
  public var start = KMeansInit.plusPlus

  @Parameter("nInit", .init(1...1000), "How many beginnings are tried; the best result is kept.")
  public var nInit = 3

  @Parameter("maxIterations", .init(1...1_000_000), "How often the centers move at the most.")
  public var maxIterations = 300

  @Parameter(
    "tolerance", .init(0...1),
    "When the centers stop: when they move less than this share of the rows' variance.")
  public var tolerance = 1e-4

  @Parameter(
    "batchSize", .init(0...16_777_216),
    "After how many rows the centers move: a mini-batch, quicker and less exact; 0: after all.")
  public var batchSize = 0

  @Parameter("seed", .init(0...9_007_199_254_740_991), "Start of all random numbers: the first centers.")
  public var seed = 0

  @Observed(merging: \.isOutdatedByLater)
  public internal(set) var training = TrainingStatus.idle

  /// The centers, [clusters, features]; nil before a training.
  @Observed public internal(set) var centers: Matrix?

  /// The cluster of each training row, in their order; empty where rows came in blocks, or the model was loaded.
  @Observed public internal(set) var clusters: [Int32] = []

  public let trainer: Trainer
  let published = Published<FittedClusters>()

  public init() {
    trainer = Trainer(_training.projectedValue)
  }

  public convenience init(k: Int, init start: KMeansInit = .plusPlus, nInit: Int = 3, seed: Int = 0) {
    self.init()
    self.k = k
    self.start = start
    self.nInit = nInit
    self.seed = seed
  }

  public var parameters: [any AnyParameter] {
    [_k, _start, _nInit, _maxIterations, _tolerance, _batchSize, _seed]
  }
  public var trainingStream: Stream<TrainingStatus> { $training }
  public var fittedModel: (any FittedModel)? { published.current }

  public var streams: [String: any JSONStream] {
    [
      "centers": JSONValueStream($centers) { centers in
        guard let centers else { return .null }
        return .array((0..<centers.rows).map { row in .array(centers[row: row].map { JSON(Double($0)) }) })
      },
      "clusters": JSONValueStream($clusters) { .array($0.map { JSON(Int($0)) }) },
    ]
  }

  func checkedSettings() throws(MaquetteError) -> KMeansSettings {
    let settings = KMeansSettings(
      k: try _k.checked(), start: try _start.checked(), nInit: try _nInit.checked(),
      maxIterations: try _maxIterations.checked(), tolerance: try _tolerance.checked(),
      batchSize: try _batchSize.checked(), seed: try _seed.checked())
    if case .centers(let centers) = settings.start, centers.count != settings.k {
      throw MaquetteError(
        .badParameter, "init has \(centers.count) centers for k = \(settings.k) clusters", name: "init")
    }
    return settings
  }

  func forget() {
    published.publish(nil)
    centers = nil
    clusters = []
  }

  public func adopt(_ other: KMeansClustering) throws(MaquetteError) {
    try trainer.exclusively { () throws(MaquetteError) in
      if let fitted = other.published.current { publish(fitted) } else { forget() }
    }
  }

  func publish(_ fitted: FittedClusters) {
    published.publish(fitted)
    centers = fitted.centers
    clusters = fitted.clusters
  }

  // MARK: Learning

  func learn(
    _ task: LearningTask<FeatureRows>, settings: KMeansSettings, run: TrainingRun
  ) throws(MaquetteError) -> TrainingStatus {
    let rows = task.rows.features
    let before = task.mode == .fresh ? nil : published.current
    try check(width: rows.columns, settings, before)
    guard before != nil || settings.k <= rows.rows else { throw Self.tooFew(rows.rows, settings.k) }
    training = TrainingStatus(.start, epochs: 1)
    if task.mode == .partial, let before {
      // On top of the rows before: those count in the centers as many as they were.
      var batches = MiniBatches(before.centers, counts: before.counts)
      try run.checkCancellation()
      guard try batches.learn(rows).isFinite else { throw Self.tooFar }
      try run.checkCancellation()
      publish(try FittedClusters(centers: try batches.matrix(), counts: batches.counts))
      return TrainingStatus(.success)
    }
    let lloyd = try Lloyd(rows, settings: settings, run: run)
    var random = Random(seed: UInt64(settings.seed))
    var best: FittedClusters?
    var givenStart = before?.centers
    if givenStart == nil { givenStart = try given(settings) }
    for _ in 0..<(givenStart == nil ? settings.nInit : 1) {
      let start: Matrix
      if let givenStart {
        start = givenStart
      } else {
        start = try KMeansStart.plusPlus(rows, k: settings.k, random: &random, run: run)
      }
      let found =
        settings.batchSize > 0
        ? try miniBatches(lloyd, from: start, &random, run) : try lloyd.clusters(from: start)
      if found.inertia ?? .infinity < best?.inertia ?? .infinity { best = found }
    }
    guard let best, Float(best.inertia ?? .infinity).isFinite else { throw Self.tooFar }
    publish(best)
    return TrainingStatus(.success)
  }

  private func miniBatches(
    _ lloyd: Lloyd, from start: Matrix, _ random: inout Random, _ run: TrainingRun
  ) throws(MaquetteError) -> FittedClusters {
    let (rows, settings) = (lloyd.rows, lloyd.settings)
    var batches = MiniBatches(start)
    var order = (0..<Int32(rows.rows)).map { $0 }
    var iteration = 0
    while iteration < settings.maxIterations {
      random.shuffle(&order)
      let before = batches.centers
      for first in stride(from: 0, to: order.count, by: settings.batchSize) {
        try run.checkCancellation()
        iteration += 1
        let batch = Array(order[first..<min(first + settings.batchSize, order.count)])
        _ = try batches.learn(try rows.gathering(batch))
        if iteration == settings.maxIterations { break }
      }
      let moved = zip(before, batches.centers).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
      if moved <= settings.tolerance * lloyd.variance { break }
    }
    // Which cluster each row is in, with the centers as they are.
    var once = settings
    once.maxIterations = 0
    let found = try Lloyd(rows, settings: once, run: run).clusters(from: try batches.matrix())
    return try FittedClusters(
      centers: found.centers, counts: batches.counts, clusters: found.clusters, inertia: found.inertia,
      iterations: iteration)
  }

  func learn(
    from source: any BlockSource, validatingOn validation: InstanceTable?, mode: TrainingMode,
    settings: KMeansSettings, run: TrainingRun
  ) throws(MaquetteError) -> TrainingStatus {
    let before = mode == .fresh ? nil : published.current
    training = TrainingStatus(.start, epochs: 1)
    var batches = before.map { MiniBatches($0.centers, counts: mode == .partial ? $0.counts : nil) }
    var random = Random(seed: UInt64(settings.seed))
    var inertia = 0.0
    var iteration = 0
    while iteration < (mode == .partial ? 1 : settings.maxIterations) {
      iteration += 1
      let old = batches?.centers
      inertia = 0
      var moments: ColumnMoments?
      try source.forEachBlock(of: .none, run) { (table) throws(MaquetteError) in
        let rows = try FeatureRows(table).features
        try check(width: rows.columns, settings, before)
        var present: MiniBatches
        if let batches {
          guard rows.columns == batches.width else {
            throw MaquetteError(
              .badShape, "the rows have \(rows.columns) features, those before have \(batches.width)")
          }
          present = batches
        } else if let start = try given(settings) {
          present = MiniBatches(start)
        } else {
          guard settings.k <= rows.rows else { throw Self.tooFew(rows.rows, settings.k) }
          present = MiniBatches(try KMeansStart.plusPlus(rows, k: settings.k, random: &random, run: run))
        }
        inertia += try present.learn(rows)
        batches = present
        if moments == nil { moments = ColumnMoments(columns: rows.columns) }
        moments?.add(rows)
      }
      guard let batches, let moments else {
        throw MaquetteError(.noRows, "there is nothing to learn from: no rows")
      }
      let variance = moments.deviations.reduce(0) { $0 + $1 * $1 } / Double(max(1, batches.width))
      if let old {
        let moved = zip(old, batches.centers).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        if moved <= settings.tolerance * variance { break }
      }
    }
    guard let batches else { throw MaquetteError(.noRows, "there is nothing to learn from: no rows") }
    guard Float(inertia).isFinite else { throw Self.tooFar }
    publish(
      try FittedClusters(
        centers: try batches.matrix(), counts: batches.counts, inertia: inertia, iterations: iteration))
    return TrainingStatus(.success)
  }

  private func check(
    width: Int, _ settings: KMeansSettings, _ before: FittedClusters?
  ) throws(MaquetteError) {
    if let before, before.features != width {
      throw MaquetteError(
        .badShape, "the rows have \(width) features, the model that goes on learning has \(before.features)")
    }
    if before == nil, case .centers(let centers) = settings.start, let first = centers.first,
      first.count != width
    {
      throw MaquetteError(
        .badParameter, "init has centers of \(first.count) features, the rows have \(width)", name: "init")
    }
  }

  static let tooFar = MaquetteError(
    .notFinite, "the rows lie so far apart that their distances can't be told; scale the features")

  private static func tooFew(_ rows: Int, _ k: Int) -> MaquetteError {
    MaquetteError(
      .badParameter, "k can't be \(k): there are only \(rows) rows to make clusters of", name: "k")
  }

  private func given(_ settings: KMeansSettings) throws(MaquetteError) -> Matrix? {
    guard case .centers(let centers) = settings.start else { return nil }
    return try Matrix(centers.map { $0.map { Float($0) } })
  }

  // MARK: Predicting

  /// The cluster of one row, with the confidences of all.
  ///
  /// - Throws: ``MaquetteError/Code/notTrained``, ``MaquetteError/Code/badShape``, ``MaquetteError/Code/notFinite``.
  public func predict(_ features: [Float]) throws(MaquetteError) -> ClusterAnswer {
    try predict(try Matrix(rows: 1, columns: features.count, features))[0]
  }

  /// The cluster of each row, with the confidences of all.
  ///
  /// - Throws: as for one row.
  public func predict(_ features: Matrix) throws(MaquetteError) -> [ClusterAnswer] {
    let confidences = try readyModel().predictions(of: features)
    return (0..<confidences.rows).map { ClusterAnswer(confidences[row: $0]) }
  }

  /// The sum of the squared distances of the training rows to their centers; 0 before a training, NaN for
  /// centers from a file that doesn't tell it.
  public var inertia: Double { published.current.map { $0.inertia ?? .nan } ?? 0 }
}
