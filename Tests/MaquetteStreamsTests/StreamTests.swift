import MaquetteStreams
import MaquetteSystem
import Synchronization
import Testing

/// Collects what a subscriber receives.
final class Received<Value: Sendable & Equatable>: Sendable {
  private let values = Mutex<[Value]>([])
  var all: [Value] { values.withLock { $0 } }
  func append(_ value: Value) { values.withLock { $0.append(value) } }
}

@Suite struct `A stream` {
  @Test func `that holds a value gives it to a new subscriber exactly once`() {
    let stream = Stream(1)
    let received = Received<Int>()
    stream.observe { received.append($0.value) }
    #expect(received.all == [1])
    stream.set(2)
    #expect(received.all == [1, 2])
    #expect(stream.value == 2)
  }

  @Test func `that holds none tells a subscriber only what comes after it`() {
    let stream = Stream<Int>()
    stream.set(1)
    let received = Received<Int>()
    stream.observe { received.append($0.value) }
    stream.set(2)
    #expect(received.all == [2])
    #expect(stream.value == nil)
  }

  @Test func `that is set many times at once is as if it had been set so often`() {
    let stream = Stream(0)
    let made = Received<Int>()
    stream.set(count: 3) {
      made.append($0)
      return 10 + $0
    }
    // Nobody watched: only the last was made.
    #expect(made.all == [2])
    #expect(stream.value == 12)
    let received = Received<Int>()
    let numbers = Received<UInt64>()
    stream.observe {
      received.append($0.value)
      numbers.append($0.sequence)
    }
    stream.set(count: 2) { 20 + $0 }
    stream.set(count: 0) { $0 }
    stream.set(30)
    #expect(received.all == [12, 20, 21, 30])
    #expect(numbers.all == [3, 4, 5, 6])
    stream.close()
    stream.set(count: 2) { $0 }
    #expect(stream.value == 30)
  }

  @Test func `with a greeting tells it to every new subscriber first`() {
    let stream = Stream(greeting: 0)
    let first = Received<Int>()
    stream.observe { first.append($0.value) }
    stream.set(1)
    let second = Received<Int>()
    stream.observe { second.append($0.value) }
    #expect(first.all == [0, 1])
    #expect(second.all == [0])
  }

  @Test func `calls its observers in the order they came`() {
    let stream = Stream<Int>()
    let received = Received<String>()
    for name in ["a", "b", "c"] { stream.observe { received.append("\(name)\($0.value)") } }
    stream.set(1)
    stream.set(2)
    #expect(received.all == ["a1", "b1", "c1", "a2", "b2", "c2"])
  }

  @Test func `gives everybody the same order when a subscriber sets it (Marcelle's fault 14)`() {
    let stream = Stream(0)
    let first = Received<Int>()
    let second = Received<Int>()
    stream.observe { event in
      first.append(event.value)
      if event.value == 1 { stream.set(2) }
    }
    stream.observe { second.append($0.value) }
    stream.set(1)
    #expect(first.all == [0, 1, 2])
    #expect(second.all == [0, 1, 2])
  }

  @Test func `lets a subscriber come and go while an event is handed out`() {
    let stream = Stream(0)
    let late = Received<Int>()
    let cancelled = Received<Int>()
    let observation = Mutex<Observation?>(nil)
    stream.observe { event in
      guard event.value == 1 else { return }
      stream.observe { late.append($0.value) }
      observation.withLock { $0 }?.cancel()
    }
    let second = stream.observe { cancelled.append($0.value) }
    observation.withLock { $0 = second }
    stream.set(1)
    stream.set(2)
    #expect(late.all == [1, 2])
    #expect(cancelled.all == [0])
  }

  @Test func `numbers its events`() {
    let stream = Stream(0)
    let numbers = Received<UInt64>()
    stream.observe { numbers.append($0.sequence) }
    stream.set(1)
    stream.set(2)
    #expect(numbers.all == [0, 1, 2])
  }

  @Test func `loses nothing when many threads set it`() async {
    let stream = Stream<Int>()
    let received = Received<Int>()
    stream.observe { received.append($0.value) }
    await withTaskGroup(of: Void.self) { group in
      for sender in 0..<4 {
        group.addTask { for number in 0..<500 { stream.set(sender * 1000 + number) } }
      }
    }
    #expect(received.all.count == 2000)
    for sender in 0..<4 {
      let own = received.all.filter { $0 / 1000 == sender }
      #expect(own == own.sorted())
    }
  }

  @Test func `tells its observers when it ends, once`() {
    let ends = Received<String>()
    do {
      let stream = Stream(0)
      stream.observe({ _ in }, end: { ends.append("end") })
      stream.close()
      stream.set(1)
    }
    #expect(ends.all == ["end"])
  }

  @Test func `that has ended still gives its value to who comes late, and ends for it too`() {
    let stream = Stream(7)
    stream.close()
    let received = Received<Int>()
    let ends = Received<String>()
    stream.observe({ received.append($0.value) }, end: { ends.append("end") })
    #expect(received.all == [7])
    #expect(ends.all == ["end"])
  }

  @Test func `is an asynchronous sequence, which ends with it`() async {
    let stream = Stream(0)
    let values = stream.values
    stream.set(1)
    stream.close()
    var received: [Int] = []
    for await value in values { received.append(value) }
    #expect(received.last == 1)
  }
}

/// A held value behind a property.
private final class Example: @unchecked Sendable {  // the wrapper is never reassigned
  @Observed var count = 1
}

@Suite struct `An observed property` {
  @Test func `is its value, and its projection the stream`() {
    let example = Example()
    let received = Received<Int>()
    example.$count.observe { received.append($0.value) }
    example.count = 5
    #expect(example.count == 5)
    #expect(received.all == [1, 5])
  }
}
