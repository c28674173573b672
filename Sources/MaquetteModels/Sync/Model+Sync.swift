public import MaquetteStores
public import MaquetteStreams
public import MaquetteSystem
import Synchronization

extension Model {
  /// Keeps the model in step with the saved models of a name, as all others do that are synced with it, whatever process
  /// they are in.
  ///
  /// The newest model of the name is loaded now, if there is one, and again when somebody else has saved one. The model is
  /// saved when it was trained, or loaded from elsewhere: by a thread of the library's, so that nobody waits for it. What
  /// can't be saved is tried again, after a tenth of a second, then twice as long each time, at the most half a minute.
  /// Of two models that were trained at once the newer one stays. ``syncStatus`` tells of all this.
  ///
  /// It goes on until ``unsync(timeout:)``, or until the model is gone.
  ///
  /// - Parameters:
  ///   - history: how many models of the name stay; nil: every saving takes the place of the newest.
  /// - Throws: ``MaquetteError/Code/conflict`` for a model that is synced with something else already;
  ///   ``MaquetteError/Code/invalidArgument`` for no name or a history of less than 1; what looking for a saved model and
  ///   loading it meets. It is not synced then.
  public func sync(with store: DataStore, name: String, history: Int? = nil) throws(MaquetteError) {
    try Self.check(name: name, history: history)
    let made = try ModelSynchronization(self, store, name, history: history)
    try trainer.synchronization.withLock { (present) throws(MaquetteError) in
      guard present == nil else {
        throw MaquetteError(
          .conflict, "this model is synced already, with \(quoted(present?.name ?? "")); unsync it first",
          name: name)
      }
      present = made
    }
    do throws(MaquetteError) {
      try made.start(waiting: !trainingStream.isDeliveringHere)
    } catch {
      trainer.synchronization.withLock { if $0 === made { $0 = nil } }
      throw error
    }
  }

  /// Whether ``sync(with:name:history:)`` goes on.
  public var isSynced: Bool { trainer.synchronization.withLock { $0 != nil } }

  /// What ``sync(with:name:history:)`` does; held.
  public var syncStatus: Stream<SynchronizationStatus> { trainer.synchronizationStatus }

  /// Waits until the trainings that have ended are saved, and what others have saved is loaded.
  ///
  /// - Parameter timeout: milliseconds; negative: as long as it takes.
  /// - Throws: ``MaquetteError/Code/timeout``; why something can't be saved or loaded, which is tried again;
  ///   ``MaquetteError/Code/reentrant`` in a callback of ``syncStatus``.
  public func flushSync(timeout: Int64 = -1) throws(MaquetteError) {
    try trainer.synchronization.withLock { $0 }?.flush(timeout: timeout)
  }

  /// Ends what ``sync(with:name:history:)`` began. What is not saved yet is tried once more. Without it nothing happens.
  ///
  /// - Parameter timeout: milliseconds to wait for that; negative: as long as it takes.
  /// - Throws: why the last training could not be saved, ``MaquetteError/Code/timeout``: it
  ///   ends later then; ``MaquetteError/Code/reentrant`` in a callback of ``syncStatus``.
  public func unsync(timeout: Int64 = -1) throws(MaquetteError) {
    try trainer.synchronization.withLock { $0 }?.end(timeout: timeout)
  }
}
