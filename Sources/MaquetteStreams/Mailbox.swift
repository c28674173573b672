import CMaquetteSystem
import Glibc
import MaquetteSystem
import Synchronization

/// What a subscription has yet to receive: filled by the thread that sets the stream's value, which never waits
/// here, emptied by a delivery thread (push) or by the host (pull).
@usableFromInline final class Mailbox: Sendable {
  typealias Event = StreamCore.Event

  /// Events that wait before the merging starts.
  static let mergingLimit = 64
  /// Events that wait at the most where none may be merged; then the oldest is dropped, and counted.
  static let limit = 65_536

  private let mayMerge: @Sendable (any AnyBox) -> Bool
  private let receive: (@Sendable (Event) -> Void)?

  private struct State {
    var events = Queue<Event>()
    var observation: Observation?
    /// The stream has ended; what waits is still delivered.
    var isClosed = false
    /// The subscriber wants no more.
    var isCancelled = false
    /// A delivery thread has this mailbox in hand.
    var isScheduled = false
    /// The delivery thread that is inside `receive` or `end`; 0 for none.
    var deliveringThread: UInt = 0
    /// Taken out when it is called, so that it is called once.
    var end: (@Sendable () -> Void)?
    var hasEnded = false
    var descriptor: Int32 = -1
  }

  private let state: Monitor<State>

  init(
    mayMerge: @escaping @Sendable (any AnyBox) -> Bool, receive: (@Sendable (Event) -> Void)?,
    end: @escaping @Sendable () -> Void
  ) {
    self.mayMerge = mayMerge
    self.receive = receive
    state = Monitor(State(end: end))
  }

  deinit {
    let descriptor = state.withLock { $0.descriptor }
    if descriptor >= 0 { Glibc.close(descriptor) }
  }

  func attach(_ observation: Observation) {
    let isLate = state.withLock { state -> Bool in
      state.observation = observation
      return state.isCancelled
    }
    if isLate { observation.cancel() }
  }

  // MARK: The sender's side

  func append(_ event: Event) {
    let needsDelivery = state.change { state -> Bool in
      guard !state.isCancelled else { return false }
      if state.events.count >= Self.mergingLimit, let last = state.events.last, mayMerge(last.value),
        mayMerge(event.value)
      {
        var merged = event
        merged.dropped = last.dropped + event.dropped + 1
        state.events.last = merged
      } else {
        state.events.append(event)
        if state.events.count > Self.limit, let oldest = state.events.popFirst() {
          state.events.first?.dropped += oldest.dropped + 1
        }
      }
      raiseDescriptor(state)
      return schedule(&state)
    }
    // Without a thread the events stay here, until the next one tries again.
    if needsDelivery, !Delivery.run({ self.deliver() }) { state.change { $0.isScheduled = false } }
  }

  func close() {
    let needsDelivery = state.change { state -> Bool in
      state.isClosed = true
      raiseDescriptor(state)
      return schedule(&state)
    }
    // Without a thread here and now: there is no later in which the subscriber could be told.
    if needsDelivery, !Delivery.run({ self.deliver() }) { deliver() }
  }

  /// Whether a delivery thread is to be sent for; with the lock held.
  private func schedule(_ state: inout State) -> Bool {
    guard receive != nil, !state.isScheduled, !state.hasEnded else { return false }
    state.isScheduled = true
    return true
  }

  // MARK: Push

  private enum Step {
    case event(Event)
    case end((@Sendable () -> Void)?)
    case pause
  }

  private func deliver() {
    let thread = Thread.current
    while true {
      let step = state.change { state -> Step in
        state.deliveringThread = 0
        if !state.isCancelled, let event = state.events.popFirst() {
          state.deliveringThread = thread
          return .event(event)
        }
        if state.isCancelled || state.isClosed {
          return .end(takeEnd(&state, on: thread))
        }
        state.isScheduled = false
        return .pause
      }
      switch step {
      case .event(let event):
        receive?(event)
      case .end(let end):
        end?()
        let observation = state.change { state -> Observation? in
          state.deliveringThread = 0
          state.isScheduled = false
          state.hasEnded = true
          defer { state.observation = nil }
          return state.observation
        }
        observation?.cancel()
        return
      case .pause:
        return
      }
    }
  }

  private func takeEnd(_ state: inout State, on thread: UInt) -> (@Sendable () -> Void)? {
    let end = state.end
    state.end = nil
    if end != nil { state.deliveringThread = thread }
    return end
  }

  /// Whether this thread is inside `receive` of this mailbox.
  var isDelivering: Bool { state.withLock { $0.deliveringThread == Thread.current } }

  /// Waits until nothing that was appended before is still to be delivered.
  func waitUntilDelivered(upTo sequence: UInt64, until deadline: Deadline) -> Bool {
    guard receive != nil else { return true }
    return state.wait(until: deadline) { state -> Bool? in
      if state.isCancelled || state.hasEnded || !state.isScheduled { return true }
      if let first = state.events.first, first.sequence <= sequence { return nil }
      return state.deliveringThread == 0 ? true : nil
    } ?? false
  }

  // MARK: Pull

  var isPulled: Bool { receive == nil }

  enum Pulled {
    case event(Event)
    case timeout
    case closed
  }

  func next(until deadline: Deadline) -> Pulled {
    state.wait(until: deadline) { state -> Pulled? in
      if state.isCancelled { return .closed }
      if let event = state.events.popFirst() {
        if state.events.isEmpty && !state.isClosed && state.descriptor >= 0 {
          maquette_system_eventfd_lower(state.descriptor)
        }
        return .event(event)
      }
      return state.isClosed ? .closed : nil
    } ?? .timeout
  }

  /// A descriptor that is readable while an event waits, and for ever once the stream has ended.
  func fileDescriptor() throws(MaquetteError) -> Int32 {
    try state.withLock { state throws(MaquetteError) -> Int32 in
      if state.descriptor < 0 {
        let descriptor = maquette_system_eventfd()
        guard descriptor >= 0 else {
          throw MaquetteError(
            .inputOutput, "could not make an event descriptor: \(describe(errno: -descriptor))")
        }
        state.descriptor = descriptor
        if !state.events.isEmpty || state.isClosed { raiseDescriptor(state) }
      }
      return state.descriptor
    }
  }

  private func raiseDescriptor(_ state: State) {
    if state.descriptor >= 0 { maquette_system_eventfd_raise(state.descriptor) }
  }

  // MARK: Ending

  /// When this returns, `receive` is not running and won't run again; `end` has run, or runs as the delivery
  /// thread leaves `receive` where this is called from inside it or `waiting` is false.
  func cancel(waiting: Bool) {
    let thread = Thread.current
    let (observation, isRunning, end) = state.change {
      state -> (Observation?, Bool, (@Sendable () -> Void)?) in
      state.isCancelled = true
      state.events.removeAll()
      raiseDescriptor(state)
      // The thread that runs `receive` ends the observation when it is through.
      if state.isScheduled { return (state.observation, true, nil) }
      let observation = state.observation
      state.observation = nil
      state.hasEnded = true
      let end = state.end
      state.end = nil
      return (observation, false, end)
    }
    // Outside of the lock: the stream may be handing out an event to this very mailbox.
    if isRunning { observation?.silence() } else { observation?.cancel() }
    if let end {
      end()
      return
    }
    guard waiting else { return }
    _ = state.wait(until: .never) { state -> Void? in
      state.hasEnded || state.deliveringThread == thread || !state.isScheduled ? () : nil
    }
  }
}
