import CSQLite
import Glibc

/// How a connection waits for a lock that somebody else holds.
///
/// SQLite's own way looks ten times a second in the end. Where another process writes without a pause the lock is free for
/// some microseconds at a time, and whoever looks so seldom may never find it so. This looks about once in a millisecond, at
/// no regular interval.
final class SQLiteBusyWait {
  /// On the heap for itself, so that SQLite can lead back to it with a plain pointer.
  private let state: UnsafeMutablePointer<State>

  private struct State {
    /// How long to wait, in nanoseconds, and until when.
    let patience: UInt64
    var end: UInt64 = 0

    /// Sleeps a while, unless it is too late.
    mutating func wait(tries: Int32) -> Bool {
      let now = Self.now()
      if tries == 0 { end = now &+ patience }
      guard now < end else { return false }
      // The lock is often free soon. The lowest digits of the time are as good as any dice.
      let pause = tries < 10 ? 100_000 : 500_000 &+ now % 1_000_000
      var time = timespec(tv_sec: 0, tv_nsec: Int(min(pause, end &- now)))
      nanosleep(&time, nil)
      return true
    }

    private static func now() -> UInt64 {
      var now = timespec()
      clock_gettime(CLOCK_MONOTONIC, &now)
      return UInt64(now.tv_sec) &* 1_000_000_000 &+ UInt64(now.tv_nsec)
    }
  }

  /// - Parameter milliseconds: the longest wait.
  init(milliseconds: Int32) {
    state = .allocate(capacity: 1)
    state.initialize(to: State(patience: UInt64(max(milliseconds, 0)) &* 1_000_000))
  }

  deinit {
    state.deinitialize(count: 1)
    state.deallocate()
  }

  /// Sleeps a while, after so many times before.
  ///
  /// - Returns: false where it is too late.
  func wait(tries: Int32) -> Bool { state.pointee.wait(tries: tries) }

  /// Has a connection that does not outlive this wait so.
  func register(_ handle: OpaquePointer) -> Int32 {
    sqlite3_busy_handler(
      handle,
      { state, tries in
        guard let state = state?.assumingMemoryBound(to: State.self) else { return 0 }
        return state.pointee.wait(tries: tries) ? 1 : 0
      }, state)
  }
}
