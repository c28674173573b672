public import MaquetteKernels
public import MaquetteStreams
public import MaquetteSystem
import Synchronization

/// Which rows are near: those in the same direction (cosine) or those in the same place, as the crow flies (euclidean)
/// or along the axes (manhattan).
public enum NeighbourMetric: String, ParameterChoice {
  case cosine, euclidean, manhattan

  var searchMetric: NeighbourIndex.Metric {
    switch self {
    case .cosine: .cosine
    case .euclidean: .euclidean
    case .manhattan: .manhattan
    }
  }
}

/// How much a neighbour counts: each the same (uniform) or the more the nearer (distance).
public enum NeighbourWeights: String, ParameterChoice { case uniform, distance }

/// The parameters of a nearest-neighbour model, checked.
struct NeighbourSettings: Sendable, Equatable {
  var k: Int
  var metric: NeighbourMetric
  var weights: NeighbourWeights
  /// 0: no row is too far.
  var rejectDistance = 0.0
}

/// What nearest-neighbour models share, whatever they answer: no learning but remembering.
///
/// `k`, `metric` and `weights` take effect at once, without training again, and rows may be added and removed.
///
/// Source: Cover & Hart, "Nearest neighbor pattern classification", 1967.
public class NeighbourModel: @unchecked Sendable {
  // Unchecked: no wrapper is reassigned.
  public typealias Metric = NeighbourMetric
  public typealias Weights = NeighbourWeights

  @Parameter("k", .init(1...10_000), "How many of the nearest rows are asked.")
  public var k = 3

  @Parameter(
    "metric", .init(),
    "Which rows are near: those in the same direction (cosine) or in the same place (euclidean, manhattan)."
  )
  public var metric = NeighbourMetric.cosine

  @Parameter(
    "weights", .init(),
    "How much a neighbour counts: each the same (uniform) or the more the nearer (distance).")
  public var weights = NeighbourWeights.uniform

  @Observed(merging: \.isOutdatedByLater)
  public internal(set) var training = TrainingStatus.idle

  public let trainer: Trainer
  private let publication = Mutex(())

  init() {
    trainer = Trainer(_training.projectedValue)
  }

  public var trainingStream: Stream<TrainingStatus> { $training }
  var sharedParameters: [any AnyParameter] { [_k, _metric, _weights] }

  typealias Settings = NeighbourSettings

  func checkedSettings(rejectDistance: Double) throws(MaquetteError) -> Settings {
    Settings(
      k: try _k.checked(), metric: try _metric.checked(), weights: try _weights.checked(),
      rejectDistance: rejectDistance)
  }

  func publishing<Failure: Error>(_ body: () throws(Failure) -> Void) throws(Failure) {
    try publication.withLock { (_) throws(Failure) in try body() }
  }

  /// Calls `change` whenever a parameter was set.
  func whenSettingsChange(_ change: @escaping @Sendable () -> Void) {
    $k.observe { _ in change() }
    $metric.observe { _ in change() }
    $weights.observe { _ in change() }
  }
}

/// A remembered row that is near another.
public struct Neighbour: Sendable, Equatable {
  /// The number that the row got when it was learned, counted from 0 through all trainings of rows on top of each other;
  /// it stays the row's when others are removed.
  public let id: Int
  /// Cosine: 0 to 2.
  public let distance: Float
}

/// A model that remembers rows.
public protocol RememberingModel: Model {
  /// The nearest rows to each row of a matrix, as many as are asked for, the nearest first.
  ///
  /// - Parameter count: at most as many as are remembered; nil: the model's `k`.
  /// - Throws: ``MaquetteError/Code/notTrained``, ``MaquetteError/Code/badShape``, ``MaquetteError/Code/notFinite``,
  ///   ``MaquetteError/Code/invalidArgument``.
  func neighbours(of rows: Matrix, count: Int?) throws(MaquetteError) -> [[Neighbour]]

  /// The ids of the rows, in the order they were learned.
  var ids: [Int] { get }

  /// Forgets some of the rows.
  ///
  /// - Throws: ``MaquetteError/Code/notFound`` naming an id that isn't there, with nothing removed;
  ///   ``MaquetteError/Code/noRows`` where none would be left; ``MaquetteError/Code/busy`` during a training.
  func remove(ids: [Int]) throws(MaquetteError)
}

extension RememberingModel {
  /// The `k` nearest rows to each row of a matrix, the nearest first.
  ///
  /// - Throws: as ``neighbours(of:count:)``.
  public func neighbours(of rows: Matrix) throws(MaquetteError) -> [[Neighbour]] {
    try neighbours(of: rows, count: nil)
  }
}
