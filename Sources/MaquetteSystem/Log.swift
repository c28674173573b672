import Synchronization

/// The library's log: silent until a sink is set; one whole message a call.
public enum Log {
  public enum Level: Int32, Sendable, Comparable {
    case error = 1, warning, info, debug
    public static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
  }

  public typealias Sink = @Sendable (Level, String) -> Void

  private struct State {
    var level = Level.warning
    var sink: Sink?
  }

  private static let state = Mutex(State())
  /// The most detailed level somebody listens to, 0 for none: looked at before a message is put together.
  private static let threshold = Atomic<Int32>(0)

  /// Sends every message of `level` and graver to `sink`, on the thread that logs; nil makes the log silent again.
  public static func set(level: Level, sink: Sink?) {
    let previous = state.withLock { state in
      let previous = state.sink
      state.level = level
      state.sink = sink
      return previous
    }
    // Goes here at the earliest, outside of the lock: what it holds may log as it goes.
    withExtendedLifetime(previous) {}
    threshold.store(sink == nil ? 0 : level.rawValue, ordering: .releasing)
  }

  package static func error(_ message: @autoclosure () -> String) { write(.error, message) }
  package static func warning(_ message: @autoclosure () -> String) { write(.warning, message) }
  package static func info(_ message: @autoclosure () -> String) { write(.info, message) }
  package static func debug(_ message: @autoclosure () -> String) { write(.debug, message) }

  private static func write(_ level: Level, _ message: () -> String) {
    guard level.rawValue <= threshold.load(ordering: .acquiring) else { return }
    // Taken out under the lock, called outside: a sink may log or set another sink.
    let sink = state.withLock { $0.sink }
    sink?(level, message())
  }
}
