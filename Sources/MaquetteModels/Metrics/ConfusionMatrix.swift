import MaquetteFormats
public import MaquetteStores
public import MaquetteStreams
public import MaquetteSystem
import Synchronization

/// A confusion matrix that can be watched, of two columns of labels, or of a batch prediction, with which it keeps up: for
/// every record that comes it takes one step, however many there are.
///
/// Predictions of numbers have no labels, and do not count. Every method may be called from any thread.
public final class ConfusionMatrix: @unchecked Sendable {  // wrapped properties are never assigned again
  /// The counts, and all that follows from them.
  @Observed public private(set) var confusion = ConfusionCounts()

  /// The rows that were predicted right, of all; nil while there are none.
  @Observed public private(set) var accuracy: Double?

  private struct State {
    var counts = ConfusionCounts()
    /// The last transaction that is counted in.
    var transaction: UInt64 = 0
  }

  private let service: Service?
  private let state = Mutex(State())
  private let outbox = Outbox<ConfusionCounts>()
  private let observation = Mutex<Observation?>(nil)

  /// The matrix of two columns of labels.
  ///
  /// - Throws: ``MaquetteError/Code/badShape`` unless they have as many rows.
  public init(true truth: LabelColumn, predicted: LabelColumn) throws(MaquetteError) {
    service = nil
    let counts = try ConfusionCounts(true: truth, predicted: predicted)
    confusion = counts
    accuracy = counts.accuracy
  }

  /// The matrix of the predictions that a batch prediction has made and will make. It keeps up with what this process
  /// does to them; what others did is seen by ``recount()``.
  ///
  /// - Throws: what ``BatchPrediction/results()`` throws.
  public init(_ batch: BatchPrediction) throws(MaquetteError) {
    let service = batch.service
    self.service = service
    let observation = service.events.follow { [weak self] event in self?.receive(event.value) }
    self.observation.withLock { $0 = observation }
    do throws(MaquetteError) {
      try recount()
    } catch {
      observation.cancel()
      throw error
    }
  }

  deinit {
    observation.withLock { $0 }?.cancel()
    $confusion.close()
    $accuracy.close()
  }

  /// Counts all predictions anew; does nothing for a matrix of two columns.
  ///
  /// - Throws: what ``BatchPrediction/results()`` throws.
  public func recount() throws(MaquetteError) {
    guard let service else { return }
    // With the lock held, so that what happens meanwhile comes after it.
    try state.withLock { (state) throws(MaquetteError) in
      let (table, transaction) = try service.predictions()
      var counts = ConfusionCounts()
      if let table { counts.add(true: table.truth.column, predicted: table.choices) }
      state.counts = counts
      state.transaction = transaction
      outbox.add(counts)
    }
    publish()
  }

  private func receive(_ events: [ServiceEvent]) {
    guard let transaction = events.first?.transaction else { return }
    let isKnown = state.withLock { state -> Bool in
      // What is counted in already comes again, if it happened just before.
      guard transaction > state.transaction else { return true }
      var counts = state.counts
      for event in events {
        guard counts.take(event) else { return false }
        // One event stands for all predictions of a block.
        if event.predictions != nil { break }
      }
      state.counts = counts
      state.transaction = transaction
      outbox.add(counts)
      return true
    }
    if isKnown {
      publish()
      return
    }
    // A record was replaced, and what it said before is not told.
    do throws(MaquetteError) {
      try recount()
    } catch {
      Log.warning("a confusion matrix could not be counted anew: \(error.message)")
    }
  }

  private func publish() {
    outbox.drain { counts in
      confusion = counts
      accuracy = counts.accuracy
    }
  }
}

extension ConfusionCounts {
  /// Counts what happened.
  ///
  /// - Returns: false where that can't be told from the event.
  fileprivate mutating func take(_ event: ServiceEvent) -> Bool {
    if let predictions = event.predictions {
      add(true: predictions.truth.column, predicted: predictions.choices)
      return true
    }
    // Others' predictions are read all at once, not one by one.
    if event.isForeign && event.kind != .cleared { return false }
    switch event.kind {
    case .cleared: self = ConfusionCounts()
    case .reloaded, .updated, .patched: return false
    case .created, .removed:
      let document = event.document
      guard let predicted = document["label"] ?? document["cluster"], let truth = document["yTrue"],
        !predicted.isNull, !truth.isNull
      else { return true }
      add(
        true: truth.string ?? truth.description, predicted: predicted.string ?? predicted.description,
        event.kind == .created ? 1 : -1)
    }
    return true
  }
}
