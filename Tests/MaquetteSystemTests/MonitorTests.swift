import MaquetteSystem
import Testing

@Suite struct `A monitor` {
  @Test func `wakes who waits for a value`() throws {
    let monitor = Monitor(0)
    for _ in 0..<4 { try Thread.start("test") { monitor.change { $0 += 1 } } }
    #expect(monitor.wait(until: .never) { $0 == 4 ? $0 : nil } == 4)
  }

  @Test func `gives up at a deadline that has passed`() {
    let monitor = Monitor(0)
    #expect(monitor.wait(until: Deadline(milliseconds: 0)) { $0 == 1 ? $0 : nil } == nil)
    #expect(Deadline(milliseconds: 0).hasPassed)
    #expect(!Deadline(milliseconds: 1_000_000).hasPassed)
    #expect(!Deadline(milliseconds: .max).hasPassed)
  }
}

@Suite struct `A scratch pool` {
  @Test func `lends each borrower a piece of its own, also when all are out`() {
    let pool = ScratchPool(bytes: 64)
    func borrow(_ depth: Int, _ taken: [UnsafeMutableRawPointer]) {
      pool.withScratch { memory in
        #expect(!taken.contains(memory))
        if depth > 0 { borrow(depth - 1, taken + [memory]) }
      }
    }
    borrow(20, [])
    borrow(20, [])
  }
}
