import CSQLite
import Glibc
import MaquetteFormats
import MaquetteKernels
import MaquetteStreams
import MaquetteSystem
import TestSupport
import Testing

@testable import MaquetteStores

/// The numbers of documents that a file keeps: right whoever writes what, and cheap.
@Suite struct SQLiteCountingTests {
  private let directory = TemporaryDirectory()
  private var path: String { directory.path("store.db") }
  private var location: String { "sqlite:" + path }

  /// What a connection that knows nothing of Maquette counts.
  private func rows(_ service: String, of dataset: String) throws -> Int {
    let found = try SQLiteConnection(path).integer(
      "SELECT count(*) FROM \(quotedName(service)) WHERE datasetName = ?", .text(dataset))
    return Int(found ?? -1)
  }

  @Test(
    "counts are right whatever comes one at a time or at once, changes, moves and goes, in two stores at a time"
  )
  func random() throws {
    var random = Random(seed: 11)
    var stores = [try DataStore(location), try DataStore(location)]
    _ = try Dataset("a", in: stores[0])
    for turn in 0..<1500 {
      let place = Int.random(in: 0...1, using: &random)
      let service = try stores[place].service("instances-a")
      let dataset = ["a", "b"][Int.random(in: 0...1, using: &random)]
      switch Int.random(in: 0..<100, using: &random) {
      case 0: stores[place] = try DataStore(location)
      case 1: try service.clear(dataset)
      case 2...4:
        let count = Int.random(in: 1...150, using: &random)
        try service.append(
          counting(count, from: turn), .labels(LabelColumn([String](repeating: "l", count: count))), .flat,
          to: dataset)
      case 5...9:
        let page = try service.find(
          query(#"{"$limit": 1, "$skip": \#(Int.random(in: 0...40, using: &random))}"#))
        if let document = page.data.first { _ = try service.remove(document.id) }
      case 10...14:
        let page = try service.find(query(#"{"$limit": 1, "$sort": {"createdAt": -1}}"#))
        if let document = page.data.first {
          _ = try service.patch(document.id, with: ["datasetName": .string(dataset)])
        }
      case 15...19:
        let failed = failure {
          _ = try service.create([["datasetName": .string(dataset)], ["id": "no id", "datasetName": "a"]])
        }
        #expect(failed != nil)
      default: _ = try service.create(["datasetName": .string(dataset), "x": [1, 2, 3], "y": "l"])
      }
      guard turn % 7 == 0 else { continue }
      let counts = try stores.map { store in
        let service = try store.service("instances-a")
        let numbers = try ["a", "b"].map { name in
          try service.read { (session) throws(MaquetteError) -> Int in try session.count(name) }
        }
        return numbers + [try service.count()]
      }
      let (a, b) = (try rows("instances-a", of: "a"), try rows("instances-a", of: "b"))
      try #require(counts == [[a, b, a + b], [a, b, a + b]], "turn \(turn)")
    }
  }

  @Test("a count that was asked before is right after every insertion, for each dataset and label")
  func totals() throws {
    var random = Random(seed: 5)
    let store = try DataStore(location + "?index=y")
    let a = try Dataset("a", in: store)
    let service = try store.service("instances-a")
    let watched = a.$changes.queue()
    var expected: [String: Int] = [:]
    let texts = [
      #"{"y": "0"}"#, #"{"y": {"$ne": "1"}}"#, #"{"y": {"$in": ["1", "2"]}}"#,
      #"{"y": "1", "datasetName": "b"}"#,
      #"{"y": {"$gte": "1"}}"#, #"{"y": 2}"#,
    ]
    for turn in 0..<400 {
      let label = Int.random(in: 0...2, using: &random)
      let dataset = turn < 50 ? "a" : ["a", "b"][Int.random(in: 0...1, using: &random)]
      switch Int.random(in: 0...9, using: &random) {
      case 0: _ = try service.create(["datasetName": .string(dataset), "x": [1, 2, 3], "y": JSON(label)])
      case 1: _ = try service.create(["datasetName": .string(dataset), "x": [1, 2, 3], "z": JSON(label)])
      case 2:
        if let document = try service.find(query(#"{"y": "\#(label)"}"#)).data.first {
          _ = try service.remove(document.id)
        }
      case 3...5:
        try service.append(
          counting(3), .labels(LabelColumn(["\(label)", "0", "1"])), .flat, to: dataset)
      default:
        _ = try service.create(["datasetName": .string(dataset), "x": [1, 2, 3], "y": .string("\(label)")])
      }
      let records = try service.read { (session) throws(MaquetteError) -> [Record] in
        var records: [Record] = []
        try session.scan(nil, .all, skip: 0) { record in
          records.append(record)
          return true
        }
        return records
      }
      for text in texts {
        let condition = try query(text).condition
        for (name, found) in [("", try service.count(query(text))), ("a", try a.count(query(text)))] {
          let matching = records.filter { condition.matches($0) && (name.isEmpty || $0.dataset == name) }
          try #require(found == matching.count, "turn \(turn): \(text) in '\(name)'")
          expected[text] = found
        }
      }
    }
    #expect(expected.values.allSatisfy { $0 >= 0 } && expected[texts[0]] ?? 0 > 20)
    watched.cancel()
  }

  @Test("a document alone writes two pages, not those that hold the numbers as well")
  func pages() throws {
    let dataset = try Dataset("d", in: DataStore(location))
    _ = try dataset.create(["x": [1, 2, 3], "y": "a"])
    func pagesInLog() -> Int {
      var info = stat()
      return stat(path + "-wal", &info) == 0 ? (Int(info.st_size) - 32) / (16_384 + 24) : -1
    }
    let before = pagesInLog()
    for _ in 0..<50 { _ = try dataset.create(["x": [1, 2, 3], "y": "a"]) }
    // A page is filled now and then, and a new one begun.
    #expect((100...110).contains(pagesInLog() - before))
  }

  @Test("a file that an older version made takes documents one at a time, and says that it needs this one")
  func older() throws {
    let labels = LabelColumn([String](repeating: "a", count: 100))
    do {
      let store = try DataStore(location)
      try Dataset("d", in: store).append(counting(100), labels: labels)
      try Dataset("e", in: store).append(counting(100), labels: labels)
    }
    let columns = "SELECT count(*) FROM pragma_table_info('maquette_services')"
    #expect(try SQLiteConnection(path).integer(columns) == 3)
    do {
      let store = try DataStore(location)
      let dataset = try Dataset("d", in: store)
      #expect(dataset.count == 100)
      _ = try dataset.create(["x": [1, 2, 3], "y": "a"])
      #expect(dataset.count == 101)
      #expect(try store.number("PRAGMA user_version") == SQLiteFile.Layout.tails.rawValue)
    }
    let store = try DataStore(location)
    #expect(try Dataset("d", in: store).count == 101)
    #expect(try Dataset("d", in: store).table().features.rows == 101)
    #expect(try Dataset("e", in: store).count == 100)
    try Dataset("e", in: store).clear()
    try Dataset("d", in: store).append(counting(100), labels: labels)
    #expect(try Dataset("d", in: store).count == 201)
    #expect(try Dataset("e", in: store).count == 0)
  }

  @Test("numbers that somebody has written by hand end in no trap", arguments: [-5, Int64.max, .min])
  func impossible(_ number: Int64) throws {
    let labels = LabelColumn([String](repeating: "a", count: 100))
    do {
      let dataset = try Dataset("d", in: DataStore(location))
      try dataset.append(counting(100), labels: labels)
      _ = try dataset.create(["x": [1, 2, 3], "y": "a"])
    }
    for column in ["counted", "documents"] {
      try SQLiteConnection(path).execute("UPDATE maquette_services SET \(column) = \(number)")
      try SQLiteConnection(path).execute("UPDATE maquette_datasets SET instances = \(number)")
      let dataset = try Dataset("d", in: DataStore(location))
      #expect(dataset.count >= 0)
      _ = try dataset.create(["x": [1, 2, 3], "y": "a"])
      let error = failure { _ = try dataset.table() }
      // So many rows fit nowhere; other numbers are found to be wrong.
      #expect(error == nil || error?.code == .outOfMemory && number == .max)
      if error == nil { #expect(dataset.count == (try rows("instances-d", of: "d"))) }
    }
  }
}
