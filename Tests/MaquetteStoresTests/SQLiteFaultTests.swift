import Glibc
import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import TestSupport
import Testing

/// Files that go, change, or are damaged while a store has them open, and copies of them.
@Suite struct SQLiteFaultTests {
  private let directory = TemporaryDirectory()
  private var path: String { directory.path("store.db") }
  private var location: String { "sqlite:" + path }

  @Test("a file that is removed while it is open takes nothing more, and says so")
  func removed() throws {
    let dataset = try Dataset("d", in: DataStore(location))
    try dataset.append(counting(10), labels: LabelColumn(Array(repeating: "a", count: 10)))
    for name in ["", "-wal", "-shm"] { unlink(path + name) }
    let error = failure { _ = try dataset.create(["x": [1, 2, 3]]) }
    #expect(error?.code == .inputOutput && error?.name == path)
    #expect(access(path, F_OK) != 0, "nothing was made in its place")
    // A new one is another store.
    #expect(try Dataset("d", in: DataStore(location)).count == 0)
  }

  @Test("a file that is replaced while it is open is not written to")
  func replaced() throws {
    let other = directory.path("other.db")
    do { _ = try Dataset("d", in: DataStore("sqlite:" + other)).create(["x": [1], "y": "other"]) }
    let dataset = try Dataset("d", in: DataStore(location))
    _ = try dataset.create(["x": [1, 2, 3]])
    rename(other, path)
    let before = readFile(path)
    #expect(failure { _ = try dataset.create(["x": [4, 5, 6]]) }?.code == .inputOutput)
    #expect(failure { try dataset.clear() }?.code == .inputOutput)
    #expect(readFile(path) == before)
  }

  @Test("a file that is moved away and back loses nothing")
  func movedAndBack() throws {
    let dataset = try Dataset("d", in: DataStore(location))
    _ = try dataset.create(["x": [1, 2, 3]])
    rename(path, path + ".away")
    #expect(failure { _ = try dataset.create(["x": [4, 5, 6]]) }?.code == .inputOutput)
    rename(path + ".away", path)
    _ = try dataset.create(["x": [7, 8, 9]])
    #expect(try Dataset("d", in: DataStore(location)).count == 2)
  }

  @Test("a log that is removed under the store loses nothing, and what comes after it is seen by all")
  func removedLog() throws {
    let dataset = try Dataset("d", in: DataStore(location))
    let changes = dataset.$changes.queue()
    _ = try changes.next(timeout: 30_000)
    for n in 1...3 {
      _ = try dataset.create(["x": [.number(Double(n))]])
      #expect(try changes.next(timeout: 30_000).value.count == 1)
      unlink(path + "-wal")
      unlink(path + "-shm")
    }
    _ = try dataset.create(["x": [4]])
    let other = try Dataset("d", in: DataStore(location))
    #expect(other.count == 4)
    _ = try changes.next(timeout: 30_000)
    _ = try other.create(["x": [5]])
    #expect(try changes.next(timeout: 30_000).value.map(\.type) == [.created])
    #expect(dataset.count == 5)
  }

  @Test("a copy is of one moment, whoever writes meanwhile")
  func copiedWhileWriting() throws {
    let store = try DataStore(location)
    let service = try store.service("pairs")
    let finished = Monitor(false)
    try Thread.start("writer") {
      // Two documents that belong together, in one transaction each time.
      for n in 0..<200 {
        _ = try? Dataset("d", in: store).append(
          Matrix(rows: 2, columns: 1, [Float(n), Float(n)]), labels: LabelColumn(["a", "b"]))
      }
      finished.change { $0 = true }
    }
    for copy in 0..<5 {
      let target = directory.path("copy\(copy).db")
      try store.backup(to: target)
      let copied = try Dataset("d", in: DataStore("sqlite:\(target)?check=full"))
      #expect(copied.count % 2 == 0)
      #expect(access(target + ".part", F_OK) != 0)
    }
    #expect(finished.wait(until: Deadline(milliseconds: 60_000)) { $0 ? true : nil } == true)
    let last = directory.path("copy0.db")
    try store.backup(to: last)
    #expect(try Dataset("d", in: DataStore("sqlite:" + last)).count == 400)
    _ = service
  }

  @Test("a copy that can't be is refused, and leaves nothing")
  func refusedCopies() throws {
    let store = try DataStore(location)
    _ = try store.service("s").create(["n": 1])
    #expect(failure { try store.backup(to: path) }?.code == .invalidArgument)
    #expect(failure { try store.backup(to: "") }?.code == .invalidArgument)
    #expect(failure { try store.backup(to: directory.path("no/where.db")) }?.code == .inputOutput)
    writeFile(directory.path("text"), Array("not a store, not at all".utf8))
    #expect(failure { try store.backup(to: directory.path("text")) }?.code == .notAStore)
    #expect(readFile(directory.path("text")) == Array("not a store, not at all".utf8))
    #expect(failure { try DataStore("memory:").backup(to: directory.path("m.db")) }?.code == .unsupported)
    // A store in use takes a copy in, and its users see it.
    let used = try DataStore("sqlite:" + directory.path("used.db"))
    #expect(try used.service("s").find().total == 0)
    try store.backup(to: directory.path("used.db"))
    #expect(try used.service("s").find().total == 1)
  }

  @Test("a damaged file is found when it is asked for", arguments: ["quick", "full"])
  func checked(check: String) throws {
    do {
      let dataset = try Dataset("d", in: DataStore(location))
      try dataset.append(counting(3000), labels: LabelColumn(Array(repeating: "a", count: 3000)))
    }
    #expect(try Dataset("d", in: DataStore(location + "?check=" + check)).count == 3000)
    var bytes = try #require(readFile(path))
    for place in bytes.count / 2..<bytes.count / 2 + 16_384 { bytes[place] = 0xAA }
    writeFile(path, bytes)
    let error = failure { _ = try DataStore(location + "?check=" + check) }
    #expect(error?.code == .badFormat)
    #expect(error?.message.contains("damaged") == true)
    for bad in ["none-of-these", "7", ""] {
      #expect(failure { _ = try DataStore(location + "?check=" + bad) }?.code == .invalidArgument)
    }
    _ = try DataStore(location)
  }
}
