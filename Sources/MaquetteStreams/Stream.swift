package import MaquetteSystem

/// A value that changes over time, and those who watch it.
///
/// A **held** stream keeps its last value and calls a new subscriber at once with it, exactly once; a stream that
/// is not held only passes events on. Every event reaches the subscribers in the order they subscribed, and events
/// reach all of them in one order: a `set` from inside a subscriber waits until everybody has seen the present
/// value, and a subscriber that comes or goes meanwhile misses nothing and sees nothing twice.
///
/// Every method may be called from any thread. No lock is held while a subscriber runs.
public final class Stream<Value: Sendable>: Sendable {
  /// One event: the value, and its number in the stream, from 1; a held value from before the first `set` has 0.
  public struct Event: Sendable {
    public let value: Value
    public let sequence: UInt64
    /// How many events between this one and the one received before were merged away, because they came faster
    /// than they were taken.
    public let dropped: UInt64

    @inlinable init(_ event: StreamCore.Event) {
      value = Box<Value>.value(in: event.value)
      sequence = event.sequence
      dropped = event.dropped
    }
  }

  @usableFromInline let core: StreamCore

  /// A held stream.
  ///
  /// - Parameter mayMerge: tells for a value whether a later one may replace it while it waits for a slow
  ///   subscriber. Usually all of them: only the present value counts.
  @inlinable public init(
    _ value: Value, merging mayMerge: @escaping @Sendable (Value) -> Bool = { _ in true }
  ) {
    core = StreamCore(Box(value), greeting: nil) { mayMerge(Box<Value>.value(in: $0)) }
  }

  /// A stream that is not held: subscribers see what happens after they came, and all of it.
  @inlinable public init() {
    core = StreamCore(nil, greeting: nil) { _ in false }
  }

  /// A stream that is not held, and tells every new subscriber one thing, always the same, before what happens after
  /// it came.
  @inlinable public init(greeting: Value) {
    core = StreamCore(nil, greeting: Box(greeting)) { _ in false }
  }

  deinit {
    core.close()
  }

  /// Whether the stream keeps its last value.
  public var isHeld: Bool { core.isHeld }

  /// The present value of a held stream; nil of another.
  @inlinable public var value: Value? { core.value.map { Box<Value>.value(in: $0) } }

  /// Changes the value and tells the subscribers, on this thread, unless another thread is handing out events of
  /// this stream just now: that one then hands out this one too.
  @inlinable public func set(_ value: Value) { core.set(Box(value)) }

  /// As ``set(_:)``; of a stream that is not held the value is not made where nobody watches.
  @inlinable package func set(making value: () -> Value) {
    if !core.skip() { set(value()) }
  }

  /// The same as so many calls of ``set(_:)``; where nobody watches, only the last value is made.
  @inlinable package func set(count: Int, _ value: (Int) -> Value) {
    core.set(count: count) { Box(value($0)) }
  }

  /// Ends the stream: its subscriptions end once they have delivered what was set before.
  public func close() { core.close() }

  /// What is to go on while the stream has subscribers; to be said before anybody subscribes.
  package func serve(_ demand: Demand) { core.serve(demand) }

  /// What goes on while the stream has subscribers.
  package var demand: Demand? { core.demand }

  /// As ``observe(_:end:)``, for a part of the library that is content with what the stream tells anyway: it is no
  /// reason for the stream to be served.
  @inlinable package func follow(_ receive: @escaping @Sendable (Event) -> Void) -> Observation {
    core.observe(for: nil, serving: false, { receive(Event($0)) }, {})
  }

  /// Calls `receive` with every event **on the thread that sets the value**, before `set` returns.
  ///
  /// For parts of the library that must not lag behind, such as a dataset following its service. Whatever is slow
  /// here slows the sender: hosts use ``subscribe(_:)``.
  ///
  /// - Parameter end: called when the stream has ended, not when this is cancelled.
  @discardableResult
  @inlinable public func observe(
    _ receive: @escaping @Sendable (Event) -> Void, end: @escaping @Sendable () -> Void = {}
  ) -> Observation {
    core.observe(for: nil, serving: true, { receive(Event($0)) }, end)
  }

  /// Whether the caller is inside a callback of this stream: waiting for its events there would never end.
  package var isDeliveringHere: Bool { core.isDeliveringHere }

  /// Waits until all subscribers with a callback have returned from what was set before this call.
  ///
  /// - Returns: false when the deadline passed first.
  package func waitUntilDelivered(until deadline: Deadline) -> Bool {
    core.waitUntilDelivered(until: deadline)
  }

  /// Calls `receive` with every value, one after the other, on a thread of the library's own, until
  /// ``Subscription/cancel()`` or until the stream ends.
  ///
  /// A slow subscriber slows nobody down: what waits for it is merged where the stream allows it, see
  /// ``Event/dropped``. The final event of a training is never merged away.
  @discardableResult
  @inlinable public func subscribe(_ receive: @escaping @Sendable (Value) -> Void) -> Subscription<Value> {
    subscribeToEvents { receive($0.value) }
  }

  /// As ``subscribe(_:)``, with the events' numbers.
  ///
  /// - Parameter end: called exactly once, after the last call of `receive`, whether the subscription was cancelled
  ///   or the stream ended.
  @discardableResult
  @inlinable public func subscribeToEvents(
    _ receive: @escaping @Sendable (Event) -> Void, end: @escaping @Sendable () -> Void = {}
  ) -> Subscription<Value> {
    Subscription(core.makeQueue(receive: { receive(Event($0)) }, end: end))
  }

  /// A subscription that calls nobody: take the events out with ``Subscription/next(timeout:)``.
  @inlinable public func queue() -> Subscription<Value> {
    Subscription(core.makeQueue(receive: nil, end: {}))
  }
}

#if !MAQUETTE_SHARED_LIBRARY
  extension Stream {
    /// The events as an asynchronous sequence, which ends with the stream.
    ///
    /// Whoever stops iterating is unsubscribed.
    public var values: AsyncStream<Value> {
      AsyncStream { continuation in
        let subscription = subscribeToEvents(
          { continuation.yield($0.value) }, end: { continuation.finish() })
        continuation.onTermination = { _ in subscription.cancelWithoutWaiting() }
      }
    }
  }
#endif

/// What ``Stream/observe(_:end:)`` started; it goes on until cancelled, whether this is kept or not.
public final class Observation: Sendable {
  private let stop: @Sendable () -> Void
  private let remove: @Sendable () -> Void

  init(silence: @escaping @Sendable () -> Void, remove: @escaping @Sendable () -> Void) {
    stop = silence
    self.remove = remove
  }

  /// No event that is set from now on is received.
  public func cancel() {
    stop()
    remove()
  }

  /// As ``cancel()``, but the stream goes on counting it among its subscribers: one whose callback is still running
  /// can't wait for the stream, see ``Stream/isDeliveringHere``.
  func silence() { stop() }
}
