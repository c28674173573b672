import MaquetteFormats
package import MaquetteStreams
package import MaquetteSystem
import Synchronization

/// Runs the trainings of one model, one at a time, each on a thread of its own.
public final class Trainer: Sendable {
  private let runner: Runner<TrainingStatus>
  /// What keeps the model and a store in step; nil: nothing does.
  let synchronization = Mutex<ModelSynchronization?>(nil)
  /// What that does; held, and `idle` while there is none.
  let synchronizationStatus = Stream(SynchronizationStatus.idle) { $0.isOutdatedByLater }

  package init(_ statuses: Stream<TrainingStatus>) {
    runner = Runner(
      statuses,
      words: RunnerWords(
        work: "training", thread: "maquette-train",
        busy: "this model is being trained or loaded; wait for it, or cancel it first")
    ) { error, last in
      error.code == .cancelled
        ? TrainingStatus(.cancelled, epoch: last?.epoch, epochs: last?.epochs)
        : TrainingStatus(
          .error, data: ["error": .string(error.message), "code": .number(Double(error.code.rawValue))])
    }
  }

  /// Whether a training or a loading goes on; not any more when its last event is heard.
  public var isTraining: Bool { runner.isRunning }

  /// Whether a training or a loading goes on because of which another one is refused.
  package var isBusy: Bool { runner.isBusy }

  /// Starts `work` on a new thread and returns. What it returns, or how it fails, becomes the last event.
  ///
  /// - Throws: ``MaquetteError/Code/busy`` while another training or a loading goes on.
  package func start(
    _ work: @escaping @Sendable (TrainingRun) throws(MaquetteError) -> TrainingStatus
  ) throws(MaquetteError) { try runner.start(work) }

  /// Does something that must not overlap a training, on the caller's thread. Its result is not a training's: see
  /// ``wait(timeout:)``.
  ///
  /// - Parameter isBrief: see ``Runner/exclusively(briefly:_:)``.
  package func exclusively<Result>(
    briefly isBrief: Bool = false, _ body: () throws(MaquetteError) -> Result
  ) throws(MaquetteError) -> Result { try runner.exclusively(briefly: isBrief, body) }

  /// See ``Runner/letOthersWait()``. Only inside of ``exclusively(briefly:_:)``.
  func letOthersWait() { runner.letOthersWait() }

  /// Waits until the training that runs, or the last one, is over, and until the callbacks that watch it have returned
  /// from its last event.
  ///
  /// - Parameter timeout: milliseconds; negative: as long as it takes.
  /// - Throws: what the training failed with; ``MaquetteError/Code/cancelled``, ``MaquetteError/Code/timeout``, or
  ///   ``MaquetteError/Code/reentrant`` in a callback of this training.
  package func wait(timeout: Int64) throws(MaquetteError) { try runner.wait(timeout: timeout) }

  package func cancel(keeping kept: KeptEpoch = .last) { runner.cancel(keeping: kept) }

  /// The last training's outcome is nobody's business any more. Only inside of ``exclusively(briefly:_:)``.
  func forget() { runner.forget() }
}

/// One training: what its thread and those who wait for it share.
package typealias TrainingRun = BackgroundRun
