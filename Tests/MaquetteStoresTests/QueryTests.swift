import MaquetteFormats
import MaquetteStores
import MaquetteSystem
import TestSupport
import Testing

/// The query language, on every store.
@Suite struct QueryTests {
  private static let documents = [
    #"{"n": 1, "y": "a", "tags": ["red", "blue"], "at": {"x": 1}, "when": "2026-01-01T00:00:00Z"}"#,
    #"{"n": 2, "y": "b", "tags": [], "at": {"x": 2, "list": [{"v": 1}, {"v": 2}]}, "when": "2026-01-01T00:00:00.500Z"}"#,
    #"{"n": 3, "y": "a", "tags": "red", "when": "2026-01-02T00:00:00.000Z"}"#,
    #"{"n": 4, "y": null, "tags": ["green"]}"#,
    #"{"n": 5, "y": 7}"#,
    #"{"n": 6, "y": true}"#,
    #"{"n": 7, "y": ["a", 9]}"#,
  ]

  private func filled(_ kind: StoreKind) throws -> (TestStore, Service) {
    let test = try TestStore(kind)
    let service = try test.store.service("runs")
    for text in Self.documents { _ = try service.create(JSONObject(text)) }
    return (test, service)
  }

  @Test(
    "conditions find what they say", arguments: StoreKind.allCases,
    [
      (#"{}"#, [1, 2, 3, 4, 5, 6, 7]),
      (#"{"y": "a"}"#, [1, 3, 7]),
      (#"{"y": 7}"#, [5]),
      (#"{"y": true}"#, [6]),
      (#"{"y": ["a", 9]}"#, [7]),
      (#"{"y": null}"#, [4]),
      (#"{"at": null}"#, [3, 4, 5, 6, 7]),
      (#"{"y": "a", "n": 3}"#, [3]),
      (#"{"tags": "red"}"#, [1, 3]),
      (#"{"at.x": 2}"#, [2]),
      (#"{"at": {"x": 1}}"#, [1]),
      (#"{"at.list.v": 2}"#, [2]),
      (#"{"at.list.0.v": 2}"#, []),
      (#"{"at.list.1.v": 2}"#, [2]),
      (#"{"tags.0": "red"}"#, [1]),
      (#"{"n": {"$in": [1, 5, 99]}}"#, [1, 5]),
      (#"{"tags": {"$in": ["blue", "green"]}}"#, [1, 4]),
      (#"{"y": {"$in": [null]}}"#, [4]),
      (#"{"n": {"$nin": [1, 2, 3, 4, 5]}}"#, [6, 7]),
      (#"{"at.x": {"$nin": [1]}}"#, [2, 3, 4, 5, 6, 7]),
      (#"{"n": {"$lt": 3}}"#, [1, 2]),
      (#"{"n": {"$lte": 3, "$gt": 1}}"#, [2, 3]),
      (#"{"n": {"$gte": 6}}"#, [6, 7]),
      (#"{"y": {"$gt": "A"}}"#, [1, 2, 3, 7]),
      (#"{"y": {"$lt": 8}}"#, [5]),
      (#"{"y": {"$ne": "a"}}"#, [2, 4, 5, 6]),
      (#"{"at.x": {"$ne": 1}}"#, [2, 3, 4, 5, 6, 7]),
      (#"{"$or": [{"n": 1}, {"y": "b"}]}"#, [1, 2]),
      (#"{"$and": [{"y": "a"}, {"n": {"$gt": 1}}]}"#, [3, 7]),
      (#"{"$not": {"y": "a"}}"#, [2, 4, 5, 6]),
      (#"{"n": {"$not": {"$lt": 6}}}"#, [6, 7]),
      (#"{"n": {"$not": 1}, "y": "a"}"#, [3, 7]),
      (#"{"when": "2026-01-01T00:00:00.000Z"}"#, [1]),
      (#"{"when": {"$lt": "2026-01-01T00:00:01Z"}}"#, [1, 2]),
      (#"{"when": {"$gt": "2026-01-01T00:00:00.000Z"}}"#, [2, 3]),
      (#"{"when": {"$gt": "2"}}"#, []),
      (#"{"createdAt": {"$gt": "1970-01-01T00:00:00Z"}}"#, [1, 2, 3, 4, 5, 6, 7]),
      (#"{"y": {"$in": []}}"#, []),
    ] as [(String, [Int])])
  func conditions(_ kind: StoreKind, _ example: (String, [Int])) throws {
    let (test, service) = try filled(kind)
    _ = test
    let page = try service.find(query(example.0))
    #expect(page.data.map { $0["n"]?.integer } == example.1)
    #expect(page.total == example.1.count)
  }

  @Test(
    "a page has a limit, 100 unless said and 200 at most, and can start anywhere",
    arguments: StoreKind.allCases)
  func pages(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    try dataset.append(counting(251, columns: 1), labels: LabelColumn((0..<251).map { "label \($0 % 2)" }))
    for (text, limit, first, count) in [
      (#"{}"#, 100, 0, 100), (#"{"$limit": 7}"#, 7, 0, 7), (#"{"$limit": -7}"#, 7, 0, 7),
      (#"{"$limit": 0}"#, 0, 0, 0),
      (#"{"$limit": 1000}"#, 200, 0, 200), (#"{"$skip": 200}"#, 100, 200, 51),
      (#"{"$skip": 251}"#, 100, 0, 0),
      (#"{"$limit": 3, "$skip": 249, "$sort": {"id": 1}}"#, 3, 249, 2), (#"{"$limit": -9e15}"#, 200, 0, 200),
      (#"{"$skip": 9e15}"#, 100, 0, 0), (#"{"$skip": 9e15, "$sort": {"y": 1}}"#, 100, 0, 0),
    ] {
      let page = try dataset.find(query(text))
      #expect(page.total == 251, "\(text)")
      #expect(page.limit == limit, "\(text)")
      #expect(page.data.count == count, "\(text)")
      if count > 0 { #expect(page.data[0]["x"]?.array?[0].integer == first, "\(text)") }
    }
    let odd = try dataset.find(query(#"{"y": "label 1", "$skip": 2, "$limit": 2}"#))
    #expect(odd.total == 125)
    #expect(odd.values("x") == ["[5]", "[7]"])
    #expect(odd.json["skip"] == 2)
  }

  @Test("sorting goes by type, then by value, and keeps the order of equals", arguments: StoreKind.allCases)
  func sort(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let service = try test.store.service("runs")
    let values: [JSON?] = [
      ["b": 1], [2, 1], [2], "2026-01-02T00:00:00Z", true, false, "b", "B", 10, 9, nil, .some(.null),
    ]
    for (place, value) in values.enumerated() {
      var document: JSONObject = ["n": JSON(place)]
      document["v"] = value
      _ = try service.create(document)
    }
    #expect(
      try service.find(query(#"{"$sort": {"v": 1}}"#)).values("n")
        == ["10", "11", "9", "8", "7", "6", "5", "4", "3", "2", "1", "0"])
    #expect(
      try service.find(query(#"{"$sort": {"v": -1}, "$limit": 3}"#)).values("n") == ["0", "1", "2"])
    #expect(
      try service.find(query(#"{"$sort": {"missing": -1, "n": -1}, "$limit": 2}"#)).values("n") == [
        "11", "10",
      ])
    #expect(
      try service.find(query(#"{"$sort": {"missing": -1}, "$limit": 2}"#)).values("n") == ["0", "1"])
    let newest = try service.create(["name": "last"])
    #expect(try service.find(query(#"{"$sort": {"createdAt": -1, "id": -1}, "$limit": 1}"#)).data == [newest])
  }

  @Test("select returns the members named, and the id", arguments: StoreKind.allCases)
  func select(_ kind: StoreKind) throws {
    let (test, service) = try filled(kind)
    _ = test
    let page = try service.find(query(#"{"n": 1, "$select": ["y", "at.x", "missing"]}"#))
    #expect(page.data.first.map { Set($0.names) } == ["id", "y", "at"])
    #expect(try service.find(query(#"{"n": 1, "$select": []}"#)).data.first?.names == ["id"])
  }

  @Test("a document is found by its id, with other conditions too", arguments: StoreKind.allCases)
  func byID(_ kind: StoreKind) throws {
    let (test, service) = try filled(kind)
    _ = test
    let id = try service.find().data[2].id
    #expect(try service.find(query(#"{"id": "\#(id)"}"#)).values("n") == ["3"])
    #expect(try service.find(query(#"{"id": "\#(id)", "y": "b"}"#)).total == 0)
    #expect(try service.find(query(#"{"id": "q"}"#)).total == 0)
    #expect(try service.find(query(#"{"id": {"$in": ["\#(id)"]}}"#)).values("n") == ["3"])
  }

  @Test(
    "a query that means nothing is refused by the name of what is wrong",
    arguments: [
      (#"{"$near": 1}"#, "$near"), (#"{"a": {"$regex": "x"}}"#, "$regex"), (#"{"$limit": "many"}"#, "$limit"),
      (#"{"$limit": 1.5}"#, "$limit"), (#"{"$skip": -1}"#, "$skip"), (#"{"$sort": {"a": 2}}"#, "$sort"),
      (#"{"$sort": ["a"]}"#, "$sort"), (#"{"$select": "a"}"#, "$select"), (#"{"$select": [1]}"#, "$select"),
      (#"{"$or": []}"#, "$or"), (#"{"$or": {}}"#, "$or"), (#"{"$and": [1]}"#, "$and"),
      (#"{"$not": 1}"#, "$not"),
      (#"{"a": {"$in": 1}}"#, "$in"), (#"{"a": {"$gt": 1, "b": 2}}"#, "b"),
      (#"{"$or": [{"$limit": 1}]}"#, "$limit"),
    ])
  func refused(_ text: String, _ name: String) throws {
    let error = try #require(failure { _ = try query(text) })
    #expect(error.code == .invalidArgument)
    #expect(error.name == name)
    if text.contains("$near") { #expect(error.message == "Invalid query parameter $near") }
  }

  @Test("a query must be an object, and not too deep")
  func odd() throws {
    #expect(failure { _ = try query("[]") }?.code == .invalidArgument)
    let deep = String(repeating: #"{"$not": "#, count: 100) + "{}" + String(repeating: "}", count: 100)
    #expect(failure { _ = try query(deep) }?.code == .invalidArgument)
    let deepTest =
      #"{"a": "# + String(repeating: #"{"$not": "#, count: 100) + "1" + String(repeating: "}", count: 101)
    #expect(failure { _ = try query(deepTest) }?.code == .invalidArgument)
  }
}
