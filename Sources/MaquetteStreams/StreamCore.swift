import Glibc
import MaquetteSystem
import Synchronization

/// A value of a stream, whatever it is.
@usableFromInline typealias AnyBox = AnyObject & Sendable

/// One value on the heap: whoever passes it on need not know what it is.
@usableFromInline final class Box<Value: Sendable>: Sendable {
  @usableFromInline let value: Value

  @inlinable init(_ value: Value) { self.value = value }

  /// The value in a box that is known to hold such a one.
  @inlinable static func value(in box: any AnyBox) -> Value { unsafeDowncast(box, to: Self.self).value }
}

/// What a stream is, whatever its values are.
///
/// Compiled once: code that is generic over the values looks the types of everything it touches up at run time, which took
/// nearly half of the time in which an event got to its subscriber's thread.
@usableFromInline final class StreamCore: Sendable {
  /// See ``Stream/Event``.
  @usableFromInline struct Event: Sendable {
    @usableFromInline let value: any AnyBox
    @usableFromInline let sequence: UInt64
    @usableFromInline var dropped: UInt64 = 0
  }

  /// Whether a later event may take the place of one that nobody has received yet.
  private let mayMerge: @Sendable (any AnyBox) -> Bool
  /// Whether the stream keeps its last value.
  let isHeld: Bool
  /// What a new subscriber of a stream that is not held is told first.
  private let greeting: (any AnyBox)?

  private struct State {
    var value: (any AnyBox)?
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
    let mailbox: Mailbox?

    init(
      joinedAt: UInt64, mailbox: Mailbox?, demand: Demand?, receive: @escaping @Sendable (Event) -> Void,
      end: @escaping @Sendable () -> Void
    ) {
      self.demand = Mutex(demand)
      self.joinedAt = joinedAt
      self.mailbox = mailbox
      self.receive = receive
      self.end = end
    }

    /// Receives what happened since it subscribed, as long as it is subscribed.
    func hear(_ event: Event) {
      if joinedAt < event.sequence, isActive.load(ordering: .acquiring) { receive(event) }
    }
  }

  private let state: Mutex<State>
  private let served = Mutex<Demand?>(nil)

  /// - Parameters:
  ///   - value: that is held; nil for a stream that is not held.
  ///   - greeting: see ``Stream/init(greeting:)``.
  ///   - mayMerge: see ``Stream/init(_:merging:)``.
  @usableFromInline init(
    _ value: (any AnyBox)?, greeting: (any AnyBox)?, mayMerge: @escaping @Sendable (any AnyBox) -> Bool
  ) {
    isHeld = value != nil
    self.greeting = greeting
    self.mayMerge = mayMerge
    state = Mutex(State(value: value))
  }

  @usableFromInline var value: (any AnyBox)? { state.withLock { $0.value } }

  // MARK: Handing out

  @usableFromInline func set(_ value: any AnyBox) {
    let (event, observers) = state.withLock { state -> (Event?, [Observer]) in
      guard !state.isClosed else { return (nil, []) }
      state.sequence += 1
      if isHeld { state.value = value }
      // Who comes later is told of what comes after.
      if state.observers.isEmpty && state.pending.isEmpty { return (nil, []) }
      let event = Event(value: value, sequence: state.sequence)
      guard startDraining(&state) else {
        state.pending.append(Outgoing(event: event, only: nil))
        return (nil, [])
      }
      // Nothing is pending where nobody hands out.
      return (event, state.observers)
    }
    guard let event else { return }
    for observer in observers { observer.hear(event) }
    drain()
  }

  /// Counts a value of a stream that is not held and that nobody watches.
  ///
  /// - Returns: false where somebody is to be told of it, or it is to be held.
  @usableFromInline func skip() -> Bool {
    state.withLock { state -> Bool in
      guard !isHeld, !state.isClosed, state.observers.isEmpty, state.pending.isEmpty else { return false }
      state.sequence += 1
      return true
    }
  }

  /// See ``Stream/set(count:_:)``.
  @usableFromInline func set(count: Int, _ value: (Int) -> any AnyBox) {
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

  @usableFromInline func close() {
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
        if state.pending.isEmpty {
          state.drainingThread = 0
          guard state.isClosed else { return ([], [], true) }
          defer { state.observers = [] }
          return ([], state.observers, true)
        }
        defer { state.pending = [] }
        return (state.pending, state.observers, false)
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
        for observer in observers { observer.hear(delivery.event) }
      }
    }
  }

  // MARK: Watching

  func serve(_ demand: Demand) { served.withLock { $0 = demand } }

  var demand: Demand? { served.withLock { $0 } }

  /// - Parameters:
  ///   - mailbox: where the events wait, if the receiver is a queue.
  ///   - isServed: whether what the stream is served by goes on for this receiver.
  @usableFromInline func observe(
    for mailbox: Mailbox?, serving isServed: Bool, _ receive: @escaping @Sendable (Event) -> Void,
    _ end: @escaping @Sendable () -> Void
  ) -> Observation {
    let demand = isServed ? demand : nil
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
      // The library's own parts first: whoever is called with an event finds that they know of it, however late they came.
      let mailboxes = state.observers.firstIndex { $0.mailbox != nil } ?? state.observers.endIndex
      state.observers.insert(observer, at: mailbox == nil ? mailboxes : state.observers.endIndex)
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

  /// A queue of this stream's events, to be taken out or handed to a function on a thread of the library's.
  @usableFromInline func makeQueue(
    receive: (@Sendable (Event) -> Void)?, end: @escaping @Sendable () -> Void
  ) -> Mailbox {
    let mailbox = Mailbox(mayMerge: mayMerge, receive: receive, end: end)
    let observation = observe(for: mailbox, serving: true, { mailbox.append($0) }, { mailbox.close() })
    mailbox.attach(observation)
    return mailbox
  }

  var isDeliveringHere: Bool {
    let (observers, drainingThread) = state.withLock { ($0.observers, $0.drainingThread) }
    return drainingThread == Thread.current || observers.contains { $0.mailbox?.isDelivering ?? false }
  }

  func waitUntilDelivered(until deadline: Deadline) -> Bool {
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
}
