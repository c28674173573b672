import MaquetteKernels
import MaquetteStores
import MaquetteSystem
import Synchronization

/// Predicts numbers as the mean of those of the nearest training rows.
public final class KNNRegressor: NeighbourModel, MemoryModel, Regressor, RememberingModel,
  @unchecked Sendable
{
  public static let kind = "knn-regressor"
  public static let summary = "Predicts the mean of the numbers that the nearest training rows have."
  public static let service = "knn-regressor-models"

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
}
