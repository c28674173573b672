import MaquetteSystem
import Synchronization
import Testing

private final class Pair: Sendable {
  let first: Int
  let second: Int
  init(_ value: Int) {
    first = value
    second = -value
  }
}

private final class Counted: Sendable {
  static let alive = Atomic<Int>(0)
  init() { Self.alive.add(1, ordering: .relaxed) }
  deinit { Self.alive.subtract(1, ordering: .relaxed) }
}

private final class Flag: Sendable {
  let value = Atomic<Bool>(false)
}

@Suite struct `A published object` {
  @Test func `is what was published last`() {
    let published = Published<Pair>()
    #expect(published.current == nil)
    for value in 1...5 {
      published.publish(Pair(value))
      #expect(published.current?.first == value)
    }
    published.publish(nil)
    #expect(published.current == nil)
  }

  @Test func `is whole for every reader while it is replaced`() async {
    let published = Published(Pair(0))
    let isDone = Flag()
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        for value in 1...5000 { published.publish(Pair(value)) }
        isDone.value.store(true, ordering: .releasing)
      }
      group.addTask {
        var last = 0
        while !isDone.value.load(ordering: .acquiring) {
          guard let pair = published.current else {
            Issue.record("there was always one")
            return
          }
          #expect(pair.first == -pair.second && pair.first >= last)
          last = pair.first
        }
      }
    }
  }

  @Test func `is released when another takes its place`() {
    let published = Published<Counted>()
    for _ in 0..<10 { published.publish(Counted()) }
    #expect(Counted.alive.load(ordering: .relaxed) == 1)
    published.publish(nil)
    #expect(Counted.alive.load(ordering: .relaxed) == 0)
  }
}
