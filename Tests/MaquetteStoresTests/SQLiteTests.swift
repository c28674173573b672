import CSQLite
import Glibc
import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import TestSupport
import Testing

/// What only a store in a file can do, or meet.
@Suite struct SQLiteTests {
  private let directory = TemporaryDirectory()
  private var path: String { directory.path("store.db") }
  private var location: String { "sqlite:" + path }

  /// Runs SQL as another program would.
  @discardableResult
  private func sqlite(_ sql: String, _ path: String? = nil) throws -> [String] {
    var handle: OpaquePointer?
    sqlite3_open(path ?? self.path, &handle)
    defer { sqlite3_close(handle) }
    var statement: OpaquePointer?
    var rows: [String] = []
    try sql.withCString { start in
      var next: UnsafePointer<CChar>? = start
      while let text = next, text.pointee != 0 {
        try #require(sqlite3_prepare_v2(handle, text, -1, &statement, &next) == SQLITE_OK)
        while statement != nil, sqlite3_step(statement) == SQLITE_ROW {
          rows.append(sqlite3_column_text(statement, 0).map { String(cString: $0) } ?? "NULL")
        }
        sqlite3_finalize(statement)
      }
    }
    return rows
  }

  @Test("what was stored is there when the file is opened again")
  func reopen() throws {
    let instance: JSONObject
    do {
      let dataset = try Dataset("d", in: DataStore(location))
      try dataset.append(counting(3), labels: LabelColumn(["a", "b", "a"]))
      instance = try dataset.create(["x": [7, 8, 9], "y": 4, "note": "kept"])
    }
    #expect(access(path + "-wal", F_OK) != 0)
    let dataset = try Dataset("d", in: DataStore(location))
    #expect(try dataset.get(instance.id) == instance)
    #expect(dataset.count == 4)
    #expect(try dataset.table().labels == LabelColumn(["a", "b", "a", "4"]))
    #expect(try dataset.table().features[row: 3] == [7, 8, 9])
  }

  @Test("a store the sqlite3 tool can read: tables by name, texts, dates, floats")
  func inspectable() throws {
    do {
      let store = try DataStore(location)
      _ = try Dataset("d", in: store).create(["x": [1, 2], "y": "a", "note": "n"])
      _ = try store.service("models").create(["name": "m"], files: [StoredFile(name: "f", bytes: [1])])
    }
    #expect(try sqlite("PRAGMA application_id") == ["\(0x4D61_7175)"])
    #expect(try sqlite("PRAGMA user_version") == ["6"])
    #expect(try sqlite("PRAGMA journal_mode") == ["wal"])
    #expect(try sqlite("SELECT hex(x) FROM \"instances-d\" WHERE y = 'a'") == ["0000803F00000040"])
    #expect(try sqlite("SELECT fields FROM \"instances-d\"") == [#"{"note":"n"}"#])
    #expect(try sqlite("SELECT count(*) FROM models WHERE createdAt > 1700000000000 AND name = 'm'") == ["1"])
    #expect(try sqlite("SELECT document FROM maquette_files") == sqlite("SELECT id FROM models"))
    #expect(try sqlite("PRAGMA integrity_check") == ["ok"])
  }

  @Test("arrays of targets are floats in the file, which then says that it needs a newer Maquette")
  func layout() throws {
    do {
      let dataset = try Dataset("d", in: DataStore(location))
      try dataset.append(counting(100), targets: counting(100, columns: 1))
    }
    #expect(try sqlite("PRAGMA user_version") == ["1"])
    let targets = try counting(100, columns: 2)
    do {
      let dataset = try Dataset("e", in: DataStore(location))
      try dataset.append(counting(100), targets: targets)
    }
    #expect(try sqlite("PRAGMA user_version") == ["2"])
    let first = ["000000000000803F", "0000004000004040"]
    #expect(try sqlite("SELECT hex(y) FROM \"instances-e\" LIMIT 2") == first)
    #expect(try Dataset("e", in: DataStore(location)).table(of: .values).targets == targets)
    try sqlite("UPDATE \"instances-e\" SET y = x'00'")
    let dataset = try Dataset("e", in: DataStore(location))
    #expect(failure { _ = try dataset.table(of: .values) }?.code == .badFormat)
    #expect(failure { _ = try dataset.find() }?.code == .badFormat)
  }

  @Test("acknowledged rows survive the death of the process, an open transaction leaves nothing")
  func crash() throws {
    // The files as they lie on the disk at this moment are what a killed process leaves behind.
    let dataset = try Dataset("d", in: DataStore(location))
    try dataset.append(counting(500), labels: LabelColumn([String](repeating: "a", count: 500)))
    _ = try dataset.create(["x": [1, 2, 3]])
    let other = TemporaryDirectory()
    for suffix in ["", "-wal"] {
      writeFile(other.path("copy.db" + suffix), try #require(readFile(path + suffix)))
    }
    let copy = try Dataset("d", in: DataStore("sqlite:" + other.path("copy.db")))
    #expect(copy.count == 501)
    #expect(try copy.table().features.rows == 501)
  }

  @Test("acknowledged rows survive kill -9")
  func killed() async throws {
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
      let dataset = try Dataset("d", in: DataStore("sqlite:" + path))
      for start in 0..<20 {
        try dataset.append(
          counting(10, from: start), labels: LabelColumn([String](repeating: "a", count: 10)))
      }
      kill(getpid(), SIGKILL)
    }
    let dataset = try Dataset("d", in: DataStore(location))
    #expect(dataset.count == 200)
    #expect(try dataset.table().features.rows == 200)
  }

  @Test("a full disk is an error, nothing half is written, and the store goes on")
  func full() throws {
    let store = try DataStore(location)
    let dataset = try Dataset("d", in: store)
    try dataset.append(counting(10, columns: 64), labels: LabelColumn([String](repeating: "a", count: 10)))
    try store.execute("PRAGMA max_page_count = 40")
    let seen = Seen<Int>()
    dataset.$count.observe { seen.add($0.value) }
    let labels = LabelColumn([String](repeating: "a", count: 20_000))
    let error = try #require(failure { try dataset.append(counting(20_000, columns: 64), labels: labels) })
    #expect(error.code == .full)
    #expect(error.message.contains("SQLite code 13"))
    #expect(dataset.count == 10)
    _ = try dataset.create(["x": .array((0..<64).map { JSON($0) })])
    #expect(seen.values == [10, 11])
    try store.execute("PRAGMA max_page_count = 100000")
    try dataset.append(counting(20_000, columns: 64), labels: labels)
    #expect(try dataset.table().features.rows == 20_011)
  }

  @Test("a file that may not grow is an error too, not a signal")
  func limited() async throws {
    await #expect(processExitsWith: .exitCode(7)) { [path = path as String] in
      let dataset = try Dataset("d", in: DataStore("sqlite:" + path))
      try dataset.append(counting(10, columns: 64), labels: LabelColumn([String](repeating: "a", count: 10)))
      var limit = rlimit(rlim_cur: 1 << 20, rlim_max: rlim_t.max)
      guard setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0 else { exit(1) }
      let labels = LabelColumn([String](repeating: "a", count: 20_000))
      let error = failure { try dataset.append(counting(20_000, columns: 64), labels: labels) }
      guard error?.code == .full, dataset.count == 10 else { exit(2) }
      limit.rlim_cur = rlim_t.max
      setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
      try dataset.append(counting(20_000, columns: 64), labels: labels)
      exit(dataset.count == 20_010 ? 7 : 3)
    }
  }

  @Test("a file that is no database, or another's, is refused and stays as it is")
  func notAStore() throws {
    try sqlite("CREATE TABLE songs(title); INSERT INTO songs VALUES('x')", directory.path("songs.db"))
    try sqlite(
      "PRAGMA journal_mode = wal; PRAGMA application_id = 7; CREATE TABLE t(a)", directory.path("seven.db"))
    try sqlite(
      "PRAGMA application_id = \(0x4D61_7175); PRAGMA user_version = 2; CREATE TABLE t(a)",
      directory.path("new.db"))
    writeFile(directory.path("text.db"), Array("once upon a time".utf8))
    writeFile(directory.path("long.db"), [UInt8](repeating: 65, count: 20_000))
    writeFile(directory.path("byte.db"), [65])
    try sqlite("PRAGMA application_id = \(0x4D61_7175); CREATE TABLE t(a)", directory.path("bare.db"))
    for name in ["bare.db", "songs.db", "seven.db", "new.db", "text.db", "long.db", "byte.db"] {
      let before = readFile(directory.path(name))
      let error = try #require(failure { _ = try DataStore("sqlite:" + directory.path(name)) }, "\(name)")
      #expect(error.code == .notAStore, "\(name)")
      #expect(error.name == directory.path(name))
      #expect(readFile(directory.path(name)) == before)
      #expect(access(directory.path(name) + "-wal", F_OK) != 0)
    }
  }

  @Test("an empty file becomes a store")
  func emptyFile() throws {
    writeFile(path, [])
    #expect(try DataStore(location).services() == [])
  }

  @Test("a damaged store is an error, not a crash")
  func corrupt() throws {
    do {
      let dataset = try Dataset("d", in: DataStore(location))
      try dataset.append(
        counting(5000, columns: 64), labels: LabelColumn([String](repeating: "a", count: 5000)))
    }
    var bytes = try #require(readFile(path))
    for place in 16_384..<bytes.count where place % 16_384 < 64 { bytes[place] = 0x55 }
    writeFile(path, bytes)
    let error = failure {
      let dataset = try Dataset("d", in: DataStore(location))
      _ = try dataset.table()
    }
    #expect([.badFormat, .notAStore].contains(error?.code))
  }

  @Test("rows that somebody added or removed by hand are found, and counted again")
  func changedByHand() throws {
    let labels = LabelColumn([String](repeating: "a", count: 10))
    do { try Dataset("d", in: DataStore(location)).append(counting(10, columns: 2), labels: labels) }
    try sqlite("DELETE FROM \"instances-d\" WHERE place > 7")
    do {
      let dataset = try Dataset("d", in: DataStore(location))
      #expect(try dataset.table().features.rows == 7)
      #expect(dataset.count == 7)
    }
    try sqlite(
      "INSERT INTO \"instances-d\"(id, datasetName, y, createdAt, updatedAt, x) "
        + "SELECT printf('%024x', place), datasetName, y, createdAt, updatedAt, x FROM \"instances-d\"")
    let dataset = try Dataset("d", in: DataStore(location))
    #expect(try dataset.table().features.rows == 14)
    #expect(dataset.count == 14)
  }

  @Test("rows that somebody else has damaged are named, not trusted")
  func damagedRows() throws {
    do { _ = try Dataset("d", in: DataStore(location)).create(["x": [1, 2], "y": "a", "note": "n"]) }
    for (damage, repair) in [
      ("x = x'000000'", "x = x'0000803F00000040'"), ("fields = '{'", "fields = NULL"),
      ("fields = '[]'", "fields = NULL"),
      ("shape = '[3]'", "shape = NULL"), ("shape = 'no'", "shape = NULL"),
      ("y = CAST(x'FF' AS TEXT)", "y = 'a'"),
      ("id = 'short'", "id = '0123456789abcdef01234567'"),
    ] {
      try sqlite("UPDATE \"instances-d\" SET \(damage)")
      #expect(
        failure { _ = try Dataset("d", in: DataStore(location)).find() }?.code == .badFormat, "\(damage)")
      try sqlite("UPDATE \"instances-d\" SET \(repair)")
    }
    #expect(try Dataset("d", in: DataStore(location)).find().total == 1)
  }

  @Test("a directory that isn't there or may not be written is named")
  func directories() throws {
    let missing = directory.path("none/store.db")
    let error = try #require(failure { _ = try DataStore("sqlite:" + missing) })
    #expect(error.code == .inputOutput)
    #expect(error.message.contains(missing))
    #expect(failure { _ = try DataStore("sqlite:" + directory.path) }?.code == .inputOutput)
    #expect(failure { _ = try DataStore("sqlite:/proc/store.db") }?.code == .inputOutput)
  }

  @Test(
    "a location that means nothing is refused",
    arguments: [
      "", "memory", "sqlite:", "sqlite", "sqlite:?synchronous=normal",
      "sqlite:a.db?synchronous=off",
      "sqlite:a.db?timeout=soon", "sqlite:a.db?timeout=-1", "sqlite:a.db?timeout", "sqlite:a\0b",
    ])
  func locations(_ text: String) {
    #expect(failure { _ = try DataStore(text) }?.code == .invalidArgument)
  }

  @Test("a kind of store that there is not here is refused as such", arguments: ["postgres:x", "mysql:y"])
  func schemes(_ text: String) {
    #expect(failure { _ = try DataStore(text) }?.code == .unsupported)
  }

  @Test("options are taken from the location, and a strange path is only a path")
  func options() throws {
    let store = try DataStore(location + "?synchronous=normal&timeout=10")
    #expect(store.location == location + "?synchronous=normal&timeout=10")
    _ = try DataStore("sqlite:" + directory.path("file: odd 'name' %20.db")).service("runs").create([:])
    #expect(access(directory.path("file: odd 'name' %20.db"), F_OK) == 0)
  }

  @Test("two stores on one file see each other's writes, and the table notices")
  func twoConnections() throws {
    let first = try Dataset("d", in: DataStore(location))
    let second = try Dataset("d", in: DataStore(location))
    try first.append(counting(2), labels: LabelColumn(["a", "b"]))
    #expect(second.count == 2)
    #expect(try second.table().features.rows == 2)
    _ = try second.create(["x": [1, 2, 3], "y": "c"])
    #expect(first.count == 3)
    #expect(try first.table().labels == LabelColumn(["a", "b", "c"]))
    #expect(
      failure { try second.append(counting(1, columns: 9), labels: LabelColumn(["a"])) }?.code == .badShape)
    try second.clear()
    try first.append(counting(1, columns: 9), labels: LabelColumn(["a"]))
    #expect(try second.table().features.columns == 9)
    #expect(first.count == 1)
  }

  @Test("a write of another program is seen by table and count")
  func foreignWrites() throws {
    let dataset = try Dataset("d", in: DataStore(location))
    try dataset.append(counting(3), labels: LabelColumn(["a", "b", "c"]))
    #expect(try dataset.table().features.rows == 3)
    try sqlite("DELETE FROM \"instances-d\" WHERE y = 'b'")
    #expect(try dataset.table().labels == LabelColumn(["a", "c"]))
    #expect(dataset.count == 2)
  }

  @Test("a service another process made is found, and its table is not made twice")
  func serviceOfAnother() throws {
    let first = try DataStore(location)
    let second = try DataStore(location)
    let document = try first.service("runs").create(["v": 1])
    #expect(try second.service("runs").get(document.id) == document)
    #expect(try second.services() == ["runs"])
  }

  @Test("a store that another program keeps locked says so, and works afterwards")
  func locked() throws {
    let service = try DataStore(location + "?timeout=0").service("runs")
    var handle: OpaquePointer?
    sqlite3_open(path, &handle)
    defer { sqlite3_close(handle) }
    #expect(sqlite3_exec(handle, "BEGIN IMMEDIATE", nil, nil, nil) == SQLITE_OK)
    let error = try #require(failure { _ = try service.create([:]) })
    #expect(error.code == .locked)
    #expect(try service.find().total == 0)
    sqlite3_exec(handle, "COMMIT", nil, nil, nil)
    #expect(try service.create([:]).id.utf8.count == 24)
  }

  @Test("a store that many make at once is one store")
  func madeAtOnce() async throws {
    for round in 0..<40 {
      let location = "sqlite:" + directory.path("\(round).db")
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<4 {
          group.addTask { _ = try DataStore(location).service("service \(number)").create([:]) }
        }
        try await group.waitForAll()
      }
      #expect(try DataStore(location).services().count == 4)
    }
  }

  @Test("many threads making services and rows at once lose nothing")
  func contention() async throws {
    let store = try DataStore(location)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for thread in 0..<4 {
        group.addTask {
          let dataset = try Dataset("d", in: store)
          for _ in 0..<5 {
            try dataset.append(counting(10), labels: LabelColumn([String](repeating: "\(thread)", count: 10)))
            _ = try dataset.table()
          }
        }
      }
      try await group.waitForAll()
    }
    let dataset = try Dataset("d", in: store)
    #expect(dataset.count == 200)
    #expect(try dataset.table().features.rows == 200)
    #expect(try store.services() == ["instances-d"])
  }
}
