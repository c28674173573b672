public import MaquetteKernels
import MaquetteStores
public import MaquetteSystem
import Synchronization

/// Predicts numbers as the mean of those of the nearest training rows.
public final class KNNRegressor: NeighbourModel, LearningModel, Regressor, RememberingModel,
  @unchecked Sendable
{
  public static let kind = "knn-regressor"
  public static let summary = "Predicts the mean of the numbers that the nearest training rows have."
  public static let service = "knn-regressor-models"
  static let modes: [TrainingMode] = [.fresh, .partial]

  let published = Published<FittedNeighbourTargets>()

  public override init() {
    super.init()
    whenSettingsChange { [weak self] in self?.settingsChanged() }
  }

  public convenience init(
    k: Int, metric: NeighbourMetric = .cosine, weights: NeighbourWeights = .uniform
  ) {
    self.init()
    self.k = k
    self.metric = metric
    self.weights = weights
  }

  public var parameters: [any AnyParameter] { sharedParameters }
  public var fittedModel: (any FittedModel)? { published.current }

  func checkedSettings() throws(MaquetteError) -> Settings { try checkedSettings(rejectDistance: 0) }

  func forget() { publishing.withLock { _ in published.publish(nil) } }

  public func adopt(_ other: KNNRegressor) throws(MaquetteError) {
    try trainer.exclusively { () throws(MaquetteError) in
      if let fitted = other.published.current { try publish(fitted) } else { forget() }
    }
  }

  func learn(
    _ task: LearningTask<RegressionRows>, settings: Settings, run: TrainingRun
  ) throws(MaquetteError) -> TrainingStatus {
    training = TrainingStatus(.start, epochs: 1)
    let rows = task.rows
    if task.mode == .partial, let before = published.current {
      guard rows.targets.columns == before.targets.columns else {
        throw MaquetteError(
          .badShape,
          "the rows have \(rows.targets.columns) targets, those remembered have \(before.targets.columns)")
      }
      let remembered = try before.remembered.adding(rows.features, settings: settings, run: run)
      try publish(
        FittedNeighbourTargets(remembered, targets: try Matrix(joining: [before.targets, rows.targets])))
    } else {
      let remembered = try RememberedRows(
        rows.features, ids: Array(0..<rows.features.rows), settings: settings, run: run)
      try publish(FittedNeighbourTargets(remembered, targets: rows.targets))
    }
    return TrainingStatus(.success)
  }

  /// Makes these rows the model, with the settings as they are at that moment.
  func publish(_ fitted: FittedNeighbourTargets) throws(MaquetteError) {
    try publishing.withLock { (_) throws(MaquetteError) in
      published.publish(try fitted.with((try? checkedSettings()) ?? fitted.remembered.settings))
    }
  }

  private func settingsChanged() {
    publishing.withLock { _ in
      guard let fitted = published.current else { return }
      do throws(MaquetteError) {
        published.publish(try fitted.with(try checkedSettings()))
      } catch {
        Log.warning("\(Self.kind) keeps its settings: \(error.message)")
      }
    }
  }

  // MARK: The remembered rows

  public var ids: [Int] { published.current?.remembered.ids ?? [] }

  public func neighbours(of rows: Matrix, count: Int? = nil) throws(MaquetteError) -> [[Neighbour]] {
    guard let fitted = published.current else { throw notTrained }
    return try fitted.remembered.neighbours(of: rows, count: count)
  }

  public func remove(ids: [Int]) throws(MaquetteError) {
    try trainer.exclusively { () throws(MaquetteError) in
      guard let fitted = published.current else { throw notTrained }
      let places = try fitted.remembered.places(without: ids)
      let rows = try RememberedRows(
        try fitted.remembered.rows.gathering(places), ids: places.map { fitted.remembered.ids[Int($0)] },
        settings: fitted.remembered.settings)
      try publish(FittedNeighbourTargets(rows, targets: try fitted.targets.gathering(places)))
    }
  }
}
