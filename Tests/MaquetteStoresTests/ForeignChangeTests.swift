import Glibc
import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import TestSupport
import Testing

/// What others do to a file, and how a file tells of it; see also ``ForeignChangeContractTests``.
@Suite struct ForeignChangeTests {
  private let directory = TemporaryDirectory()
  private let ours: DataStore
  private let theirs: DataStore

  init() throws {
    let location = "sqlite:" + directory.path("store.db")
    ours = try DataStore(location)
    theirs = try DataStore(location)
  }

  @Test("who comes too late for the log is told to read everything anew")
  func reloaded() throws {
    let dataset = try Dataset("d", in: ours)
    let changes = dataset.$changes.queue()
    _ = try changes.next(timeout: 30_000)
    let other = try Dataset("d", in: theirs)
    // As if so many lines had come and gone unseen.
    try theirs.execute(
      """
      INSERT INTO maquette_changes VALUES(100000, 'other', 'created', 0, x'', NULL, NULL);
      """)
    let types = try changes.next(timeout: 30_000).value.map { "\($0.level.rawValue) \($0.type.rawValue)" }
    #expect(types == ["dataset reloaded"])
    _ = try other.create(["x": [1]])
    #expect(try changes.next(timeout: 30_000).value.map(\.type) == [.created])
    #expect(dataset.$count.value == 1)
  }

  @Test("the log keeps its last lines only")
  func pruned() throws {
    let queue = try ours.service("notes").events.queue()
    try theirs.execute(
      """
      WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 9000)
      INSERT INTO maquette_changes SELECT n, 'other', 'created', 0, x'', NULL, NULL FROM numbers
      """)
    for n in 0..<300 { _ = try theirs.service("notes").create(["n": .number(Double(n))]) }
    #expect(try texts(queue, 300).last == "created 299")
    let lines = try #require(try theirs.number("SELECT count(*) FROM maquette_changes"))
    #expect(lines <= 8192 + 256 && lines > 8192 - 256)
  }

  @Test(
    "a file that nobody watches has no log, and once it has one, those who had it open write to it",
    arguments: [1, 100])
  func onDemand(_ rows: Int) throws {
    let logs = "SELECT count(*) FROM sqlite_schema WHERE name = 'maquette_changes'"
    let dataset = try Dataset("d", in: ours)
    let other = try Dataset("d", in: theirs)
    let labels = LabelColumn([String](repeating: "a", count: rows))
    try other.append(counting(rows), labels: labels)
    #expect(try ours.number(logs) == 0)
    // One row needs a newer layout than many.
    #expect(try ours.pragma("user_version") == (rows == 1 ? 6 : 1))
    let changes = dataset.$changes.queue()
    #expect(try changes.next(timeout: 30_000).value.map(\.type) == [.created])
    #expect(try ours.number(logs) == 1)
    #expect(try ours.pragma("user_version") == (rows == 1 ? 6 : 4))
    try other.append(counting(rows), labels: labels)
    #expect(try changes.next(timeout: 30_000).value.count == rows)
    #expect(dataset.count == 2 * rows)
  }

  @Test("a change of another store is heard of, not found by looking")
  func latency() throws {
    let queue = try ours.service("notes").events.queue()
    let other = try theirs.service("notes")
    var times: [Double] = []
    for n in 0..<60 {
      var start = timespec()
      _ = try other.create(["n": .number(Double(n))])
      clock_gettime(CLOCK_MONOTONIC, &start)
      _ = try queue.next(timeout: 30_000)
      var end = timespec()
      clock_gettime(CLOCK_MONOTONIC, &end)
      times.append(Double(end.tv_sec - start.tv_sec) * 1000 + Double(end.tv_nsec - start.tv_nsec) / 1e6)
    }
    times.sort()
    // Who hears nothing looks every two seconds. Other tests keep the machine busy: the bench has the figure.
    #expect(times[30] < 1000, "median \(times[30]) ms")
  }
}
