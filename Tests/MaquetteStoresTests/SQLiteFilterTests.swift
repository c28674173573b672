import MaquetteFormats
import MaquetteSystem
import TestSupport
import Testing

@testable import MaquetteStores

/// Queries that are answered by SQLite.
@Suite struct `A condition in SQL` {
  private func filter(_ text: String) throws -> SQLiteFilter {
    SQLiteFilter(try query(text).condition, hasLabels: true)
  }

  @Test func `holds no value and no name that somebody gave`() throws {
    let hostile: JSON = "x' OR 1=1; --"
    for condition: JSONObject in [
      ["y": hostile], ["name": ["$in": [hostile, 1, true]]], ["id": ["$gt": hostile]], ["createdAt": hostile],
      ["y": ["$not": ["$lte": hostile, "$ne": 5]]], ["$or": [["datasetName": hostile], ["y": hostile]]],
      ["x' OR 1=1; --": 1], ["$and": [["y": hostile], ["x' OR 1=1; --": hostile]]],
    ] {
      let filter = SQLiteFilter(try Query(.object(condition)).condition, hasLabels: true)
      #expect(!filter.sql.contains("OR 1=1") && !filter.sql.contains("x' "), "\(filter.sql)")
      #expect(filter.sql.count { $0 == "?" } == filter.values.count)
    }
  }

  @Test(arguments: [
    (#"{"y": "a"}"#, "y = ?"),
    (#"{"y": "a", "createdAt": {"$gte": "2026-01-01T00:00:00Z"}}"#, "(y = ?) AND (createdAt >= ?)"),
    (#"{"y": {"$in": ["a", 1, "b"]}}"#, "y IN (?,?,?,?)"),
    (#"{"y": {"$ne": "a"}}"#, "y IS NULL OR (NOT (y = ?))"),
    (#"{"y": true}"#, "0"),
    (#"{}"#, "1"),
  ])
  func `says what it means`(text: String, sql: String) throws {
    let filter = try filter(text)
    #expect(filter.sql == sql)
    #expect(filter.isComplete)
  }

  @Test(arguments: [
    (#"{"f": 1}"#, "1"), (#"{"y": "a", "f": 1}"#, "y = ?"), (#"{"y.0": "a"}"#, "1"), (#"{"x": 1}"#, "1"),
    (#"{"$or": [{"y": "a"}, {"f": 1}]}"#, "1"), (#"{"$not": {"y": "a", "f": 1}}"#, "1"),
  ])
  func `is cut down to what SQL can say`(text: String, sql: String) throws {
    let filter = try filter(text)
    #expect(filter.sql == sql)
    #expect(!filter.isComplete)
  }

  @Test func `leaves y alone among predictions, whose column holds something else`() throws {
    let filter = SQLiteFilter(try query(#"{"y": "a"}"#).condition, hasLabels: false)
    #expect(filter.sql == "1" && !filter.isComplete)
  }

  // MARK: In a store

  private func filled(_ count: Int) throws -> (TestStore, Dataset) {
    let test = try TestStore(.sqlite)
    let dataset = try Dataset("d", in: test.store)
    try dataset.append(
      counting(count, columns: 4), labels: LabelColumn((0..<count).map { "label \($0 % 10)" }))
    return (test, dataset)
  }

  @Test(arguments: [false, true]) func `reads no features that nobody asked for`(isIndexed: Bool) throws {
    let (test, dataset) = try filled(50)
    if isIndexed { try dataset.createIndex(on: "y") }
    // Who reads these sees that they are damaged.
    try test.store.execute(#"UPDATE "instances-d" SET x = x'00'"#)
    #expect(failure { _ = try dataset.find() }?.code == .badFormat)
    #expect(try dataset.find(query(#"{"y": "label 3", "$select": ["y"]}"#)).total == 5)
    #expect(try dataset.find(query(#"{"$select": ["y", "createdAt"], "$limit": 3}"#)).data.count == 3)
    #expect(try dataset.find(query(#"{"$select": ["id"], "$sort": {"y": -1, "createdAt": 1}}"#)).total == 50)
    #expect(try dataset.find(query(#"{"f": null, "$limit": 0}"#)).total == 50)
    #expect(try dataset.count(query(#"{"y": {"$ne": "label 3"}}"#)) == 45)
    #expect(try dataset.distinct("y").count == 10)
    #expect(try dataset.distinct("y", query(#"{"$sort": {"id": 1}}"#)).count == 10)
    #expect(failure { _ = try dataset.count(query(#"{"x": 1}"#)) }?.code == .badFormat)
  }

  @Test func `looks with an index only at the rows it leads to`() throws {
    let (test, dataset) = try filled(100)
    try dataset.createIndex(on: "y")
    // Who looks at these rows at all meets an id that can't be.
    try test.store.execute(#"UPDATE "instances-d" SET id = 'damaged ' || place WHERE y <> 'label 3'"#)
    let page = try dataset.find(query(#"{"y": "label 3", "$limit": 3, "$skip": 2}"#))
    #expect(
      page.total == 10 && page.values("x") == ["[92,93,94,95]", "[132,133,134,135]", "[172,173,174,175]"])
    #expect(try dataset.items(query(#"{"y": "label 3"}"#)).array().count == 10)
    #expect(try dataset.distinct("y", query(#"{"y": {"$in": ["label 3"]}}"#)) == ["label 3"])
    #expect(failure { _ = try dataset.find() }?.code == .badFormat)
  }

  @Test func `finds through the index what has its label among the fields`() throws {
    let (test, dataset) = try filled(20)
    defer { withExtendedLifetime(test) {} }
    try dataset.createIndex(on: "y")
    _ = try dataset.create(["x": [1, 2, 3, 4], "y": ["label 3", 1]])
    _ = try dataset.create(["x": [1, 2, 3, 4], "note": "no label"])
    #expect(try dataset.count(query(#"{"y": "label 3"}"#)) == 3)
    #expect(try dataset.find(query(#"{"y": "label 3"}"#)).total == 3)
    #expect(try dataset.count(query(#"{"y": {"$nin": ["label 3", null]}}"#)) == 18)
    #expect(try dataset.count(query(#"{"y": null}"#)) == 1)
    #expect(try dataset.items(query(#"{"y": 1}"#)).array().count == 1)
  }

  @Test func `uses an index that another handle made, and that is there when the file is opened again`()
    throws
  {
    let (test, dataset) = try filled(30)
    let other = try Dataset("d", in: test.another())
    #expect(try other.count(query(#"{"y": "label 3"}"#)) == 3)
    try dataset.createIndex(on: "y")
    try dataset.createIndex(on: "y")
    for field in ["createdAt", "updatedAt", "datasetName", "id", "name"] {
      try dataset.createIndex(on: field)
    }
    try test.store.execute(#"UPDATE "instances-d" SET id = 'damaged ' || place WHERE y <> 'label 3'"#)
    let select = #"{"y": "label 3", "$select": []}"#
    #expect(try other.find(query(select)).data.count == 3)
    #expect(try Dataset("d", in: test.another()).find(query(select)).data.count == 3)
  }

  @Test func `uses the indices that the location asks for`() throws {
    let (test, dataset) = try filled(30)
    let indexed = try Dataset(
      "d", in: DataStore(test.open.location + "?index=y,createdAt&synchronous=normal"))
    try test.store.execute(#"UPDATE "instances-d" SET id = 'damaged ' || place WHERE y <> 'label 3'"#)
    #expect(try indexed.find(query(#"{"y": "label 3"}"#)).data.count == 3)
    #expect(try dataset.find(query(#"{"y": "label 3"}"#)).data.count == 3)
    for options in ["?index=score", "?index=y,x"] {
      #expect(failure { _ = try DataStore(test.open.location + options) }?.code == .unsupported)
    }
    #expect(failure { _ = try DataStore(test.open.location + "?index") }?.code == .invalidArgument)
  }

  @Test(arguments: StoreKind.allCases) func `has an index for some members only`(kind: StoreKind) throws {
    let test = try TestStore(kind)
    let service = try test.store.service("documents")
    for field in ["x", "score", "y.0", "", "'; --"] {
      let error = try #require(failure { try service.createIndex(on: field) })
      #expect(error.code == .unsupported && error.name == field)
    }
    try service.createIndex(on: "y")
  }

  @Test func `sorts by dates and ids, and cuts, in SQL`() throws {
    let (test, dataset) = try filled(40)
    try test.store.execute(#"UPDATE "instances-d" SET createdAt = 1000 * (place % 7), updatedAt = place"#)
    func numbers(_ text: String) throws -> [Int] {
      try dataset.find(query(text)).data.map { ($0["x"]?.array?[0].integer ?? -4) / 4 }
    }
    #expect(try numbers(#"{"$sort": {"updatedAt": -1}, "$limit": 3}"#) == [39, 38, 37])
    #expect(try numbers(#"{"$sort": {"createdAt": 1}, "$limit": 4}"#) == [6, 13, 20, 27])
    #expect(try numbers(#"{"$sort": {"createdAt": -1, "id": -1}, "$limit": 2, "$skip": 1}"#) == [26, 19])
    #expect(
      try numbers(#"{"createdAt": {"$gte": "1970-01-01T00:00:05Z"}, "$sort": {"updatedAt": 1}, "$limit": 3}"#)
        == [4, 5, 11])
    #expect(try dataset.count(query(#"{"createdAt": "1970-01-01T01:00:02+01:00"}"#)) == 6)
  }
}
