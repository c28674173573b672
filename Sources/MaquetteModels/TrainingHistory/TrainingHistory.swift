public import MaquetteFormats
public import MaquetteStores
public import MaquetteStreams
public import MaquetteSystem
import Synchronization

/// The trainings of models, recorded in a store as runs: epoch by epoch, with the parameters of each and the models it
/// made.
///
/// A run is a document of the service `runs`, as Marcelle has them. It is created when a training begins, and holds
/// every epoch that was written so far, whatever becomes of the process. Recording slows no training down: a thread of
/// the history's own writes, and what comes while it does is the next write. Every method may be called from any thread.
public final class TrainingHistory: Sendable {
  /// The service that the runs are documents of.
  public static let serviceName = "runs"

  /// The store of the runs, and of the models they saved.
  public let store: DataStore

  /// What happens to the runs, whoever does it in this process, once it is safe in the store; held: the last change.
  public let changes = Stream<Change>(Change(.ready), merging: \.isOutdatedByLater)

  let service: Service
  private let writer: RunWriter
  private let observation = Mutex<Observation?>(nil)
  private let recorders = Mutex<[Int: RunRecorder]>([:])
  private let numbers = Atomic<Int>(0)

  /// What is recorded beside the epochs.
  public struct TrackingOptions: Sendable {
    /// Whether the model is saved when a training has ended well, or was cancelled after an epoch: `base-N@final`.
    public var checkpointsFinal = true
    /// Saves the model after every so many epochs, too, as `base-N@epoch-10`; nil: doesn't.
    public var checkpointEvery: Int?

    public init(checkpointsFinal: Bool = true, checkpointEvery: Int? = nil) {
      self.checkpointsFinal = checkpointsFinal
      self.checkpointEvery = checkpointEvery
    }

    /// `{"checkpoint": true, "checkpointEvery": 10}`; what is left out has its default.
    ///
    /// - Throws: ``MaquetteError/Code/invalidArgument`` for another member, or a value of another type.
    public init(_ json: JSONObject) throws(MaquetteError) {
      for (name, value) in json.members {
        switch (name, value) {
        case ("checkpoint", .bool(let isWanted)): checkpointsFinal = isWanted
        case ("checkpointEvery", .null): checkpointEvery = nil
        case ("checkpointEvery", .number) where value.integer != nil: checkpointEvery = value.integer
        default:
          throw MaquetteError(
            .invalidArgument,
            "\(quoted(name)): \(value.description.prefix(60)) is no option of a tracking: there are checkpoint, true or false, and checkpointEvery, a number of epochs",
            name: name)
        }
      }
    }
  }

  /// The history of a store.
  ///
  /// Runs whose process has died are found now, and end as `interrupted`, complete with all that was written of them.
  ///
  /// - Throws: what opening the service meets.
  public init(in store: DataStore) throws(MaquetteError) {
    self.store = store
    service = try store.service(Self.serviceName)
    writer = RunWriter(service, in: store, changes: changes)
    let changes = changes
    let events = service.events
    changes.serve(Demand(begin: { events.demand?.add() }, end: { events.demand?.remove() }))
    let observation = events.follow { event in
      for event in event.value {
        switch event.kind {
        case .created: changes.set(Change(.created, Change.summary(event.document)))
        case .updated, .patched: changes.set(Change(.updated, Change.summary(event.document)))
        case .removed: changes.set(Change(.removed, Change.summary(event.document)))
        case .cleared, .reloaded: break
        }
      }
    }
    self.observation.withLock { $0 = observation }
    mend()
  }

  deinit { close() }

  /// Makes every training of the model a run from now on, until the tracking is cancelled or the model goes.
  ///
  /// A training that is past its beginning already is not recorded: its run would lack epochs.
  ///
  /// - Parameters:
  ///   - model: of any kind; not kept alive.
  ///   - basename: the runs are called `basename-1`, `basename-2`, …, one above the greatest number in the store.
  /// - Throws: ``MaquetteError/Code/invalidArgument`` for a name that is empty or holds a NUL, or a period that is not
  ///   positive; ``MaquetteError/Code/closed``.
  @discardableResult
  public func track(
    _ model: any Model, as basename: String = "anonymous", _ options: TrackingOptions = TrackingOptions()
  ) throws(MaquetteError) -> Tracking {
    guard !basename.isEmpty, !basename.utf8.contains(0) else {
      throw MaquetteError(
        .invalidArgument, "the basename of runs must not be empty or hold a NUL", name: "basename")
    }
    if let period = options.checkpointEvery, period < 1 {
      throw MaquetteError(
        .invalidArgument, "checkpointEvery is \(period); it must be a number of epochs from 1",
        name: "checkpointEvery")
    }
    let number = numbers.add(1, ordering: .relaxed).newValue
    let recorder = RunRecorder(model, as: basename, options, writer) { [weak self] in
      self?.recorders.withLock { $0[number] = nil }
    }
    let isOpen = recorders.withLock { recorders in
      recorders[number] = recorder
      return observation.withLock { $0 != nil }
    }
    guard isOpen else { throw MaquetteError(.closed, "this training history is closed") }
    recorder.start()
    return Tracking(recorder)
  }

  /// Waits until everything that trainings have reported before is in the store, the models with it. It does not wait
  /// for trainings that go on.
  ///
  /// - Parameter timeout: milliseconds; negative: as long as it takes.
  /// - Throws: why something can't be written, after an attempt to; it is kept and tried again.
  ///   ``MaquetteError/Code/timeout``; ``MaquetteError/Code/reentrant`` in a function that receives the log.
  public func flush(timeout: Int64 = -1) throws(MaquetteError) { try writer.flush(timeout: timeout) }

  /// Ends all trackings and the stream of changes. A training that goes on is recorded to its end all the same; use
  /// ``flush(timeout:)`` before a program ends.
  public func close() {
    let observation = observation.withLock { observation in
      defer { observation = nil }
      return observation
    }
    guard let observation else { return }
    observation.cancel()
    for recorder in recorders.withLock({ Array($0.values) }) { recorder.stop() }
    writer.close()
    changes.close()
  }

  /// What ``track(_:as:_:)`` started; it goes on until cancelled, whether this is kept or not.
  public final class Tracking: Sendable {
    private let recorder: RunRecorder

    init(_ recorder: RunRecorder) {
      self.recorder = recorder
    }

    /// No training that begins from now on becomes a run. One that goes on is recorded to its end.
    public func cancel() { recorder.stop() }
  }
}
