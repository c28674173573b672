import Glibc
import MaquetteFormats
import MaquetteKernels
import MaquetteSystem
import TestSupport
import Testing

@testable import MaquetteStores

/// The copying of the log into the file, beside those who use the store.
@Suite struct SQLiteCheckpointTests {
  private let directory = TemporaryDirectory()
  private var path: String { directory.path("store.db") }
  private var location: String { "sqlite:" + path }

  private func size(_ path: String) -> Int {
    var info = stat()
    return stat(path, &info) == 0 ? Int(info.st_size) : 0
  }

  @Test("a store that is written to without a pause keeps a log of bounded length, and loses nothing")
  func bounded() throws {
    let rows = 4000
    do {
      let dataset = try Dataset("d", in: DataStore(location + "?synchronous=normal"))
      let other = try Dataset("d", in: DataStore(location))
      var longest = 0
      for row in 0..<rows {
        try dataset.append(counting(1, columns: 64, from: row), labels: LabelColumn(["a"]))
        if row % 100 == 0 {
          longest = max(longest, size(path + "-wal"))
          #expect(other.count == row + 1)
        }
      }
      // Two pages of 16 kB for each row would be 131 MB.
      #expect(longest < 100 << 20)
      #expect(size(path) > 1 << 18, "the most of it is in the file before the store is closed")
    }
    let table = try Dataset("d", in: DataStore(location)).table()
    #expect(table.features.rows == rows)
    #expect((0..<rows).allSatisfy { table.features[$0, 0] == Float($0) })
  }

  @Test("who writes to a log that is far too long waits for the copy that is under way, who reads does not")
  func heldUp() throws {
    let checkpoint = SQLiteCheckpoint()
    let seen = Seen<String>()
    checkpoint.note(pages: 4000)
    #expect(checkpoint.starts())
    checkpoint.pass.change { $0 = true }
    // There is room left.
    checkpoint.holdUp()
    checkpoint.note(pages: 5000)
    try Thread.start("copying") { [pass = checkpoint.pass] in
      for _ in 0..<1000 { sched_yield() }
      seen.add("copied")
      pass.change { $0 = false }
    }
    checkpoint.holdUp()
    seen.add("went on")
    #expect(seen.values == ["copied", "went on"])
    checkpoint.pass.change { $0 = true }
    // Nobody has written since.
    checkpoint.holdUp()
    checkpoint.note(pages: 10)
    checkpoint.holdUp()
  }

  @Test("a log that is removed while it is copied loses nothing")
  func removed() throws {
    let rows = 6000
    let labels = LabelColumn([String](repeating: "a", count: rows))
    let dataset = try Dataset("d", in: DataStore(location))
    // More than the log holds before it is copied.
    let matrix = try counting(rows, columns: 700)
    for round in 1...4 {
      try dataset.append(matrix, labels: labels)
      unlink(path + "-wal")
      #expect(dataset.count == round * rows)
    }
    #expect(try Dataset("d", in: DataStore(location)).count == 4 * rows)
    #expect(try dataset.table().features.rows == 4 * rows)
  }

  @Test("a file that is replaced while there is much to copy is not written to")
  func replaced() throws {
    let other = directory.path("other.db")
    do { _ = try Dataset("d", in: DataStore("sqlite:" + other)).create(["x": [1], "y": "other"]) }
    let before = readFile(other)
    do {
      let dataset = try Dataset("d", in: DataStore(location))
      rename(path, path + ".away")
      rename(other, path)
      let labels = LabelColumn([String](repeating: "a", count: 6000))
      #expect(
        failure { try dataset.append(counting(6000, columns: 700), labels: labels) }?.code == .inputOutput)
    }
    #expect(readFile(path) == before)
  }
}
