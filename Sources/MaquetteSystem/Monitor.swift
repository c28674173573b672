package import Glibc

/// A value behind a lock, with a condition to wait for.
///
/// Use `Mutex` where nobody waits; this where a thread sleeps until another changes the value.
package final class Monitor<State>: @unchecked Sendable {  // `state` is only touched with the lock held
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>
  private var state: State

  package init(_ state: State) {
    mutex = .allocate(capacity: 1)
    mutex.initialize(to: pthread_mutex_t())
    pthread_mutex_init(mutex, nil)
    condition = .allocate(capacity: 1)
    condition.initialize(to: pthread_cond_t())
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(condition, &attributes)
    pthread_condattr_destroy(&attributes)
    self.state = state
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  /// Reads or changes the value with the lock held. Nobody is woken: see ``change(_:)``.
  package func withLock<Result, Failure: Error>(
    _ body: (inout State) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body(&state)
  }

  /// Changes the value and wakes everyone who waits, to look at their conditions again.
  package func change<Result, Failure: Error>(
    _ body: (inout State) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    pthread_mutex_lock(mutex)
    defer {
      // In this order: whoever wakes finds the lock free.
      pthread_mutex_unlock(mutex)
      pthread_cond_broadcast(condition)
    }
    return try body(&state)
  }

  /// As ``change(_:)``, but wakes one of those who wait: where all of them wait for the same, and one is enough.
  package func changeForOne<Result, Failure: Error>(
    _ body: (inout State) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    pthread_mutex_lock(mutex)
    defer {
      pthread_mutex_unlock(mutex)
      pthread_cond_signal(condition)
    }
    return try body(&state)
  }

  /// Sleeps until `body` returns a value, and returns it; nil when the deadline passes first.
  ///
  /// `body` runs with the lock held, at once and after every ``change(_:)``.
  package func wait<Result>(until deadline: Deadline, for body: (inout State) -> Result?) -> Result? {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while true {
      if let result = body(&state) { return result }
      switch deadline {
      case .never:
        pthread_cond_wait(condition, mutex)
      case .at(var time):
        if pthread_cond_timedwait(condition, mutex, &time) == ETIMEDOUT {
          return body(&state)
        }
      }
    }
  }
}

/// A moment to give up waiting.
package enum Deadline: Sendable {
  case never
  /// On the monotonic clock, so that setting the host's clock changes nothing.
  case at(timespec)

  package var hasPassed: Bool {
    guard case .at(let time) = self else { return false }
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return (now.tv_sec, now.tv_nsec) >= (time.tv_sec, time.tv_nsec)
  }

  /// The moment `milliseconds` from now; never when negative.
  package init(milliseconds: Int64) {
    guard milliseconds >= 0 else {
      self = .never
      return
    }
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    // A hundred years are as good as more, and can't overflow.
    let bounded = min(milliseconds, 3_155_760_000_000)
    let nanoseconds = now.tv_nsec + Int(bounded % 1000) * 1_000_000
    self = .at(
      timespec(
        tv_sec: now.tv_sec + Int(bounded / 1000) + nanoseconds / 1_000_000_000,
        tv_nsec: nanoseconds % 1_000_000_000))
  }
}
