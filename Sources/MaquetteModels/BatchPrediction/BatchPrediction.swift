import MaquetteKernels
public import MaquetteStores
public import MaquetteStreams
public import MaquetteSystem

/// Predicts all instances of a dataset and keeps the predictions in a store, as Marcelle's does.
///
/// The records are documents of the service `predictions-<name>`: what was predicted, and `instanceId` and `yTrue`, the
/// id and the `y` of the instance.
///
/// | model | a record |
/// |---|---|
/// | classifier | `{label, confidences: {label: p, …}, instanceId, yTrue}`; the label of a row that is rejected is `none` |
/// | clustering | `{cluster, confidences: {cluster: p, …}, instanceId, yTrue}` |
/// | one number | `{value: number, instanceId, yTrue}` |
/// | several | `{value: [number, …], instanceId, yTrue}` |
///
/// An instance without `y` has a record without `yTrue`.
///
/// `$status` says, while a run goes on: `start`, `running{count, total, data: the record}` for every record, and
/// `success{count, total}`, `error{data: {error, code}}` or `cancelled{count, total}`.
///
/// The predictions are computed and stored in blocks of up to 4,096 rows, each in one transaction: whatever happens, there are whole blocks
/// of whole records, and a run that resumes goes on behind them. Every method may be called from any thread.
public final class BatchPrediction: @unchecked Sendable {  // wrapped properties are never assigned again
  public let name: String
  /// The store the predictions are in.
  public let store: DataStore

  @Observed(merging: { $0.phase == .running }) public private(set) var status = BatchPredictionStatus(
    .loading)

  let service: Service
  private let runner: Runner<BatchPredictionStatus>

  /// The batch prediction of that name; `$status` says `idle`, or `loaded` where there are predictions already.
  ///
  /// - Throws: ``MaquetteError/Code/invalidArgument`` for an empty name or one with a NUL, or what opening its service
  ///   meets.
  public init(_ name: String, in store: DataStore) throws(MaquetteError) {
    guard !name.isEmpty, !name.utf8.contains(0) else {
      throw MaquetteError(
        .invalidArgument, "the name of a batch prediction must not be empty or hold a NUL", name: name)
    }
    self.name = name
    self.store = store
    service = try store.service(kebabCase("predictions-" + name))
    runner = Runner(
      _status.projectedValue,
      words: RunnerWords(
        work: "batch prediction", thread: "maquette-batch",
        busy: "this batch prediction is running; wait for it, or cancel it first")
    ) { BatchPredictionStatus($0, after: $1) }
    status = BatchPredictionStatus(try service.count() > 0 ? .loaded : .idle)
  }

  deinit {
    $status.close()
  }

  /// The service that holds the records: `predictions-test-set` for `TestSet`.
  public var serviceName: String { service.name }

  /// How many predictions there are, whoever made them: the store is asked.
  ///
  /// - Throws: what reading meets.
  public func count() throws(MaquetteError) -> Int { try service.count() }

  /// Whether a run goes on; not any more when its last event is heard.
  public var isRunning: Bool { runner.isRunning }

  /// Starts to predict the instances that are in the dataset, and returns at once.
  ///
  /// The model is the one that is there now: a training that goes on, or a later one, changes nothing.
  ///
  /// Without `resume`, the predictions that are there are removed just before the first new ones are stored. With it,
  /// only what is missing is predicted: instances without a record, and those that were changed after theirs was made;
  /// records of instances that are gone are removed. That is so if the predictions that are there were made by the same
  /// model of the same dataset and field; otherwise all is predicted anew, so that a store never holds predictions of
  /// two models. What counts for a model is what it has learned and its parameters, not which object it is: a model
  /// that was saved and loaded resumes what it began before. `count` then goes on from the records that are kept.
  ///
  /// - Parameters:
  ///   - inputField: where the instances have their features: `x`, or another field with arrays of numbers, nested at
  ///     will; dots lead into objects. Marcelle's default `features` names a field that its instances do not have; it
  ///     is `x` here.
  /// - Throws: ``MaquetteError/Code/notTrained``; ``MaquetteError/Code/busy`` while a run goes on;
  ///   ``MaquetteError/Code/invalidArgument`` for an empty field. What goes wrong later is thrown by ``wait(timeout:)``
  ///   and told by `$status`: ``MaquetteError/Code/badShape``, ``MaquetteError/Code/notFinite`` or
  ///   ``MaquetteError/Code/notFound`` naming the instance that can't be predicted; ``MaquetteError/Code/conflict`` when
  ///   the dataset, or the predictions, are changed meanwhile by somebody else; ``MaquetteError/Code/inputOutput`` when a
  ///   store's file disappears; what reading and writing meet.
  public func predict(
    _ model: any Model, on dataset: Dataset, inputField: String = "x", resume: Bool = false
  ) throws(MaquetteError) {
    guard !inputField.isEmpty else {
      throw MaquetteError(
        .invalidArgument, "the input field needs a name: it is usually x", name: "inputField")
    }
    let fitted = try model.readyModel()
    try runner.start { [self] (run) throws(MaquetteError) in
      try BatchRun(
        model: model, fitted: fitted, dataset: dataset, field: inputField, service: service,
        status: $status, run: run
      ).predict(resume: resume)
    }
  }

  #if !MAQUETTE_SHARED_LIBRARY
    /// As ``predict(_:on:inputField:resume:)``, and waits for the end without keeping a thread of Swift's concurrency busy.
    ///
    /// Cancelling the task cancels the run.
    ///
    /// - Throws: as there, and as ``wait(timeout:)``.
    public func predict(
      _ model: any Model, on dataset: Dataset, inputField: String = "x", resume: Bool = false
    ) async throws {
      let start: () throws(MaquetteError) -> Void = { () throws(MaquetteError) in
        try self.predict(model, on: dataset, inputField: inputField, resume: resume)
      }
      try start()
      try await finished({ () throws(MaquetteError) in try self.wait() }, cancel: { self.cancel() })
    }
  #endif

  /// Waits until the run is over and the subscribers of `$status` have seen its last event. Without a run this returns
  /// at once.
  ///
  /// - Parameter timeout: milliseconds; negative: as long as it takes.
  /// - Throws: the error of the run; ``MaquetteError/Code/cancelled``; ``MaquetteError/Code/timeout``;
  ///   ``MaquetteError/Code/reentrant`` in a callback of this `$status`.
  public func wait(timeout: Int64 = -1) throws(MaquetteError) { try runner.wait(timeout: timeout) }

  /// Asks the run to end, which it does within some milliseconds, or a few rows of a slow model; does not wait for that.
  /// What was stored by then stays.
  public func cancel() { runner.cancel() }

  /// Removes all predictions; `$status` is idle then.
  ///
  /// - Throws: ``MaquetteError/Code/busy`` while a run goes on; what writing meets.
  public func clear() throws(MaquetteError) {
    try runner.exclusively { () throws(MaquetteError) in
      try service.clearPredictions()
      runner.forget()
      status = BatchPredictionStatus(.idle)
    }
  }

  /// All predictions that are in the store, as matrices.
  ///
  /// - Throws: ``MaquetteError/Code/badFormat`` where somebody put documents among them that are none;
  ///   ``MaquetteError/Code/outOfMemory``; what reading meets.
  public func results() throws(MaquetteError) -> Predictions {
    let table = try service.predictions().table
    if let table { return Predictions(table) }
    return Predictions(try PredictionTable.empty())
  }
}
