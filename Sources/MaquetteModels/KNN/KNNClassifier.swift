public import MaquetteKernels
import MaquetteStores
import MaquetteStreams
public import MaquetteSystem
import Synchronization

/// Tells labels apart by the nearest training rows, as Marcelle's: the distance is the cosine distance unless set.
public final class KNNClassifier: NeighbourModel, LearningModel, Classifier, RememberingModel,
  @unchecked Sendable
{
  public static let kind = "knn-classifier"
  public static let summary = "Gives a row the label that most of the nearest training rows have."
  public static let service = "knn-classifier-models"
  static let modes: [TrainingMode] = [.fresh, .partial]

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

  func forget() { publishing.withLock { _ in published.publish(nil) } }

  public func adopt(_ other: KNNClassifier) throws(MaquetteError) {
    try trainer.exclusively { () throws(MaquetteError) in
      if let fitted = other.published.current { try publish(fitted) } else { forget() }
    }
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

  /// Makes these rows the model, with the settings as they are at that moment.
  func publish(_ fitted: FittedNeighbours) throws(MaquetteError) {
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
        // A value set from Swift that can't be used: predictions go on with the last good one.
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

  /// A label of which the last row goes stays among the labels.
  public func remove(ids: [Int]) throws(MaquetteError) {
    try trainer.exclusively { () throws(MaquetteError) in
      guard let fitted = published.current else { throw notTrained }
      let places = try fitted.remembered.places(without: ids)
      let rows = try RememberedRows(
        try fitted.remembered.rows.gathering(places), ids: places.map { fitted.remembered.ids[Int($0)] },
        settings: fitted.remembered.settings)
      try publish(
        FittedNeighbours(rows, codes: places.map { fitted.codes[Int($0)] }, labels: fitted.labels))
    }
  }
}
