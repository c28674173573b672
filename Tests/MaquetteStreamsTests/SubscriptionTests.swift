import Dispatch
import Glibc
import MaquetteStreams
import MaquetteSystem
import Synchronization
import Testing

/// A door that threads wait at, without limits of time.
private final class Gate: Sendable {
  private let semaphore = DispatchSemaphore(value: 0)
  func open() { semaphore.signal() }
  func wait() { semaphore.wait() }
}

@Suite struct `A subscription` {
  @Test func `receives everything in order on another thread than the sender's`() {
    let stream = Stream<Int>()
    let received = Received<Int>()
    let threads = Received<Bool>()
    let sender = Thread.current
    let done = Gate()
    stream.subscribe { value in
      received.append(value)
      threads.append(Thread.current != sender)
      if value == 99 { done.open() }
    }
    for value in 0..<100 { stream.set(value) }
    done.wait()
    #expect(received.all == Array(0..<100))
    #expect(threads.all.allSatisfy { $0 })
  }

  @Test func `that is slow holds up neither the sender nor other subscribers`() {
    let stream = Stream<Int>()
    let entered = Gate()
    let leave = Gate()
    let done = Gate()
    stream.subscribe { value in
      if value == 1 {
        entered.open()
        leave.wait()
      }
    }
    stream.subscribe { if $0 == 3 { done.open() } }
    stream.set(1)
    entered.wait()
    stream.set(2)
    stream.set(3)
    done.wait()
    leave.open()
  }

  @Test func `that is slow gets merged events, counted, and the unmergeable ones all`() {
    let stream = Stream(-1, merging: { $0 < 1000 })
    let entered = Gate()
    let leave = Gate()
    let done = Gate()
    let values = Received<Int>()
    let dropped = Received<UInt64>()
    stream.subscribeToEvents({ event in
      if event.value == 0 {
        entered.open()
        leave.wait()
      }
      values.append(event.value)
      dropped.append(event.dropped)
      if event.value == 2000 { done.open() }
    })
    stream.set(0)
    entered.wait()
    for value in 1..<500 { stream.set(value) }
    stream.set(2000)
    leave.open()
    done.wait()
    #expect(values.all.contains(499))
    #expect(values.all.last == 2000)
    #expect(values.all == values.all.sorted())
    #expect(values.all.count < 100)
    // Every event was either received or counted as merged away.
    #expect(UInt64(values.all.count) + dropped.all.reduce(0, +) == 502)
  }

  @Test func `that was cancelled is not running and does not run again`() throws {
    let stream = Stream<Int>()
    let entered = Gate()
    let leave = Gate()
    let isInside = Atomic<Bool>(false)
    let calls = Atomic<Int>(0)
    let subscription = stream.subscribe { _ in
      isInside.store(true, ordering: .sequentiallyConsistent)
      calls.add(1, ordering: .relaxed)
      entered.open()
      leave.wait()
      isInside.store(false, ordering: .sequentiallyConsistent)
    }
    // One event only: the gate may open before the subscription is cancelled, and would be shut for a second.
    stream.set(1)
    entered.wait()
    // Not a queue of Dispatch's: its threads may all be waiting in tests.
    try Thread.start("test") { leave.open() }
    subscription.cancel()
    let isStillInside = isInside.load(ordering: .sequentiallyConsistent)
    #expect(!isStillInside)
    stream.set(3)
    let callCount = calls.load(ordering: .relaxed)
    #expect(callCount == 1)
  }

  @Test func `may be cancelled from inside its own callback, which is then the last`() {
    let stream = Stream<Int>()
    let done = Gate()
    let received = Received<Int>()
    let own = Mutex<Subscription<Int>?>(nil)
    let subscription = stream.subscribeToEvents(
      { event in
        received.append(event.value)
        own.withLock { $0 }?.cancel()
      }, end: { done.open() })
    own.withLock { $0 = subscription }
    stream.set(1)
    stream.set(2)
    done.wait()
    stream.set(3)
    #expect(received.all == [1])
  }

  @Test(arguments: ["cancelled", "stream ended", "cancelled twice", "both"])
  func `ends exactly once`(how: String) {
    let ends = Received<String>()
    let done = Gate()
    do {
      let stream = Stream(0)
      let subscription = stream.subscribeToEvents(
        { _ in },
        end: {
          ends.append("end")
          done.open()
        })
      switch how {
      case "cancelled": subscription.cancel()
      case "cancelled twice":
        subscription.cancel()
        subscription.cancel()
      case "both":
        stream.close()
        subscription.cancel()
      default: stream.close()
      }
    }
    done.wait()
    #expect(ends.all == ["end"])
  }

  @Test func `delivers what was set before the stream ended`() {
    let received = Received<Int>()
    let done = Gate()
    do {
      let stream = Stream<Int>()
      stream.subscribeToEvents({ received.append($0.value) }, end: { done.open() })
      stream.set(1)
      stream.set(2)
    }
    done.wait()
    #expect(received.all == [1, 2])
  }

  @Test func `is waited for until its callback has returned from everything set before`() {
    let stream = Stream(0)
    let received = Received<Int>()
    stream.subscribe { received.append($0) }
    for value in 1...50 { stream.set(value) }
    #expect(stream.waitUntilDelivered(until: .never))
    #expect(received.all.last == 50)
  }

  @Test func `that blocks makes a waiter give up at its deadline`() {
    let stream = Stream<Int>()
    let entered = Gate()
    let leave = Gate()
    stream.subscribe { _ in
      entered.open()
      leave.wait()
    }
    stream.set(1)
    entered.wait()
    #expect(!stream.waitUntilDelivered(until: Deadline(milliseconds: 1)))
    leave.open()
  }
}

@Suite struct `A subscription that ends while its callback runs` {
  @Test func `still knows that the callback is one of the stream's`() throws {
    let stream = Stream<Int>()
    let (entered, cancelling, over) = (Gate(), Gate(), Gate())
    let answers = Mutex<[Bool]>([])
    let subscription = stream.subscribe { _ in
      entered.open()
      cancelling.wait()
      // The other thread is about to wait for this call, or waits already.
      for _ in 0..<50 {
        answers.withLock { $0.append(stream.isDeliveringHere) }
        usleep(500)
      }
    }
    stream.set(1)
    entered.wait()
    try Thread.start("test") {
      cancelling.open()
      subscription.cancel()
      over.open()
    }
    over.wait()
    #expect(answers.withLock { $0 } == [Bool](repeating: true, count: 50))
    #expect(!stream.isDeliveringHere)
  }
}

@Suite struct `A queue` {
  @Test func `gives the events one by one, then says that the stream has ended`() throws {
    let stream = Stream(0)
    let queue = stream.queue()
    stream.set(1)
    stream.close()
    #expect(try queue.next(timeout: 0).value == 0)
    #expect(try queue.next(timeout: 0).value == 1)
    #expect(throws: MaquetteError.self) { try queue.next(timeout: -1) }
  }

  @Test func `says when no event came in time`() throws {
    let queue = Stream<Int>().queue()
    // The stream is gone with that line: closed, not late.
    #expect { try queue.next(timeout: 0) } throws: { ($0 as? MaquetteError)?.code == .closed }
    let stream = Stream<Int>()
    let waiting = stream.queue()
    #expect { try waiting.next(timeout: 1) } throws: { ($0 as? MaquetteError)?.code == .timeout }
  }

  @Test func `wakes a thread that waits in it`() throws {
    let stream = Stream<Int>()
    let queue = stream.queue()
    try Thread.start("test") { stream.set(5) }
    #expect(try queue.next().value == 5)
  }

  @Test func `has a descriptor that is readable while an event waits`() throws {
    let stream = Stream<Int>()
    let queue = stream.queue()
    let descriptor = try queue.fileDescriptor()
    #expect(!isReadable(descriptor))
    stream.set(1)
    stream.set(2)
    #expect(isReadable(descriptor))
    _ = try queue.next(timeout: 0)
    #expect(isReadable(descriptor))
    _ = try queue.next(timeout: 0)
    #expect(!isReadable(descriptor))
    stream.close()
    #expect(isReadable(descriptor))
  }

  private func isReadable(_ descriptor: Int32) -> Bool {
    var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&request, 1, 0) == 1
  }
}
