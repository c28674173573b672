import MaquetteFormats
import MaquetteStreams
import MaquetteSystem
import Synchronization

/// Watches the trainings of one model, on their own threads, and tells the writer.
final class RunRecorder: Sendable {
  private struct State {
    /// The run of the training that goes on.
    var run: String?
    var parameters: JSONObject = [:]
    var epochs = 0
    /// What was heard before.
    var phase: TrainingStatus.Phase?
    var isStopping = false
    var observation: Observation?
    var onEnd: (@Sendable () -> Void)?
  }

  private weak let model: (any Model)?
  private let kind: String
  private let basename: String
  private let options: TrainingHistory.TrackingOptions
  private let writer: RunWriter
  private let state: Mutex<State>

  /// - Parameter onEnd: called once when no training is recorded any more.
  init(
    _ model: any Model, as basename: String, _ options: TrainingHistory.TrackingOptions, _ writer: RunWriter,
    onEnd: @escaping @Sendable () -> Void
  ) {
    self.model = model
    kind = type(of: model).kind
    self.basename = basename
    self.options = options
    self.writer = writer
    state = Mutex(State(onEnd: onEnd))
  }

  func start() {
    // Its stream goes with the model, and this with its stream.
    guard let model else { return }
    let observation = model.trainingStream.observe(
      { [self] event in receive(event.value) }, end: { [self] in end() })
    let isOver = state.withLock { state -> Bool in
      state.observation = observation
      return state.onEnd == nil
    }
    if isOver { observation.cancel() }
  }

  /// No new training becomes a run. One that goes on is recorded to its end: a run is never left half-told.
  func stop() {
    let isIdle = state.withLock { state -> Bool in
      state.isStopping = true
      return state.run == nil
    }
    if isIdle { end() }
  }

  private func end() {
    let (observation, onEnd) = state.withLock { state -> (Observation?, (@Sendable () -> Void)?) in
      defer {
        state.observation = nil
        state.onEnd = nil
      }
      return (state.observation, state.onEnd)
    }
    observation?.cancel()
    onEnd?()
  }

  // MARK: What the training reports: one call at a time, in order

  private func receive(_ status: TrainingStatus) {
    let (before, run) = state.withLock { state in
      defer { state.phase = status.phase }
      return (state.phase, state.run)
    }
    switch status.phase {
    case .idle, .loading, .loaded: break
    case .start: begin(status)
    case .epoch:
      guard let run else { break }
      let epochs = state.withLock { state in
        state.epochs += 1
        return state.epochs
      }
      writer.post(.epoch(run, number: status.epoch, of: status.epochs, status.data))
      if let period = options.checkpointEvery, period > 0, epochs % period == 0 {
        let epoch = status.epoch ?? epochs
        keep("epoch-\(epoch)", of: run, epoch: epoch)
      }
    case .success: if let run { finish(run, status) }
    case .cancelled, .error:
      if let run {
        finish(run, status)
      } else if let before, ![.loading, .start, .epoch].contains(before) {
        // It failed before it began: on its rows, perhaps. What is heard first of all was before this came, and a
        // training that had begun by then is not recorded.
        if let run = begin(status) { finish(run, status) }
      }
    }
  }

  @discardableResult
  private func begin(_ status: TrainingStatus) -> String? {
    guard let model else { return nil }
    let record = RunRecord(
      basename: basename, source: kind, parameters: model.parameterValues, epochs: status.epochs)
    let isWanted = state.withLock { state -> Bool in
      guard !state.isStopping else { return false }
      state.run = record.id
      state.parameters = record.parameters
      state.epochs = 0
      return true
    }
    guard isWanted else { return nil }
    writer.post(.begin(record))
    return record.id
  }

  private func finish(_ run: String, _ status: TrainingStatus) {
    let hasEpochs = state.withLock { $0.epochs > 0 }
    let isLearned = status.phase == .success || status.phase == .cancelled && hasEpochs
    if isLearned, options.checkpointsFinal { keep("final", of: run, epoch: nil) }
    writer.post(
      .end(
        run,
        RunEnd(
          status: .init(rawValue: status.phase.rawValue), epoch: status.epoch,
          data: status.phase == .success ? status.data : nil, error: status.data?["error"]?.string)))
    let isOver = state.withLock { state in
      state.run = nil
      return state.isStopping
    }
    if isOver { end() }
  }

  /// Holds on to what the model has learned just now, to be saved by the writer: what was fitted is immutable, so this
  /// costs next to nothing.
  private func keep(_ label: String, of run: String, epoch: Int?) {
    guard let model else { return }
    do throws(MaquetteError) {
      let snapshot: any Model = try model.clone()
      // Those the training began with: somebody may have changed them since.
      try snapshot.setParameters(state.withLock { $0.parameters })
      writer.post(.checkpoint(run, PendingCheckpoint(model: snapshot, label: label, epoch: epoch)))
    } catch {
      writer.post(.failure(run, error))
    }
  }
}
