import Synchronization

/// Starts something while anybody wants it, and ends it when nobody does any more.
///
/// A stream that is served by one costs nothing as long as it has no subscribers.
package final class Demand: Sendable {
  private let begin: @Sendable () -> Void
  private let began: @Sendable () -> Void
  private let end: @Sendable () -> Void

  private struct State {
    var count = 0
    var isClosed = false
  }

  private let state = Mutex(State())

  /// - Parameters:
  ///   - begin: what the first brings about. Others who come meanwhile wait for it, so it must not subscribe to what
  ///     this serves.
  ///   - began: called behind it, with nobody waiting.
  ///   - end: what the last one to go brings about.
  package init(
    begin: @escaping @Sendable () -> Void, began: @escaping @Sendable () -> Void = {},
    end: @escaping @Sendable () -> Void
  ) {
    self.begin = begin
    self.began = began
    self.end = end
  }

  deinit { close() }

  package func add() {
    let isFirst = state.withLock { state -> Bool in
      guard !state.isClosed else { return false }
      state.count += 1
      if state.count == 1 { begin() }
      return state.count == 1
    }
    if isFirst { began() }
  }

  package func remove() {
    state.withLock { state in
      guard !state.isClosed, state.count > 0 else { return }
      state.count -= 1
      if state.count == 0 { end() }
    }
  }

  /// Ends it for good, whoever still wants it.
  package func close() {
    state.withLock { state in
      guard !state.isClosed else { return }
      state.isClosed = true
      if state.count > 0 { end() }
    }
  }
}
