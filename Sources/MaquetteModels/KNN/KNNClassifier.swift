import MaquetteKernels
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import Synchronization

/// Tells labels apart by the nearest training rows, as Marcelle's: the distance is the cosine distance unless set.
public final class KNNClassifier: NeighbourModel, MemoryModel, Classifier, RememberingModel,
  @unchecked Sendable
{
  public static let kind = "knn-classifier"
  public static let summary = "Gives a row the label that most of the nearest training rows have."
  public static let service = "knn-classifier-models"

  @Parameter(
    "rejectDistance", .init(0...1e30),
    "Beyond which distance to the nearest row the label is \"none\", with all confidences 0; 0: never.")
  public var rejectDistance = 0.0

  let published = Published<FittedNeighbours>()

  public override init() {
    super.init()
    whenSettingsChange { [weak self] in self?.settingsChanged() }
    $rejectDistance.observe { [weak self] _ in self?.settingsChanged() }
  }

  public convenience init(
    k: Int, metric: NeighbourMetric = .cosine, weights: NeighbourWeights = .uniform,
    rejectDistance: Double = 0
  ) {
    self.init()
    self.k = k
    self.metric = metric
    self.weights = weights
    self.rejectDistance = rejectDistance
  }

  public var parameters: [any AnyParameter] { sharedParameters + [_rejectDistance] }
  public var fitted: (any FittedClassifier)? { published.current }

  func checkedSettings() throws(MaquetteError) -> Settings {
    try checkedSettings(rejectDistance: try _rejectDistance.checked())
  }

  func learn(
    _ task: LearningTask<ClassificationRows>, settings: Settings, run: TrainingRun
  ) throws(MaquetteError) -> TrainingStatus {
    training = TrainingStatus(.start, epochs: 1)
    if task.mode == .partial, let before = published.current {
      let rows = task.rows.relabelled(after: before.labels)
      let remembered = try before.remembered.adding(rows.features, settings: settings, run: run)
      try publish(FittedNeighbours(remembered, codes: before.codes + rows.codes, labels: rows.labels))
    } else {
      let rows = task.rows
      let remembered = try RememberedRows(
        rows.features, ids: Array(0..<rows.features.rows), settings: settings, run: run)
      try publish(FittedNeighbours(remembered, codes: rows.codes, labels: rows.labels))
    }
    return TrainingStatus(.success)
  }
}
