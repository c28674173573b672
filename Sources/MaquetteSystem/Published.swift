import Glibc
import Synchronization

/// An immutable object that one thread replaces while any number of threads read it, without ever waiting.
///
/// Predictions read the fitted model through this: a reader only touches two atomics, so an audio thread is never
/// held up by a training thread that was suspended at a bad moment, as it could be with a lock. Two places hold
/// the object; readers count themselves into the active one just long enough to retain what it holds; a writer
/// fills the other, waits for its last readers (nanoseconds), and makes it the active one.
/// Source: the left-right technique, Ramalhete & Correia, 2015.
package final class Published<Value: AnyObject & Sendable>: @unchecked Sendable {  // see the protocol above
  private let active = Atomic<Int>(0)
  private let firstReaders = Atomic<Int>(0)
  private let secondReaders = Atomic<Int>(0)
  // The protocol excludes what the runtime would check at every access.
  @exclusivity(unchecked) private var first: Value?
  @exclusivity(unchecked) private var second: Value?
  private let writing = Mutex(())

  package init(_ value: Value? = nil) {
    first = value
  }

  /// What was published last. Never waits.
  package var current: Value? {
    while true {
      if active.load(ordering: .sequentiallyConsistent) == 0 {
        firstReaders.add(1, ordering: .sequentiallyConsistent)
        defer { firstReaders.subtract(1, ordering: .sequentiallyConsistent) }
        // Still active: the writer can't have started on this place without seeing this reader.
        if active.load(ordering: .sequentiallyConsistent) == 0 { return first }
      } else {
        secondReaders.add(1, ordering: .sequentiallyConsistent)
        defer { secondReaders.subtract(1, ordering: .sequentiallyConsistent) }
        if active.load(ordering: .sequentiallyConsistent) == 1 { return second }
      }
    }
  }

  /// Replaces the object for all readers that come.
  package func publish(_ value: Value?) {
    // The place that is left keeps nothing: an old model would live until the next training otherwise.
    var retired: [Value?] = []
    writing.withLock { _ in
      if active.load(ordering: .sequentiallyConsistent) == 0 {
        waitForReaders(secondReaders)
        second = value
        active.store(1, ordering: .sequentiallyConsistent)
        waitForReaders(firstReaders)
        retired.append(first)
        first = nil
      } else {
        waitForReaders(firstReaders)
        first = value
        active.store(0, ordering: .sequentiallyConsistent)
        waitForReaders(secondReaders)
        retired.append(second)
        second = nil
      }
    }
  }

  private func waitForReaders(_ readers: borrowing Atomic<Int>) {
    while readers.load(ordering: .sequentiallyConsistent) != 0 { sched_yield() }
  }
}
