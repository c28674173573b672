import Glibc
import MaquetteSystem
import TestSupport
import Testing

@testable import MaquetteStores

@Suite("Waiting for a lock") struct SQLiteBusyWaitTests {
  private let directory = TemporaryDirectory()

  private func connection(waiting milliseconds: Int32) throws -> SQLiteConnection {
    let connection = try SQLiteConnection(directory.path("store.db"))
    try connection.waitForLocks(milliseconds: milliseconds)
    return connection
  }

  @Test func `finds one that is free for moments only`() throws {
    enum Greed { case takes(Int), ends, ended }
    let greed = Monitor(Greed.takes(0))
    let other = try connection(waiting: 30_000)
    try other.execute("PRAGMA journal_mode = WAL; CREATE TABLE t(x)")
    nonisolated(unsafe) let greedy = other
    try Thread.start("greedy") {
      // Holds it all the time, but between two transactions.
      while true {
        try? greedy.execute("BEGIN IMMEDIATE")
        usleep(5000)
        try? greedy.execute("COMMIT")
        let goesOn = greed.change { greed -> Bool in
          guard case .takes(let turns) = greed else { return false }
          greed = .takes(turns + 1)
          return true
        }
        guard goesOn else { break }
      }
      greed.change { $0 = .ended }
    }
    defer {
      greed.change { $0 = .ends }
      _ = greed.wait(until: .never) { if case .ended = $0 { () } else { nil } }
    }
    _ = greed.wait(until: .never) { if case .takes(1...) = $0 { () } else { nil } }
    let mine = try connection(waiting: 20_000)
    for _ in 0..<3 {
      try mine.execute("BEGIN IMMEDIATE; INSERT INTO t VALUES(1); COMMIT")
    }
    #expect(try mine.integer("SELECT count(*) FROM t") == 3)
  }

  @Test func `is done for what SQLite itself does not wait for`() throws {
    let other = try connection(waiting: 0)
    try other.execute("CREATE TABLE t(x); BEGIN IMMEDIATE")
    let mine = try connection(waiting: 20_000)
    #expect(failure { try mine.execute("PRAGMA journal_mode = WAL") }?.code == .locked, "it does wait")
    nonisolated(unsafe) let holder = other
    let isOver = Monitor(false)
    try Thread.start("holder") {
      usleep(50_000)
      try? holder.execute("COMMIT")
      isOver.change { $0 = true }
    }
    try mine.executeWaiting("PRAGMA journal_mode = WAL")
    _ = isOver.wait(until: .never) { $0 ? () : nil }
    let hasty = try connection(waiting: 50)
    try mine.execute("BEGIN IMMEDIATE")
    #expect(failure { try hasty.executeWaiting("BEGIN IMMEDIATE") }?.code == .locked)
    try mine.execute("COMMIT")
  }

  @Test(arguments: [0, 1, 150] as [Int32])
  func `ends in time`(milliseconds: Int32) throws {
    let other = try connection(waiting: 0)
    try other.execute("BEGIN IMMEDIATE")
    let mine = try connection(waiting: milliseconds)
    var (begin, end) = (timespec(), timespec())
    clock_gettime(CLOCK_MONOTONIC, &begin)
    #expect(failure { try mine.execute("BEGIN IMMEDIATE") }?.code == .locked)
    clock_gettime(CLOCK_MONOTONIC, &end)
    let waited = (end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1_000_000
    #expect(waited >= Int(milliseconds) - 1)
    try other.execute("COMMIT")
    try mine.execute("BEGIN IMMEDIATE; COMMIT")
  }
}
