import Testing

@testable import MaquetteStreams

@Suite struct QueueTests {
  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func `does what an array would do, whatever is put in and taken out`(seed: UInt64) {
    var state = seed
    func random(_ bound: UInt64) -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state >> 33) % bound
    }
    var queue = Queue<Int>()
    var plain: [Int] = []
    for step in 0..<5000 {
      // Grows in the first half, shrinks in the second.
      switch random(100) {
      case ..<(step < 2500 ? 55 : 40):
        queue.append(step)
        plain.append(step)
      case 55..<58:
        queue.last = -step
        if !plain.isEmpty { plain[plain.count - 1] = -step }
      case 58..<61:
        queue.first = -step
        if !plain.isEmpty { plain[0] = -step }
      case 61..<64: #expect(queue.popLast() == plain.popLast())
      case 64 where step % 500 == 0:
        queue.removeAll()
        plain = []
      default: #expect(queue.popFirst() == (plain.isEmpty ? nil : plain.removeFirst()))
      }
      #expect(queue.count == plain.count && queue.isEmpty == plain.isEmpty)
      #expect(queue.first == plain.first && queue.last == plain.last)
    }
    while let element = queue.popFirst() { #expect(element == plain.removeFirst()) }
    #expect(plain.isEmpty)
  }

  @Test func `lets go at once of what is taken out`() {
    final class Thing {}
    var queue = Queue<Thing>()
    for _ in 0..<3 { queue.append(Thing()) }
    weak let first = queue.first
    #expect(first != nil)
    _ = queue.popFirst()
    #expect(first == nil && queue.count == 2)
  }
}
