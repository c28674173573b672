import MaquetteFormats
package import MaquetteStreams
package import MaquetteSystem
import Synchronization

/// Runs the trainings of one model, one at a time, each on a thread of its own.
public final class Trainer: Sendable {
  private let statuses: Stream<TrainingStatus>

  private struct State {
    /// The training that runs, or the last one.
    var run: TrainingRun?
    var isRunning = false
    /// The training is over, and its thread is handing out the last event.
    var isFinishing = false
    var thread: UInt = 0
    /// The outcome of the training before is not to be told any more.
    var isForgotten = false
  }

  private let state = Monitor(State())

  package init(_ statuses: Stream<TrainingStatus>) {
    self.statuses = statuses
  }

  /// Whether a training or a loading goes on; not any more when its last event is heard.
  public var isTraining: Bool { state.withLock { $0.isRunning && !$0.isFinishing } }

  /// Starts `work` on a new thread and returns. What it returns, or how it fails, becomes the last event.
  ///
  /// - Throws: ``MaquetteError/Code/busy`` while another training or a loading goes on.
  package func start(
    _ work: @escaping @Sendable (TrainingRun) throws(MaquetteError) -> TrainingStatus
  ) throws(MaquetteError) {
    let run = try begin()
    do throws(MaquetteError) {
      try Thread.start("maquette-train") { [self] in
        state.withLock { $0.thread = Thread.current }
        self.finish(run, result(of: run, work))
      }
    } catch {
      state.change { $0.isRunning = false }
      run.finish(.failure(error))
      throw error
    }
  }

  /// Does something that must not overlap a training, on the caller's thread. Its result is not a training's: see
  /// ``wait(timeout:)``.
  package func exclusively<Result>(
    _ body: () throws(MaquetteError) -> Result
  ) throws(MaquetteError) -> Result {
    let before = state.withLock { $0.run }
    let run = try begin()
    defer {
      state.change {
        $0.run = $0.isForgotten ? nil : before
        $0.isForgotten = false
        $0.isRunning = false
        $0.thread = 0
      }
      run.finish(.success(()))
    }
    state.withLock { $0.thread = Thread.current }
    return try body()
  }

  private func begin() throws(MaquetteError) -> TrainingRun {
    let run = TrainingRun()
    let hasBegun =
      state.wait(until: .never) { state -> Bool? in
        if state.isRunning {
          // The last event is on its way: whoever hears it may start the next training.
          guard state.isFinishing else { return false }
          guard state.thread == Thread.current else { return nil }
        }
        state.run = run
        state.isRunning = true
        state.isFinishing = false
        state.thread = 0
        return true
      } ?? false
    guard hasBegun else {
      throw MaquetteError(.busy, "this model is being trained or loaded; wait for it, or cancel it first")
    }
    return run
  }

  private func result(
    of run: TrainingRun, _ work: (TrainingRun) throws(MaquetteError) -> TrainingStatus
  ) -> Result<TrainingStatus, MaquetteError> {
    do throws(MaquetteError) { return .success(try work(run)) } catch { return .failure(error) }
  }

  private func finish(_ run: TrainingRun, _ result: Result<TrainingStatus, MaquetteError>) {
    state.change { $0.isFinishing = true }
    let outcome: Result<Void, MaquetteError>
    switch result {
    case .success(let status):
      statuses.set(status)
      outcome = .success(())
    case .failure(let error) where error.code == .cancelled:
      let last = statuses.value
      statuses.set(TrainingStatus(.cancelled, epoch: last?.epoch, epochs: last?.epochs))
      outcome = .failure(error)
    case .failure(let error):
      statuses.set(
        TrainingStatus(
          .error, data: ["error": .string(error.message), "code": .number(Double(error.code.rawValue))]))
      outcome = .failure(error)
    }
    state.change { state in
      // A subscriber that heard the last event on this very thread may have started the next training.
      guard state.run === run else { return }
      state.isRunning = false
      state.isFinishing = false
      state.thread = 0
    }
    run.finish(outcome)
  }

  /// Waits until the training that runs, or the last one, is over, and until the callbacks that watch it have returned
  /// from its last event.
  ///
  /// - Parameter timeout: milliseconds; negative: as long as it takes.
  /// - Throws: what the training failed with; ``MaquetteError/Code/cancelled``, ``MaquetteError/Code/timeout``, or
  ///   ``MaquetteError/Code/reentrant`` in a callback of this training.
  package func wait(timeout: Int64) throws(MaquetteError) {
    let (run, thread) = state.withLock { ($0.run, $0.isRunning ? $0.thread : 0) }
    guard thread != Thread.current, !statuses.isDeliveringHere else {
      throw MaquetteError(.reentrant, "a callback of a training can't wait for that training to end")
    }
    guard let run else { return }
    let deadline = Deadline(milliseconds: timeout)
    guard let outcome = run.wait(until: deadline), statuses.waitUntilDelivered(until: deadline) else {
      throw MaquetteError(.timeout, "the training was not over within \(timeout) ms")
    }
    try outcome.get()
  }

  package func cancel(keeping kept: KeptEpoch = .last) {
    state.withLock { $0.run }?.cancel(keeping: kept)
  }

  /// The last training's outcome is nobody's business any more. Only inside of ``exclusively(_:)``.
  func forget() {
    state.withLock { $0.isForgotten = true }
  }
}

/// One training: what its thread and those who wait for it share.
package final class TrainingRun: Sendable {
  private let isCancelled = Atomic<Bool>(false)
  private let isBestKept = Atomic<Bool>(false)
  private let outcome = Monitor<Result<Void, MaquetteError>?>(nil)

  /// To be called once per mini-batch or block.
  ///
  /// - Throws: ``MaquetteError/Code/cancelled`` once somebody wants the training to end.
  package func checkCancellation() throws(MaquetteError) {
    if isCancelled.load(ordering: .acquiring) {
      throw MaquetteError(.cancelled, "the training was cancelled")
    }
  }

  /// Whether the best epoch is to be kept of a training that was cancelled, instead of the last.
  package var keepsBest: Bool { isBestKept.load(ordering: .relaxed) }

  func cancel(keeping kept: KeptEpoch) {
    isBestKept.store(kept == .best, ordering: .relaxed)
    isCancelled.store(true, ordering: .releasing)
  }

  func finish(_ result: Result<Void, MaquetteError>) { outcome.change { $0 = result } }

  func wait(until deadline: Deadline) -> Result<Void, MaquetteError>? { outcome.wait(until: deadline) { $0 } }
}
