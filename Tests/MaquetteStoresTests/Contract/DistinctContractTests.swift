import MaquetteFormats
import MaquetteStores
import MaquetteSystem
import TestSupport
import Testing

extension StoreContract {
  /// The different values of a field, among the documents that match a query.
  @Suite struct Distinct {
    private static let documents = #"""
      {"y": "b", "n": 1}
      {"y": "a", "n": 2}
      {"y": "b", "n": 3, "at": [{"v": 1}, {"v": 2}, {}]}
      {"y": 1, "n": 4, "at": {"v": 2}}
      {"y": null, "n": 5}
      {"n": 6, "at": {"v": [2, 3]}}
      {"y": "2026-01-01T00:00:00Z", "n": 7}
      {"y": "2026-01-01T01:00:00+01:00", "n": 8}
      {"y": [1, 0], "n": 9}
      {"y": [1, -0.0], "n": 10}
      {"y": {"p": 1, "q": 2}, "n": 11}
      {"y": {"q": 2, "p": 1}, "n": 12}
      {"y": true, "n": 13}
      {"y": "true", "n": 14}
      {"y": 1.0, "n": 15}
      {"y": "caf\u00e9", "n": 16}
      {"y": "cafe\u0301", "n": 17}
      """#

    private static let cases = #"""
      {"$distinct": "y", "n": {"$lt": 6}} -> ["b", "a", 1, null]
      {"$distinct": "y"} -> ["b", "a", 1, null, "2026-01-01T00:00:00Z", [1, 0], {"p": 1, "q": 2}, true, "true", "café", "café"]
      {"$distinct": "y", "n": {"$gt": 6, "$lt": 13}} -> ["2026-01-01T00:00:00Z", [1, 0], {"p": 1, "q": 2}]
      {"$distinct": "y", "$sort": {"n": -1}, "n": {"$lte": 4}} -> [1, "b", "a"]
      {"$distinct": "y", "$sort": {"y": 1}, "n": {"$lte": 5}} -> [null, 1, "a", "b"]
      {"$distinct": "y", "$limit": 2} -> ["b", "a"]
      {"$distinct": "y", "$limit": -2} -> ["b", "a"]
      {"$distinct": "y", "$limit": 0} -> []
      {"$distinct": "y", "$skip": 1, "$limit": 2} -> ["a", 1]
      {"$distinct": "y", "$skip": 99} -> []
      {"$distinct": "y", "$sort": {"n": 1}, "$skip": 2, "$limit": 1} -> [1]
      {"$distinct": "at.v"} -> [1, 2, [2, 3]]
      {"$distinct": "at.v", "y": "b"} -> [1, 2]
      {"$distinct": "absent"} -> []
      {"$distinct": "y", "y": "b", "$select": ["n"]} -> ["b"]
      {"$distinct": "y", "$or": [{"n": 2}, {"n": 4}]} -> ["a", 1]
      {"$distinct": "y", "y": "nobody"} -> []
      """#

    private func filled(_ kind: StoreKind) throws -> (TestStore, Service) {
      let test = try TestStore(kind)
      let service = try test.store.service("documents")
      for line in QueryTable.lines(Self.documents) { _ = try service.create(JSONObject(line)) }
      return (test, service)
    }

    @Test(
      "inside of a query is a plain array that heeds the rest of the query", arguments: StoreKind.allCases)
    func answers(_ kind: StoreKind) throws {
      let (test, service) = try filled(kind)
      defer { withExtendedLifetime(test) {} }
      for line in QueryTable.lines(Self.cases) {
        let (text, expected) = try #require(QueryTable.split(line))
        let answer = try service.answer(Query(JSON(parsing: text)))
        #expect(answer.description == (try JSON(parsing: expected)).description, "\(text)")
      }
    }

    @Test("with a method of its own gives the same", arguments: StoreKind.allCases)
    func method(_ kind: StoreKind) throws {
      let (test, service) = try filled(kind)
      defer { withExtendedLifetime(test) {} }
      #expect(try service.distinct("at.v") == [1, 2, [2, 3]])
      #expect(try service.distinct("y", query(#"{"n": {"$lt": 5}}"#)) == ["b", "a", 1])
      #expect(try service.distinct("y", query(#"{"$limit": 1, "$skip": 1}"#)) == ["a"])
      #expect(
        try service.distinct("y", query(#"{"$distinct": "n", "n": {"$lt": 3}}"#)) == ["b", "a"])
    }

    @Test("an answer without it is a page", arguments: StoreKind.allCases)
    func page(_ kind: StoreKind) throws {
      let (test, service) = try filled(kind)
      defer { withExtendedLifetime(test) {} }
      let answer = try service.answer(query(#"{"y": "a"}"#))
      #expect(answer == (try service.find(query(#"{"y": "a"}"#))).json)
      #expect(answer.object?.names == ["total", "limit", "skip", "data"])
    }

    @Test("is refused where documents are wanted", arguments: StoreKind.allCases)
    func refused(_ kind: StoreKind) throws {
      let (test, service) = try filled(kind)
      defer { withExtendedLifetime(test) {} }
      let query = try query(#"{"$distinct": "y"}"#)
      for refusal in [
        failure { _ = try service.find(query) }, failure { _ = try service.count(query) },
        failure { _ = try service.items(query).array() },
      ] {
        #expect(refusal?.code == .unsupported)
        #expect(refusal?.name == "$distinct")
      }
    }

    @Test("looks at everything, not at a page, and only at its dataset", arguments: StoreKind.allCases)
    func everything(_ kind: StoreKind) throws {
      let test = try TestStore(kind)
      let dataset = try Dataset("my data", in: test.store)
      let other = try Dataset("my_data", in: test.store)
      let labels = (0..<1500).map { "label \($0 % 1200)" }
      try dataset.append(counting(1500, columns: 1), labels: LabelColumn(labels))
      try other.append(counting(1, columns: 1), labels: LabelColumn(["another"]))
      #expect(try dataset.distinct("y").map { $0.string ?? "" } == Array(labels[..<1200]))
      #expect(try dataset.answer(query(#"{"$distinct": "y", "$limit": 300}"#)).array?.count == 300)
      #expect(try test.store.service(dataset.serviceName).distinct("y").count == 1201)
      #expect(
        try dataset.distinct("y", query(#"{"$sort": {"id": -1}, "$limit": 1}"#)) == ["label 299"])
    }
  }
}
