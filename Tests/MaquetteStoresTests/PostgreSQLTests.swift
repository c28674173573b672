import Glibc
import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import TestSupport
import Testing

/// What only a store on a server can do, or meet; that it does what every store does, the other suites see.
@Suite(.enabled(if: PostgreSQLTesting.location != nil, Comment(rawValue: PostgreSQLTesting.reason)))
struct PostgreSQLTests {
  private let location: String
  private let store: DataStore
  private let cleaner: Cleaner

  init() throws {
    location = PostgreSQLTesting.freshLocation()
    store = try DataStore(location)
    cleaner = Cleaner(store)
  }

  private var schema: String { PostgreSQLTesting.schema(of: location) }

  @Test("what was stored is there when the store is opened again")
  func reopen() throws {
    let dataset = try Dataset("d", in: store)
    try dataset.append(counting(3), labels: LabelColumn(["a", "b", "a"]))
    let instance = try dataset.create(["x": [7, 8, 9], "y": 4, "note": "kept"])
    let other = try Dataset("d", in: DataStore(location))
    #expect(try other.get(instance.id) == instance)
    #expect(other.count == 4)
    #expect(try other.table().labels == LabelColumn(["a", "b", "a", "4"]))
    #expect(try other.table().features[row: 3] == [7, 8, 9])
  }

  @Test("a store anybody can look into: tables by name, texts, dates, floats")
  func inspectable() throws {
    _ = try Dataset("d", in: store).create(["x": [1, 2], "y": "a", "note": "n"])
    let found = try store.number(
      """
      SELECT count(*) FROM \(schema)."instances-d" WHERE y = 'a' AND encode(x, 'hex') = '0000803f00000040'
        AND fields::jsonb ->> 'note' = 'n' AND "createdAt" > 1700000000000
      """)
    #expect(found == 1)
  }

  @Test("documents come back as they were: their members' order, every digit, every character")
  func verbatim() throws {
    let service = try store.service("notes")
    let document: JSONObject = [
      "z": 1, "a": ["z": 0.1, "a": 1e-300, "nul": "\0", "both": "\u{1}0\0\u{1}"], "z2": -0.0,
      "name": "n\0\u{1}",
      "y": "\0", "text": "\u{202E}עברית 🙂 \\ \" '; DROP TABLE x; --",
    ]
    let created = try service.create(document)
    let read = try service.get(created.id)
    #expect(read == created)
    #expect(
      read["a"] == document["a"]
        && read.names.filter { ["z", "a", "z2", "text"].contains($0) } == ["z", "a", "z2", "text"])
    #expect(try service.newest(named: "n\0\u{1}")?.id == created.id)
    #expect(try service.newest(named: "n") == nil)
    let dataset = try Dataset("\u{1}d", in: store)
    try dataset.append(counting(2), labels: LabelColumn(["\0", "\u{1}"]))
    #expect(try dataset.table().labels == LabelColumn(["\0", "\u{1}"]))
    #expect(try Dataset("\u{1}d", in: DataStore(location)).count == 2)
  }

  @Test("services, datasets, documents and files may be called anything")
  func names() throws {
    let long = String(repeating: "lang ", count: 2000)
    let names = [
      "a\"b", "a'b; DROP SCHEMA public", "a.b", " ", "maquette_store", "maquette_store ids", "Ä🙂\u{202E}א",
      String(long.dropLast()), long, long + "2", "a\u{1}b", "\u{1}",
    ]
    for name in names {
      let service = try store.service(name)
      let document = try service.create(
        ["name": .string(name), "datasetName": .string(name), "x": [1]],
        files: [StoredFile(name: name.isEmpty ? "f" : name.replacing("/", with: ""), bytes: [1, 2])])
      #expect(try service.newest(named: name) == document)
    }
    let other = try DataStore(location)
    #expect(try other.services() == names)
    for name in names {
      #expect(try other.service(name).find().data.map { $0["name"] } == [.string(name)])
      let path = try #require(
        try other.service(name).find().data.first?["files"]?.array?.first?.array?.last?.string)
      #expect(try other.service(name).file(at: path) == [1, 2])
    }
  }

  @Test("a store of a newer version is left alone")
  func newer() throws {
    try store.execute("UPDATE \(schema).maquette_store SET layout = 99")
    let error = try #require(failure { _ = try DataStore(location) })
    #expect(error.code == .notAStore)
    #expect(error.message.contains("layout 99"))
    #expect(!error.message.contains("secret"))
  }

  @Test("stores that are made at once are one store")
  func madeAtOnce() throws {
    let location = PostgreSQLTesting.freshLocation()
    let outcomes = Monitor<[MaquetteError?]>([])
    for number in 0..<8 {
      try Thread.start("opener") {
        let error = failure {
          let store = try DataStore(location)
          _ = try store.service("s").create(["n": .number(Double(number))])
        }
        outcomes.change { $0.append(error) }
      }
    }
    let all = outcomes.wait(until: Deadline(milliseconds: 60_000)) { $0.count == 8 ? $0 : nil }
    #expect(all == Array(repeating: nil, count: 8))
    let store = try DataStore(location)
    #expect(try store.services() == ["s"])
    #expect(try store.service("s").find().total == 8)
    withExtendedLifetime(Cleaner(store)) {}
  }

  @Test("writers of one service in several stores take turns: each sees all that was there before")
  func turns() throws {
    let done = Monitor(0)
    for _ in 0..<3 {
      let service = try DataStore(location).service("runs")
      try Thread.start("writer") {
        for _ in 0..<30 { _ = try? service.create(["a": 1], numberedAfter: "base") }
        done.change { $0 += 1 }
      }
    }
    #expect(done.wait(until: Deadline(milliseconds: 60_000)) { $0 == 3 ? true : nil } == true)
    let names = try store.service("runs").find(query(#"{"$limit": 1000}"#)).data.compactMap {
      $0["name"]?.string
    }
    #expect(names == (1...90).map { "base-\($0)" })
  }

  @Test("a reading does not wait for a writer; who writes to the same service does, as long as was said")
  func locks() throws {
    let service = try store.service("notes")
    _ = try service.create(["n": 1])
    _ = try store.service("others")
    try store.execute("BEGIN; UPDATE \(schema).maquette_services SET writer = 0 WHERE name = 'notes'")
    let hasty = try DataStore(location + "&lock_timeout=100")
    #expect(try hasty.service("notes").find().total == 1)
    _ = try hasty.service("others").create(["n": 2])
    let error = try #require(failure { _ = try hasty.service("notes").create(["n": 3]) })
    #expect(error.code == .locked && error.message.contains("55P03"))
    try store.execute("ROLLBACK")
    _ = try hasty.service("notes").create(["n": 4])
    #expect(try service.find().data.map { $0["n"] } == [1, 4])
  }

  @Test("a transaction that fails leaves nothing, of rows in bulk neither")
  func undone() throws {
    let dataset = try Dataset("d", in: store)
    try dataset.append(counting(3), labels: LabelColumn(["a", "b", "a"]))
    try store.execute("ALTER TABLE \(schema).\"instances-d\" ADD CHECK (place < 1000)")
    let labels = LabelColumn([String](repeating: "a", count: 20_000))
    #expect(failure { try dataset.append(counting(20_000), labels: labels) } != nil)
    #expect(dataset.count == 3)
    #expect(try dataset.table().features.rows == 3)
    try dataset.append(counting(2), labels: LabelColumn(["a", "b"]))
    #expect(try dataset.table().features.rows == 5)
  }

  @Test("rows that somebody changed by hand are read as they are")
  func byHand() throws {
    let dataset = try Dataset("d", in: store)
    try dataset.append(counting(5), labels: LabelColumn(["a", "b", "a", "b", "a"]))
    try store.execute("DELETE FROM \(schema).\"instances-d\" WHERE y = 'b'")
    let other = try Dataset("d", in: DataStore(location))
    #expect(try other.table().features.rows == 3)
    try store.execute("UPDATE \(schema).\"instances-d\" SET x = '\\x00'")
    #expect(failure { _ = try Dataset("d", in: DataStore(location)).table() }?.code == .badFormat)
  }

  @Test("many rows go through pages of the server and come back in their order")
  func bulk() throws {
    let dataset = try Dataset("d", in: store)
    let rows = 20_000
    let names = (0..<rows).map { "label \($0 % 7)" }
    try dataset.append(counting(rows, columns: 16), labels: LabelColumn(names))
    let table = try dataset.table()
    #expect(table.labels == LabelColumn(names))
    #expect(try table.features == counting(rows, columns: 16))
    var seen = 0
    let reader = try dataset.blocks(rows: 3000).makeReader(of: .label)
    while let block = try reader.next() {
      #expect(block.features[row: 0][0] == Float(seen * 16))
      seen += block.features.rows
    }
    #expect(seen == rows)
  }

  @Test("a location says what it can't be")
  func locations() throws {
    let error = failure { _ = try DataStore("postgresql://a:secret@h/d?schema=") }
    #expect(error?.code == .invalidArgument && error?.message.contains("secret") == false)
    #expect(failure { _ = try DataStore("postgresql://a@h/d?lock_timeout=x") }?.name == "lock_timeout")
    let unknown = try #require(failure { _ = try DataStore(location + "&nothing=1") })
    #expect(unknown.code == .inputOutput && unknown.message.contains("nothing"))
    #expect(!unknown.message.contains("secret"))
    let schema = "Ä \"1\""
    let encoded = "%C3%84%20%221%22"
    let plain = try #require(PostgreSQLTesting.location)
    let odd = try DataStore(plain + "?schema=\(encoded)")
    defer { try? odd.execute("DROP SCHEMA \"\(schema.replacing("\"", with: "\"\""))\" CASCADE") }
    _ = try odd.service("s").create([:])
    #expect(try odd.service("s").find().total == 1)
  }
}

/// What others do to a store on a server, and how the server tells of it; see also ``ForeignChangeContractTests``.
@Suite(.enabled(if: PostgreSQLTesting.location != nil, Comment(rawValue: PostgreSQLTesting.reason)))
struct PostgreSQLChangeTests {
  private let ours: DataStore
  private let theirs: DataStore
  private let cleaner: Cleaner

  init() throws {
    let location = PostgreSQLTesting.freshLocation()
    ours = try DataStore(location)
    theirs = try DataStore(location)
    cleaner = Cleaner(ours)
  }

  @Test("rows in bulk, and a dataset that is cleared, are one line each")
  func bulk() throws {
    let queue = try ours.service("instances-d").events.queue()
    let dataset = try Dataset("d", in: theirs)
    try dataset.append(counting(1000), labels: LabelColumn([String](repeating: "a", count: 1000)))
    let created = try queue.next(timeout: 30_000).value
    #expect(created.count == 1000 && created.allSatisfy { $0.kind == .created })
    #expect(created[999].document["x"] == [2997, 2998, 2999])
    try dataset.clear()
    #expect(try queue.next(timeout: 30_000).value.map(\.kind) == [.cleared])
  }

  @Test("a change of another store is told within a moment")
  func soon() throws {
    let queue = try ours.service("notes").events.queue()
    let service = try theirs.service("notes")
    var delays: [Int64] = []
    for n in 0..<50 {
      let start = Timestamp.now().milliseconds
      _ = try service.create(["n": .number(Double(n))])
      _ = try texts(queue, 1)
      delays.append(Timestamp.now().milliseconds - start)
    }
    // Half of them, and far less than the pause of who polls: machines that test are busy with other things, too. The
    // bench has the figure.
    #expect(delays.sorted()[25] < 1000)
  }

  @Test("who has missed more than the log keeps is told to read everything anew")
  func overtaken() throws {
    let service = try ours.service("notes")
    let queue = service.events.queue()
    let schema = PostgreSQLTesting.schema(of: ours.location)
    try ours.execute("UPDATE \(schema).maquette_services SET change = change + 10000")
    _ = try theirs.service("notes").create(["n": 1])
    #expect(try queue.next(timeout: 30_000).value.map(\.kind) == [.reloaded])
    _ = try theirs.service("notes").create(["n": 2])
    // Whoever looked in between tells of the first, too.
    let next = try texts(queue, 1)
    #expect(try next == ["created 2"] || next + texts(queue, 1) == ["created 1", "created 2"])
  }
}
