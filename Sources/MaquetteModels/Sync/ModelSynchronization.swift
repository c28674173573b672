import MaquetteFormats
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import Synchronization

/// Keeps one model and the saved models of one name in step, on a thread of its own.
///
/// Whatever happens only says that there is something to do: a training has ended, the store has changed. What is right
/// is found by comparing versions, so that nothing depends on telling one's own changes from others', and nothing that
/// comes in between is lost.
final class ModelSynchronization: Sendable {
  let store: DataStore
  let name: String
  private let history: Int?
  private let service: Service
  private let statuses: Stream<SynchronizationStatus>
  /// The model itself; not kept alive.
  private let model: Mutex<WeakModel>

  private struct WeakModel: @unchecked Sendable {  // models are Sendable
    weak var model: (any Model)?
  }

  /// A model that is to be saved: as it was when its training ended.
  private struct Pending: Sendable {
    let number: Int
    let snapshot: any Model
    let madeAt: Timestamp
  }

  private struct State {
    var pending: [Pending] = []
    /// Trainings and loadings so far.
    var count = 0
    var mustLook = true
    /// Savings and loadings that failed one after the other.
    var failures = 0
    /// All of them, and what was given up.
    var errors = 0
    var retryAt: Deadline?
    /// The saved model that the model here comes from, or was saved as.
    var known: ModelVersion?
    /// One that can't be loaded.
    var refused: ModelVersion?
    /// How the first look at the store ended.
    var start: Result<Void, MaquetteError>?
    var lastError: MaquetteError?
    var isWorking = false
    var isEnding = false
    var hasEnded = false
    var thread: UInt = 0

    /// What is left is tried once more.
    mutating func end() {
      isEnding = true
      failures = 0
      retryAt = nil
    }

    mutating func remove(_ done: Pending) { pending.removeAll { $0.number == done.number } }
  }

  private enum Task { case save(Pending), look, end }

  private let state = Monitor(State())
  private let observations = Mutex<[Observation]>([])

  init(_ model: any Model, _ store: DataStore, _ name: String, history: Int?) throws(MaquetteError) {
    self.model = Mutex(WeakModel(model: model))
    self.store = store
    self.name = name
    self.history = history
    service = try store.service(type(of: model).service)
    statuses = model.trainer.synchronizationStatus
  }

  /// Starts the thread, and waits until it has looked for a saved model.
  ///
  /// - Parameter isWaiting: false on a thread that the look may have to wait for.
  /// - Throws: what the look meets; it has ended then.
  func start(waiting isWaiting: Bool) throws(MaquetteError) {
    guard let model = model.withLock({ $0.model }) else { return }
    // Both before the first look, so that nothing happens unseen in between.
    let changes = service.events.observe { [weak self] _ in self?.state.change { $0.mustLook = true } }
    // The first event tells where the model stands, and that is the past.
    let isNews = Atomic<Bool>(false)
    let trainings = model.trainingStream.observe(
      { [weak self] event in
        if isNews.exchange(true, ordering: .relaxed) { self?.receive(event.value) }
      },
      end: { [weak self] in self?.state.change { $0.end() } })
    observations.withLock { $0 = [changes, trainings] }
    do throws(MaquetteError) {
      try Thread.start("maquette-sync") { [self] in work() }
    } catch {
      cancel()
      throw error
    }
    if isWaiting, let result = state.wait(until: .never, for: { $0.start }) { try result.get() }
  }

  private func cancel() {
    let observations = observations.withLock { observations -> [Observation] in
      defer { observations = [] }
      return observations
    }
    for observation in observations { observation.cancel() }
  }

  // MARK: What happens

  /// On the thread of a training or a loading: takes a snapshot, which shares the weights.
  private func receive(_ status: TrainingStatus) {
    switch status.phase {
    case .success: break
    case .loaded:
      guard let origin = status.origin else { break }
      if origin.synchronization == ObjectIdentifier(self) { return }
      let isKnown = state.change { state -> Bool in
        state.mustLook = true
        return origin.store == ObjectIdentifier(store) && origin.version == state.known
      }
      if isKnown { return }
    case .error, .cancelled:
      // A loading may have had to wait for it.
      state.change { $0.mustLook = true }
      return
    default: return
    }
    guard let model = model.withLock({ $0.model }) else { return }
    do throws(MaquetteError) {
      let snapshot: any Model = try model.clone()
      let madeAt = Timestamp.now()
      state.change { state in
        // While nothing can be saved, what is kept is only what would be kept of it.
        while state.failures > 0, state.pending.count >= max(1, history ?? 1) { state.pending.removeFirst() }
        state.count += 1
        state.pending.append(Pending(number: state.count, snapshot: snapshot, madeAt: madeAt))
        state.retryAt = nil
      }
    } catch {
      report(error, willRetry: false)
    }
  }

  // MARK: The thread

  private func work() {
    state.withLock { $0.thread = Thread.current }
    while true {
      switch next() {
      case .save(let pending): save(pending)
      case .look: look()
      case .end:
        cancel()
        model.withLock { $0.model }?.trainer.synchronization.withLock { if $0 === self { $0 = nil } }
        statuses.set(.idle)
        state.change { state in
          state.hasEnded = true
          // Ended before it has looked: whoever waits for that waits no more.
          if state.start == nil { state.start = .success(()) }
        }
        return
      }
      state.change { $0.isWorking = false }
    }
  }

  private func next() -> Task {
    while true {
      let retryAt = state.withLock { $0.retryAt }
      let task = state.wait(until: retryAt ?? .never) { state -> Task?? in
        // Once it is to end, what is left is tried once.
        let isDue = state.retryAt.map(\.hasPassed) ?? true
        if state.isEnding, state.pending.isEmpty || state.failures > 0 && !isDue { return .some(.end) }
        guard isDue || state.isEnding else { return retryAt == nil ? .some(nil) : nil }
        let task: Task
        if let pending = state.pending.first {
          task = .save(pending)
        } else if state.mustLook {
          state.mustLook = false
          task = .look
        } else {
          return state.isEnding ? .some(.end) : nil
        }
        state.isWorking = true
        return .some(task)
      }
      // Nothing within the time: the retry is due, or was changed.
      if case .some(.some(let task)) = task { return task }
    }
  }

  private func save(_ pending: Pending) {
    statuses.set(SynchronizationStatus(.saving))
    let known = state.withLock { $0.known }
    let conflict = Mutex<(theirs: ModelVersion, kept: SynchronizationStatus.Kept)?>(nil)
    do throws(MaquetteError) {
      let (document, files) = try pending.snapshot.document(name, [:], madeAt: pending.madeAt)
      let history = history
      let stored = try service.store(document, files: files, keeping: history) {
        (newest) throws(MaquetteError) -> Service.Placement in
        guard let newest else { return .beside }
        let theirs = ModelVersion(newest)
        if theirs != known {
          let isOurs = newest.trainedAt.map { $0 < pending.madeAt || $0 == pending.madeAt } ?? true
          conflict.withLock { $0 = (theirs, isOurs ? .ours : .theirs) }
          if !isOurs { return .nowhere }
        }
        return history == nil ? .inPlaceOf(theirs.id) : .beside
      }
      let version = stored.map { ModelVersion($0) }
      state.change { state in
        state.remove(pending)
        state.failures = 0
        state.retryAt = nil
        state.lastError = nil
        // What is newer in the store is loaded next.
        if let version { state.known = version } else { state.mustLook = true }
      }
      if let (theirs, kept) = conflict.withLock({ $0 }) {
        var status = SynchronizationStatus(.conflict, version ?? theirs)
        status.kept = kept
        statuses.set(status)
      }
      if let version { statuses.set(SynchronizationStatus(.saved, version)) }
    } catch {
      let willRetry = Self.mayPass(error)
      if !willRetry { state.change { $0.remove(pending) } }
      report(error, willRetry: willRetry)
    }
  }

  private func look() {
    do throws(MaquetteError) {
      try loadNewest()
      state.change { state in
        state.failures = 0
        state.retryAt = nil
        state.lastError = nil
        if state.start == nil { state.start = .success(()) }
      }
    } catch {
      let isFirst = state.change { state -> Bool in
        defer { if state.start == nil { state.start = .failure(error) } }
        // Whoever asked for it is told; there is nothing to go on with.
        if state.start == nil { state.isEnding = true }
        return state.start == nil
      }
      if isFirst { return }
      let willRetry = Self.mayPass(error)
      if willRetry { state.change { $0.mustLook = true } }
      report(error, willRetry: willRetry)
    }
  }

  private func loadNewest() throws(MaquetteError) {
    guard let document = try service.newest(named: name) else {
      // The next saving begins anew.
      state.withLock { $0.known = nil }
      return
    }
    let version = ModelVersion(document)
    guard state.withLock({ version != $0.known && version != $0.refused }) else { return }
    guard let model = model.withLock({ $0.model }) else { return }
    // A training that goes on is going to be saved, and finds then which is newer.
    if model.isTraining { return }
    statuses.set(SynchronizationStatus(.loading, version))
    do throws(MaquetteError) {
      // A training that has ended meanwhile is newer, or is not: saving it finds out.
      let isLoaded = try model.load(
        document, from: store, by: self, unless: { state.withLock { !$0.pending.isEmpty } })
      guard isLoaded else { return }
    } catch  where error.code == .busy {
      // It began just now.
      return
    } catch  where error.code == .notFound {
      // A still newer one has taken its place.
      state.change { $0.mustLook = true }
      return
    } catch {
      if !Self.mayPass(error) { state.withLock { $0.refused = version } }
      throw error
    }
    state.withLock { $0.known = version }
    statuses.set(SynchronizationStatus(.loaded, version))
  }

  /// Whether the same may go well later.
  private static func mayPass(_ error: MaquetteError) -> Bool {
    [.inputOutput, .full, .locked, .timeout, .outOfMemory].contains(error.code)
  }

  /// The first pause after a failure, and the longest, in milliseconds.
  private static let pauses: (first: Int64, longest: Int64) = (100, 30_000)

  private func report(_ error: MaquetteError, willRetry: Bool) {
    var status = SynchronizationStatus(.error)
    status.error = error
    state.change { state in
      state.lastError = error
      state.errors += 1
      guard willRetry else { return }
      state.failures += 1
      let pause = min(Self.pauses.first << min(state.failures - 1, 16), Self.pauses.longest)
      state.retryAt = Deadline(milliseconds: pause)
      status.attempt = state.failures
      status.retryIn = pause
    }
    statuses.set(status)
  }

  // MARK: Waiting

  /// Waits until all that happened before is saved and loaded.
  ///
  /// - Throws: ``MaquetteError/Code/timeout``; why something can't be saved or loaded, which is tried again;
  ///   ``MaquetteError/Code/reentrant`` on the very thread.
  func flush(timeout: Int64) throws(MaquetteError) {
    try checkThread()
    let deadline = Deadline(milliseconds: timeout)
    let before = state.change { state -> Int in
      // At once, not when the next attempt is due.
      state.retryAt = nil
      return state.errors
    }
    let outcome = state.wait(until: deadline) { state -> MaquetteError?? in
      if state.errors > before { return .some(state.lastError) }
      let isDone = state.pending.isEmpty && !state.mustLook && !state.isWorking
      return isDone || state.hasEnded ? .some(nil) : nil
    }
    guard let outcome else {
      throw MaquetteError(.timeout, "the model was not saved within \(timeout) ms")
    }
    if let outcome { throw outcome }
  }

  /// Ends it, once what is to be saved has been tried once more.
  ///
  /// - Throws: ``MaquetteError/Code/timeout``: it then ends later; why something could not be saved, which is then lost.
  func end(timeout: Int64) throws(MaquetteError) {
    try checkThread()
    state.change { $0.end() }
    let outcome = state.wait(until: Deadline(milliseconds: timeout)) { state -> MaquetteError?? in
      state.hasEnded ? .some(state.pending.isEmpty ? nil : state.lastError) : nil
    }
    guard let outcome else {
      throw MaquetteError(.timeout, "the synchronization had not ended within \(timeout) ms")
    }
    if let outcome { throw outcome }
  }

  private func checkThread() throws(MaquetteError) {
    guard state.withLock({ $0.thread }) != Thread.current, !statuses.isDeliveringHere else {
      throw MaquetteError(.reentrant, "a callback of a synchronization can't wait for it")
    }
  }
}
