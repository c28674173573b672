import MaquetteSystem

/// A thread that does one thing after the other for callers who wait for it.
///
/// The jobs live on it because a database connection does, and because its signals are blocked: a file that outgrows
/// a limit must be an error, not a SIGXFSZ on the host's thread.
final class SerialWorker: Sendable {
  private struct State {
    /// No slice: one would keep what was taken out of it, and with it the store whose thread this is, for ever.
    var jobs: [@Sendable () -> Void] = []
    var isStopping = false
    var hasEnded = false
    var thread: UInt = 0
  }

  private let state = Monitor(State())

  init(_ name: String) throws(MaquetteError) {
    let state = state
    try Thread.start(name) {
      state.withLock { $0.thread = Thread.current }
      while let job = Self.nextJob(state) { job() }
      state.change { $0.hasEnded = true }
    }
  }

  private static func nextJob(_ state: Monitor<State>) -> (@Sendable () -> Void)? {
    let next = state.wait(until: .never) { state -> (@Sendable () -> Void)?? in
      if !state.jobs.isEmpty { return .some(state.jobs.removeFirst()) }
      return state.isStopping ? .some(nil) : nil
    }
    return next ?? nil
  }

  /// Whether this is called on the thread itself.
  var isCurrent: Bool { state.withLock { $0.thread == Thread.current } }

  /// Runs `body` on the thread and waits for its result.
  ///
  /// - Throws: what `body` throws; ``MaquetteError/Code/reentrant`` when called on the very thread,
  ///   ``MaquetteError/Code/closed`` once it is stopped.
  func run<Value: Sendable>(
    _ body: @escaping @Sendable () throws(MaquetteError) -> Value
  ) throws(MaquetteError) -> Value {
    let result = Monitor<Result<Value, MaquetteError>?>(nil)
    let isHere = try state.change { (state) throws(MaquetteError) -> Bool in
      if state.thread == Thread.current { return true }
      if state.isStopping { throw MaquetteError(.closed, "the store is closed") }
      state.jobs.append {
        let outcome: Result<Value, MaquetteError>
        do throws(MaquetteError) { outcome = .success(try body()) } catch { outcome = .failure(error) }
        result.change { $0 = outcome }
      }
      return false
    }
    guard !isHere else {
      throw MaquetteError(.reentrant, "a store can't be used from inside one of its own transactions")
    }
    guard let outcome = result.wait(until: .never, for: { $0 }) else {
      throw MaquetteError(.internal, "a store's thread gave no result")
    }
    return try outcome.get()
  }

  /// Runs `job` on the thread some time, unless it is stopped before; nobody waits for it.
  func post(_ job: @escaping @Sendable () -> Void) {
    state.change { state in
      if !state.isStopping { state.jobs.append(job) }
    }
  }

  /// Ends the thread once it has done what it was given, and waits for that.
  func stop() {
    let isHere = state.change { state -> Bool in
      state.isStopping = true
      return state.thread == Thread.current
    }
    if !isHere { _ = state.wait(until: .never) { $0.hasEnded ? () : nil } }
  }
}
