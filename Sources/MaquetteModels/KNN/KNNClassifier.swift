public import MaquetteStreams
public import MaquetteSystem
import Synchronization

/// Tells labels apart by the nearest training rows: no learning but remembering.
///
/// The distance is the cosine distance, as in Marcelle, or the euclidean one. `k`, `metric` and `weights` take effect
/// at once, without training again.
///
/// Source: Cover & Hart, "Nearest neighbor pattern classification", 1967.
public final class KNNClassifier: LearningModel, Classifier, @unchecked Sendable {
  // Unchecked: no wrapper is reassigned.
  public static let kind = "knn-classifier"
  public static let summary = "Gives a row the label that most of the nearest training rows have."
  public static let service = "knn-classifier-models"

  public enum Metric: String, ParameterChoice { case cosine, euclidean }
  public enum Weights: String, ParameterChoice { case uniform, distance }

  @Parameter("k", .init(1...10_000), "How many of the nearest rows vote.")
  public var k = 3

  @Parameter(
    "metric", .init(),
    "Which rows are near: those in the same direction (cosine) or those in the same place (euclidean)."
  )
  public var metric = Metric.cosine

  @Parameter(
    "weights", .init(), "How much a vote counts: each the same (uniform) or the more the nearer (distance).")
  public var weights = Weights.uniform

  @Observed(merging: \.isOutdatedByLater)
  public internal(set) var training = TrainingStatus.idle

  public let trainer: Trainer
  private let published = Published<FittedNeighbours>()
  /// Held while `published` is replaced: a training and a change of `k` may come at once.
  private let publishing = Mutex(())

  public init() {
    trainer = Trainer(_training.projectedValue)
    $k.observe { [weak self] _ in self?.settingsChanged() }
    $metric.observe { [weak self] _ in self?.settingsChanged() }
    $weights.observe { [weak self] _ in self?.settingsChanged() }
  }

  public convenience init(k: Int, metric: Metric = .cosine, weights: Weights = .uniform) {
    self.init()
    self.k = k
    self.metric = metric
    self.weights = weights
  }

  public var parameters: [any AnyParameter] { [_k, _metric, _weights] }
  public var trainingStream: Stream<TrainingStatus> { $training }
  public var fitted: (any FittedClassifier)? { published.current }

  var neighbours: FittedNeighbours? { published.current }

  struct Settings: Sendable, Equatable {
    var k: Int
    var metric: Metric
    var weights: Weights
  }

  func checkedSettings() throws(MaquetteError) -> Settings {
    Settings(k: try _k.checked(), metric: try _metric.checked(), weights: try _weights.checked())
  }

  func forget() { publishing.withLock { _ in published.publish(nil) } }

  public func adopt(_ other: KNNClassifier) throws(MaquetteError) {
    try trainer.exclusively { () throws(MaquetteError) in
      if let fitted = other.neighbours { try publish(fitted) } else { forget() }
    }
  }

  func learn(
    _ task: LearningTask<ClassificationRows>, settings: Settings, run: TrainingRun
  ) throws(MaquetteError) -> TrainingStatus {
    let rows = task.rows
    training = TrainingStatus(.start, epochs: 1)
    try publish(
      FittedNeighbours(
        features: rows.features, codes: rows.codes, labels: rows.labels, settings: settings, run: run))
    return TrainingStatus(.success)
  }

  /// Makes these rows the model, with the settings as they are at that moment.
  func publish(_ fitted: FittedNeighbours) throws(MaquetteError) {
    try publishing.withLock { (_) throws(MaquetteError) in
      published.publish(try fitted.with((try? checkedSettings()) ?? fitted.settings))
    }
  }

  private func settingsChanged() {
    publishing.withLock { _ in
      guard let fitted = published.current else { return }
      do throws(MaquetteError) {
        published.publish(try fitted.with(try checkedSettings()))
      } catch {
        // A value set from Swift that can't be used: predictions go on with the last good one.
        Log.warning("\(Self.kind) keeps its settings: \(error.message)")
      }
    }
  }
}
