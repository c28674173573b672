package import MaquetteStreams
package import MaquetteSystem
import Synchronization

/// Runs the work of one object, one piece at a time, each on a thread of its own, and tells on a stream how it ends.
package final class Runner<Status: Sendable>: Sendable {
  package typealias Work = @Sendable (BackgroundRun) throws(MaquetteError) -> Status

  private let statuses: Stream<Status>
  private let words: RunnerWords
  /// The last event of a run that failed or was cancelled, after that status.
  private let ending: @Sendable (MaquetteError, Status?) -> Status

  private struct State {
    /// The run that goes on, or the last one.
    var run: BackgroundRun?
    var stage = Stage.idle
    var thread: UInt = 0
    /// The outcome of the run before is not to be told any more.
    var isForgotten = false
  }

  private enum Stage {
    case idle
    /// Whoever wants to begin something is refused.
    case running
    /// It takes no time: others wait for it.
    case brief
    /// It is over, and its thread is handing out the last event: others wait for that, and whoever hears it on that very
    /// thread may begin.
    case finishing
  }

  private let state = Monitor(State())

  /// - Parameter ending: makes the last event of a run that failed or was cancelled, from the error and the status before.
  package init(
    _ statuses: Stream<Status>, words: RunnerWords,
    ending: @escaping @Sendable (MaquetteError, Status?) -> Status
  ) {
    self.statuses = statuses
    self.words = words
    self.ending = ending
  }

  /// Whether something goes on; not any more when its last event is heard.
  package var isRunning: Bool { state.withLock { $0.stage == .running || $0.stage == .brief } }

  /// Whether something goes on because of which whoever wants to begin something is refused.
  package var isBusy: Bool { state.withLock { $0.stage == .running } }

  /// Starts `work` on a new thread and returns. What it returns, or how it fails, becomes the last event; what it holds is
  /// let go of before that, so that whoever hears of the end, or waits for it, finds nothing in use any more.
  ///
  /// - Throws: ``MaquetteError/Code/busy`` while something else goes on.
  package func start(_ work: @escaping Work) throws(MaquetteError) {
    let run = try begin(.running)
    let work = Monitor<Work?>(work)
    do throws(MaquetteError) {
      try Thread.start(words.thread) { [self] in
        state.withLock { $0.thread = Thread.current }
        self.finish(run, result(of: run, work))
      }
    } catch {
      state.change { $0.stage = .idle }
      run.finish(.failure(error))
      throw error
    }
  }

  /// Does something that must not overlap a run, on the caller's thread. Its result is not a run's: see
  /// ``wait(timeout:)``.
  ///
  /// - Parameter isBrief: it takes no time, and whoever wants to begin something meanwhile can't know of it: they wait for
  ///   it, and are not told that it is busy.
  package func exclusively<Result>(
    briefly isBrief: Bool = false, _ body: () throws(MaquetteError) -> Result
  ) throws(MaquetteError) -> Result {
    let before = state.withLock { $0.run }
    let run = try begin(isBrief ? .brief : .running)
    defer {
      state.change { state in
        // A subscriber that heard the last event on this very thread may have started a run.
        if state.run === run {
          state.run = state.isForgotten ? nil : before
          state.stage = .idle
          state.thread = 0
        }
        state.isForgotten = false
      }
      run.finish(.success(()))
    }
    state.withLock { $0.thread = Thread.current }
    return try body()
  }

  /// What is left to do takes no time: who wants to begin something waits for it from now on, and is not told that it is
  /// busy, so that whoever sees or hears what was done can go on with it. Only inside of ``exclusively(briefly:_:)``.
  package func letOthersWait() {
    state.change { $0.stage = .finishing }
  }

  private func begin(_ stage: Stage) throws(MaquetteError) -> BackgroundRun {
    let run = BackgroundRun(words.work)
    let hasBegun =
      state.wait(until: .never) { state -> Bool? in
        let isHere = state.thread == Thread.current
        switch state.stage {
        case .idle: break
        case .running: return false
        // In one of its events: waiting for it would last for ever.
        case .brief: return isHere ? false : nil
        case .finishing: if !isHere { return nil }
        }
        state.run = run
        state.stage = stage
        state.thread = 0
        return true
      } ?? false
    guard hasBegun else {
      throw MaquetteError(.busy, words.busy)
    }
    return run
  }

  private func result(of run: BackgroundRun, _ work: Monitor<Work?>) -> Result<Status, MaquetteError> {
    let taken = work.withLock { work -> Work? in
      defer { work = nil }
      return work
    }
    guard let taken else { return .failure(MaquetteError(.internal, "a \(words.work) was begun twice")) }
    do throws(MaquetteError) { return .success(try taken(run)) } catch { return .failure(error) }
  }

  private func finish(_ run: BackgroundRun, _ result: Result<Status, MaquetteError>) {
    state.change { $0.stage = .finishing }
    let outcome: Result<Void, MaquetteError>
    switch result {
    case .success(let status):
      statuses.set(status)
      outcome = .success(())
    case .failure(let error):
      statuses.set(ending(error, statuses.value))
      outcome = .failure(error)
    }
    state.change { state in
      // A subscriber that heard the last event on this very thread may have started the next run.
      guard state.run === run else { return }
      state.stage = .idle
      state.thread = 0
    }
    run.finish(outcome)
  }

  /// Waits until the run that goes on, or the last one, is over, and until the callbacks that watch it have returned
  /// from its last event.
  ///
  /// - Parameter timeout: milliseconds; negative: as long as it takes.
  /// - Throws: what the run failed with; ``MaquetteError/Code/cancelled``, ``MaquetteError/Code/timeout``, or
  ///   ``MaquetteError/Code/reentrant`` in a callback of this run.
  package func wait(timeout: Int64) throws(MaquetteError) {
    let (run, thread) = state.withLock { ($0.run, $0.stage == .idle ? 0 : $0.thread) }
    guard thread != Thread.current, !statuses.isDeliveringHere else {
      throw MaquetteError(
        .reentrant, "a callback of a \(words.work) can't wait for that \(words.work) to end")
    }
    guard let run else { return }
    let deadline = Deadline(milliseconds: timeout)
    guard let outcome = run.wait(until: deadline), statuses.waitUntilDelivered(until: deadline) else {
      throw MaquetteError(.timeout, "the \(words.work) was not over within \(timeout) ms")
    }
    try outcome.get()
  }

  package func cancel(keeping kept: KeptEpoch = .last) {
    state.withLock { $0.run }?.cancel(keeping: kept)
  }

  /// The last run's outcome is nobody's business any more. Only inside of ``exclusively(briefly:_:)``.
  package func forget() {
    state.withLock { $0.isForgotten = true }
  }
}

/// What a runner says about its work.
package struct RunnerWords: Sendable {
  /// What one run is called: "training".
  let work: String
  /// The name of the thread.
  let thread: String
  /// What somebody is told who comes too early.
  let busy: String
}

/// One run: what its thread and those who wait for it share.
package final class BackgroundRun: Sendable {
  private let work: String
  private let isCancelled = Atomic<Bool>(false)
  private let isBestKept = Atomic<Bool>(false)
  private let outcome = Monitor<Result<Void, MaquetteError>?>(nil)

  init(_ work: String = "training") {
    self.work = work
  }

  /// To be called once per mini-batch or block.
  ///
  /// - Throws: ``MaquetteError/Code/cancelled`` once somebody wants the run to end.
  package func checkCancellation() throws(MaquetteError) {
    if isCancelled.load(ordering: .acquiring) {
      throw MaquetteError(.cancelled, "the \(work) was cancelled")
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

#if !MAQUETTE_SHARED_LIBRARY
  /// Waits on a thread of its own, so that none of Swift's concurrency is kept busy. Cancelling the task calls `cancel`.
  func finished(
    _ wait: @escaping @Sendable () throws(MaquetteError) -> Void, cancel: @escaping @Sendable () -> Void
  ) async throws {
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        do throws(MaquetteError) {
          try Thread.start("maquette-wait") {
            do throws(MaquetteError) {
              try wait()
              continuation.resume()
            } catch {
              continuation.resume(throwing: error)
            }
          }
        } catch {
          continuation.resume(throwing: error)
        }
      }
    } onCancel: {
      cancel()
    }
  }
#endif
