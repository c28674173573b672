import MaquetteSystem

/// Lets callers do one thing after the other, in the order they came, each on its own thread: to wake another thread and
/// be woken by it takes longer than to store an instance.
final class SerialAccess: Sendable {
  private struct State {
    /// The numbers of the next who comes and of the one whose turn it is.
    var next: UInt64 = 0
    var turn: UInt64 = 0
    /// Who is at it; 0 for nobody.
    var thread: UInt = 0
    var isStopped = false
  }

  private let state = Monitor(State())

  /// Runs `body`, alone.
  ///
  /// - Throws: what `body` throws; ``MaquetteError/Code/reentrant`` when called from inside of another `body`,
  ///   ``MaquetteError/Code/closed`` once it is stopped.
  func run<Value>(_ body: () throws(MaquetteError) -> Value) throws(MaquetteError) -> Value {
    let here = Thread.current
    let number = try state.withLock { (state) throws(MaquetteError) -> UInt64 in
      guard state.thread != here else {
        throw MaquetteError(.reentrant, "a store can't be used from inside one of its own transactions")
      }
      guard !state.isStopped else { throw MaquetteError(.closed, "the store is closed") }
      defer { state.next += 1 }
      return state.next
    }
    // From here on the thread may not be cancelled: who went away without taking his turn would hold up all others.
    return try Thread.withoutSizeSignal { () throws(MaquetteError) in
      state.wait(until: .never) { state -> Void? in
        guard state.turn == number else { return nil }
        state.thread = here
        return ()
      }
      defer {
        state.change { state in
          state.turn += 1
          state.thread = 0
        }
      }
      return try body()
    }
  }

  /// How many are at it or wait for their turn.
  var waiting: Int { state.withLock { Int(truncatingIfNeeded: $0.next &- $0.turn) } }

  /// Lets nobody in any more, and waits for those who came before, unless this is called by the one who is at it.
  func stop() {
    let here = Thread.current
    let isInside = state.change { state -> Bool in
      state.isStopped = true
      return state.thread == here
    }
    if !isInside { _ = state.wait(until: .never) { $0.turn == $0.next ? () : nil } }
  }
}
