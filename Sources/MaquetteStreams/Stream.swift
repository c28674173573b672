import Glibc
package import MaquetteSystem
import Synchronization

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
    public internal(set) var dropped: UInt64 = 0
  }

  /// Whether a later event may take the place of one that nobody has received yet.
  private let mayMerge: @Sendable (Value) -> Bool
  /// Whether the stream keeps its last value.
  public let isHeld: Bool
  /// What a new subscriber of a stream that is not held is told first.
  private let greeting: Value?

  private struct State {
    var value: Value?
    var sequence: UInt64 = 0
    var observers: [Observer] = []
    var pending: [Outgoing] = []
    /// The thread that hands out events at the moment, 0 when none does.
    var drainingThread: UInt = 0
    var isClosed = false
  }

  private enum Start { case here, elsewhere, ended }

  private struct Outgoing {
    let event: Event
    /// Nil: to everybody who subscribed before the event. Otherwise to one, who gets the held value.
    let only: Observer?
  }

  /// One receiver of events.
  private final class Observer: Sendable {
    let receive: @Sendable (Event) -> Void
    let end: @Sendable () -> Void
    /// Events up to this one happened before it subscribed.
    let joinedAt: UInt64
    let isActive = Atomic<Bool>(true)
    /// What goes on for it, until it is removed.
    let demand: Mutex<Demand?>
    /// Where the events wait if the receiver is a queue.
    let mailbox: Mailbox<Value>?

    init(
      joinedAt: UInt64, mailbox: Mailbox<Value>?, demand: Demand?,
      receive: @escaping @Sendable (Event) -> Void,
      end: @escaping @Sendable () -> Void
    ) {
      self.demand = Mutex(demand)
      self.joinedAt = joinedAt
      self.mailbox = mailbox
      self.receive = receive
      self.end = end
    }
  }

  private let state: Mutex<State>
  private let served = Mutex<Demand?>(nil)

  /// A held stream.
  ///
  /// - Parameter mayMerge: tells for a value whether a later one may replace it while it waits for a slow
  ///   subscriber. Usually all of them: only the present value counts.
  public init(_ value: Value, merging mayMerge: @escaping @Sendable (Value) -> Bool = { _ in true }) {
    isHeld = true
    greeting = nil
    self.mayMerge = mayMerge
    state = Mutex(State(value: value))
  }

  /// A stream that is not held: subscribers see what happens after they came, and all of it.
  public init() {
    isHeld = false
    greeting = nil
    mayMerge = { _ in false }
    state = Mutex(State())
  }

  /// A stream that is not held, and tells every new subscriber one thing, always the same, before what happens after
  /// it came.
  public init(greeting: Value) {
    isHeld = false
    self.greeting = greeting
    mayMerge = { _ in false }
    state = Mutex(State())
  }

  deinit {
    close()
  }

  /// The present value of a held stream; nil of another.
  public var value: Value? { state.withLock { $0.value } }

  /// Changes the value and tells the subscribers, on this thread, unless another thread is handing out events of
  /// this stream just now: that one then hands out this one too.
  public func set(_ value: Value) {
    let isMine = state.withLock { state -> Bool in
      guard !state.isClosed else { return false }
      state.sequence += 1
      if isHeld { state.value = value }
      state.pending.append(Outgoing(event: Event(value: value, sequence: state.sequence), only: nil))
      return startDraining(&state)
    }
    if isMine { drain() }
  }

  /// The same as so many calls of ``set(_:)``; where nobody watches, only the last value is made.
  package func set(count: Int, _ value: (Int) -> Value) {
    guard count > 0 else { return }
    let isMine = state.withLock { state -> Bool in
      guard !state.isClosed else { return false }
      let first = state.observers.isEmpty ? count - 1 : 0
      state.sequence += UInt64(first)
      state.pending.reserveCapacity(state.pending.count + count - first)
      for place in first..<count {
        state.sequence += 1
        let event = Event(value: value(place), sequence: state.sequence)
        state.pending.append(Outgoing(event: event, only: nil))
      }
      if isHeld { state.value = state.pending.last?.event.value }
      return startDraining(&state)
    }
    if isMine { drain() }
  }

  /// Ends the stream: its subscriptions end once they have delivered what was set before.
  public func close() {
    let isMine = state.withLock { state -> Bool in
      guard !state.isClosed else { return false }
      state.isClosed = true
      return startDraining(&state)
    }
    if isMine { drain() }
  }

  private func startDraining(_ state: inout State) -> Bool {
    guard state.drainingThread == 0 else { return false }
    state.drainingThread = Thread.current
    return true
  }

  private func drain() {
    while true {
      let (batch, observers, isOver) = state.withLock { state -> ([Outgoing], [Observer], Bool) in
        let batch = state.pending
        state.pending = []
        let observers = state.observers
        let isOver = batch.isEmpty
        if isOver {
          state.drainingThread = 0
          if state.isClosed { state.observers = [] }
        }
        return (batch, isOver && !state.isClosed ? [] : observers, isOver)
      }
      if isOver {
        for observer in observers { observer.end() }
        return
      }
      for delivery in batch {
        if let only = delivery.only {
          if only.isActive.load(ordering: .acquiring) { only.receive(delivery.event) }
          continue
        }
        for observer in observers
        where observer.joinedAt < delivery.event.sequence && observer.isActive.load(ordering: .acquiring) {
          observer.receive(delivery.event)
        }
      }
    }
  }

  /// What is to go on while the stream has subscribers; to be said before anybody subscribes.
  package func serve(_ demand: Demand) { served.withLock { $0 = demand } }

  /// What goes on while the stream has subscribers.
  package var demand: Demand? { served.withLock { $0 } }

  /// As ``observe(_:end:)``, for a part of the library that is content with what the stream tells anyway: it is no
  /// reason for the stream to be served.
  package func follow(_ receive: @escaping @Sendable (Event) -> Void) -> Observation {
    observe(for: nil, serving: nil, receive, {})
  }

  /// Calls `receive` with every event **on the thread that sets the value**, before `set` returns.
  ///
  /// For parts of the library that must not lag behind, such as a dataset following its service. Whatever is slow
  /// here slows the sender: hosts use ``subscribe(_:)``.
  ///
  /// - Parameter end: called when the stream has ended, not when this is cancelled.
  @discardableResult
  public func observe(
    _ receive: @escaping @Sendable (Event) -> Void, end: @escaping @Sendable () -> Void = {}
  ) -> Observation {
    observe(for: nil, serving: demand, receive, end)
  }

  private func observe(
    for mailbox: Mailbox<Value>?, serving demand: Demand?, _ receive: @escaping @Sendable (Event) -> Void,
    _ end: @escaping @Sendable () -> Void
  ) -> Observation {
    // Before it listens, so that it misses nothing that happens once this has returned.
    demand?.add()
    let (observer, start) = state.withLock { state -> (Observer, Start) in
      let observer = Observer(
        joinedAt: state.sequence, mailbox: mailbox, demand: demand, receive: receive, end: end)
      var isNews = false
      if let value = state.value ?? greeting {
        let event = Event(value: value, sequence: state.sequence)
        state.pending.append(Outgoing(event: event, only: observer))
        isNews = true
      }
      if state.isClosed && state.drainingThread == 0 && !isNews { return (observer, .ended) }
      state.observers.append(observer)
      return (observer, (isNews || state.isClosed) && startDraining(&state) ? .here : .elsewhere)
    }
    switch start {
    case .here: drain()
    case .ended: end()
    case .elsewhere: break
    }
    return Observation(
      silence: { [weak observer] in observer?.isActive.store(false, ordering: .releasing) },
      remove: { [weak self, weak observer] in
        guard let observer else { return }
        self?.state.withLock { state in state.observers.removeAll { $0 === observer } }
        let demand = observer.demand.withLock { demand -> Demand? in
          defer { demand = nil }
          return demand
        }
        demand?.remove()
      })
  }

  /// Whether the caller is inside a callback of this stream: waiting for its events there would never end.
  package var isDeliveringHere: Bool {
    let (observers, drainingThread) = state.withLock { ($0.observers, $0.drainingThread) }
    return drainingThread == Thread.current || observers.contains { $0.mailbox?.isDelivering ?? false }
  }

  /// Waits until all subscribers with a callback have returned from what was set before this call.
  ///
  /// - Returns: false when the deadline passed first.
  package func waitUntilDelivered(until deadline: Deadline) -> Bool {
    let sequence = state.withLock { $0.sequence }
    while true {
      let (observers, isHandingOut) = state.withLock { state in
        (
          state.observers,
          state.pending.contains { $0.event.sequence <= sequence } || state.drainingThread != 0
        )
      }
      if isHandingOut {
        // Another thread is putting events into the queues right now, which takes microseconds.
        if deadline.hasPassed { return false }
        sched_yield()
        continue
      }
      return observers.allSatisfy { observer in
        observer.mailbox?.waitUntilDelivered(upTo: sequence, until: deadline) ?? true
      }
    }
  }

  /// A queue of this stream's events, to be taken out by ``Subscription/next(timeout:)`` or handed to a callback.
  private func makeQueue(
    receive: (@Sendable (Event) -> Void)?, end: @escaping @Sendable () -> Void
  ) -> Subscription<Value> {
    let mailbox = Mailbox(mayMerge: mayMerge, receive: receive, end: end)
    let observation = observe(for: mailbox, serving: demand, { mailbox.append($0) }, { mailbox.close() })
    mailbox.attach(observation)
    return Subscription(mailbox)
  }

  /// Calls `receive` with every value, one after the other, on a thread of the library's own, until
  /// ``Subscription/cancel()`` or until the stream ends.
  ///
  /// A slow subscriber slows nobody down: what waits for it is merged where the stream allows it, see
  /// ``Event/dropped``. The final event of a training is never merged away.
  @discardableResult
  public func subscribe(_ receive: @escaping @Sendable (Value) -> Void) -> Subscription<Value> {
    subscribeToEvents { receive($0.value) }
  }

  /// As ``subscribe(_:)``, with the events' numbers.
  ///
  /// - Parameter end: called exactly once, after the last call of `receive`, whether the subscription was cancelled
  ///   or the stream ended.
  @discardableResult
  public func subscribeToEvents(
    _ receive: @escaping @Sendable (Event) -> Void, end: @escaping @Sendable () -> Void = {}
  ) -> Subscription<Value> {
    makeQueue(receive: receive, end: end)
  }

  /// A subscription that calls nobody: take the events out with ``Subscription/next(timeout:)``.
  public func queue() -> Subscription<Value> {
    makeQueue(receive: nil, end: {})
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
