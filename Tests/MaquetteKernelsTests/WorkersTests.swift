import MaquetteKernels
import MaquetteSystem
import Synchronization
import Testing

/// The limit is the whole process's, so these run one after the other.
@Suite(.serialized) struct WorkersTests {
  /// The sum of each block, and how often each row was visited.
  private func sums(rows: Int, size: Int, limit: Int) throws -> [Float] {
    Workers.limit = limit
    let x = noise(rows, seed: 21)
    // Not a Mutex: the thread sanitizer can't see into those.
    let results = Monitor([Int: Float]())
    try Workers.forEachBlock(of: size, rows: rows) { (block) throws(MaquetteError) in
      let sum = x[block].reduce(0, +)
      results.withLock { $0[block.lowerBound] = ($0[block.lowerBound] ?? 0) + sum }
    }
    let all = results.withLock { $0 }
    return all.keys.sorted().map { all[$0] ?? 0 }
  }

  @Test("Any number of threads gives the same result", arguments: [0, 1, 15, 16, 17, 1000])
  func sameResult(rows: Int) throws {
    defer { Workers.limit = 2 }
    let alone = try sums(rows: rows, size: 16, limit: 1)
    #expect(alone.count == (rows + 15) / 16)
    for limit in [2, 5] {
      for _ in 0..<20 {
        let shared = try sums(rows: rows, size: 16, limit: limit)
        #expect(bits(shared) == bits(alone))
      }
    }
  }

  @Test("Several threads really take part")
  func takesPart() throws {
    Workers.limit = 3
    defer { Workers.limit = 2 }
    // Each block waits until another thread has come.
    let threads = Monitor(Set<UInt>())
    try Workers.forEachBlock(of: 1, rows: 3) { (_) throws(MaquetteError) in
      threads.change { _ = $0.insert(Thread.current) }
      let met: Bool? = threads.wait(until: Deadline(milliseconds: 20_000)) { $0.count >= 2 ? true : nil }
      if met == nil { throw MaquetteError(.timeout, "alone") }
    }
  }

  @Test("A block may call the workers itself")
  func nested() throws {
    Workers.limit = 5
    defer { Workers.limit = 2 }
    let counter = Counter()
    try Workers.forEachBlock(of: 1, rows: 20) { (_) throws(MaquetteError) in
      try Workers.forEachBlock(of: 2, rows: 31) { (block) throws(MaquetteError) in
        counter.value.add(block.count, ordering: .relaxed)
      }
    }
    #expect(counter.value.load(ordering: .relaxed) == 20 * 31)
  }

  @Test("The first block that fails is reported", arguments: [1, 2, 5])
  func failure(limit: Int) {
    Workers.limit = limit
    defer { Workers.limit = 2 }
    for _ in 0..<50 {
      #expect(throws: MaquetteError(.notFinite, "block 30")) {
        try Workers.forEachBlock(of: 10, rows: 1000) { (block) throws(MaquetteError) in
          if block.lowerBound >= 30 {
            throw MaquetteError(.notFinite, "block \(block.lowerBound)")
          }
        }
      }
    }
  }

  @Test("Many callers at once each get their own result")
  func manyCallers() throws {
    Workers.limit = 4
    defer { Workers.limit = 2 }
    let finished = Monitor(0)
    for caller in 0..<8 {
      try Thread.start("caller") {
        let counter = Counter()
        for _ in 0..<50 {
          try? Workers.forEachBlock(of: 3, rows: 100 + caller) { (block) throws(MaquetteError) in
            counter.value.add(block.count, ordering: .relaxed)
          }
        }
        let right = counter.value.load(ordering: .relaxed) == 50 * (100 + caller)
        finished.change { $0 += right ? 1 : 1000 }
      }
    }
    let total = finished.wait(until: Deadline(milliseconds: 60_000)) { $0 >= 8 ? $0 : nil }
    #expect(total == 8)
  }

  @Test("The limit stays between 1 and 256")
  func limits() {
    defer { Workers.limit = 2 }
    Workers.limit = 0
    #expect(Workers.limit == 1)
    Workers.limit = 1000
    #expect(Workers.limit == 256)
  }
}

private final class Counter: Sendable {
  let value = Atomic<Int>(0)
}
