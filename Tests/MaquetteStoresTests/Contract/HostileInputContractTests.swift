import MaquetteFormats
import MaquetteStores
import MaquetteSystem
import TestSupport
import Testing

extension StoreContract {
  /// Names, values, documents and queries that nobody would choose: served, or refused with a clear error.
  @Suite struct HostileInput {
    private static let names = [
      "it's", "a\"b", "a`b", "a]b", "x'; DROP TABLE maquette_services; --", "a;b", "a/b/../c", "..", "a\\b",
      "%s%n", "?1",
      "\u{5e9}\u{5dc}\u{5d5}\u{5dd}", "\u{202e}left", "\u{1F600}", " ", "\t\n", "sqlite_master",
      "maquette_services",
      "MAQUETTE_FILES", "NULL", "caf\u{e9}", "cafe\u{301}", String(repeating: "long ", count: 2000),
    ]

    @Test("any name is a service's, each its own, but for none and a NUL", arguments: StoreKind.allCases)
    func services(_ kind: StoreKind) throws {
      let test = try TestStore(kind)
      for (number, name) in Self.names.enumerated() {
        let service = try test.store.service(name)
        _ = try service.create(["n": JSON(number), "name": .string(name)])
        try service.createIndex(on: "y")
      }
      for (number, name) in Self.names.enumerated() {
        let found = try test.store.service(name).find(Query(["name": .string(name)]))
        #expect(found.values("n") == ["\(number)"], "\(name.prefix(60))")
        #expect(try test.store.service(name).count() == 1)
      }
      let listed = try test.store.services()
      #expect(listed.map { Array($0.utf8) } == Self.names.map { Array($0.utf8) })
      for name in ["", "a\u{0}b"] {
        #expect(failure { _ = try test.store.service(name) }?.code == .invalidArgument)
      }
    }

    @Test("any name is a dataset's, each its own", arguments: StoreKind.allCases)
    func datasets(_ kind: StoreKind) throws {
      let test = try TestStore(kind)
      for name in Self.names {
        let dataset = try Dataset(name, in: test.store)
        _ = try dataset.create(["x": [1, 2], "y": .string(name)])
      }
      for name in Self.names {
        let dataset = try Dataset(name, in: test.store)
        #expect(try dataset.count(Query(["y": .string(name)])) == 1, "\(name.prefix(60))")
        #expect(try dataset.distinct("y") == [.string(name)], "\(name.prefix(60).debugDescription)")
        #expect(
          try dataset.find().data.first?["datasetName"]?.string.map { Array($0.utf8) } == Array(name.utf8))
      }
    }

    @Test("any name is a field's, and any text a value", arguments: StoreKind.allCases)
    func fields(_ kind: StoreKind) throws {
      let test = try TestStore(kind)
      let service = try test.store.service("documents")
      // A dot would lead into an object.
      let names = Self.names.filter { !$0.contains(".") && $0 != "cafe\u{301}" } + ["a\u{0}b", ""]
      for (number, name) in names.enumerated() {
        _ = try service.create([name: .string(name), "n": JSON(number), "y": .string(name)])
      }
      for (number, name) in names.enumerated() {
        for query: JSONObject in [
          [name: .string(name)], [name: ["$in": [.string(name), 1]]], [name: ["$gte": .string(name)]],
          ["y": .string(name)], ["y": ["$in": [.string(name)]]],
        ] {
          let found = try service.find(Query(.object(query)))
          let first = found.data.first { $0["n"]?.integer == number }
          #expect(first?[name]?.string == name, "\(name.prefix(60))")
        }
        #expect(try service.distinct(name) == [.string(name)])
        var sorted = JSONObject()
        sorted[name] = -1
        let last = try service.find(Query(["$sort": .object(sorted), "$limit": 1])).data.first
        #expect(last?["n"]?.integer == number)
      }
    }

    @Test(
      "an id that is none finds nothing, and a dollar's field can't be asked for",
      arguments: StoreKind.allCases)
    func ids(_ kind: StoreKind) throws {
      let test = try TestStore(kind)
      let service = try test.store.service("documents")
      _ = try service.create(["$where": 1])
      for name in Self.names {
        #expect(try service.count(Query(["id": .string(name)])) == 0)
        #expect(try service.count(Query(["id": ["$in": [.string(name)]]])) == 0)
        #expect(failure { _ = try service.get(name) }?.code == .notFound)
      }
      #expect(failure { _ = try Query(["$where": 1]) }?.name == "$where")
      #expect(try service.find().data[0]["$where"] == 1)
    }

    @Test("a document may be 200 levels deep, and 1,000 are refused", arguments: StoreKind.allCases)
    func deep(_ kind: StoreKind) throws {
      let test = try TestStore(kind)
      let service = try test.store.service("documents")
      func nested(_ depth: Int, _ level: (JSON) -> JSON) -> JSON {
        (0..<depth).reduce(1) { value, _ in level(value) }
      }
      let array = nested(200) { [$0] }
      let object = nested(200) { ["a": $0] }
      let document = try service.create(["v": array, "w": object])
      #expect(try service.get(document.id) == document)
      #expect(try service.count(Query(["v": array])) == 1)
      #expect(try service.count(Query(["w": ["$gte": object]])) == 1)
      #expect(try service.count(Query([String(repeating: "a.", count: 150): 1])) == 0)
      let path = "w" + String(repeating: ".a", count: 200)
      #expect(try service.count(Query([path: 1])) == 1)
      for deep in [nested(1000) { [$0] }, nested(1000) { ["a": $0] }] {
        let error = try #require(failure { _ = try service.create(["v": deep]) })
        #expect(error.code == .invalidArgument && error.name == "v")
        #expect(failure { _ = try Query(["v": deep]) }?.code == .invalidArgument)
        #expect(failure { _ = try Query(["v": ["$in": [deep]]]) }?.code == .invalidArgument)
      }
      #expect(try service.count() == 1)
      for level: (JSON) -> JSON in [
        { ["$not": $0] }, { ["$or": [$0]] }, { ["$and": [$0, ["b": 1]]] },
      ] {
        let deep = (0..<1000).reduce(["a": 1] as JSON) { query, _ in level(query) }
        #expect(failure { _ = try Query(deep) }?.code == .invalidArgument)
      }
    }

    @Test("a document of many megabytes is served", arguments: StoreKind.allCases)
    func large(_ kind: StoreKind) throws {
      #if DEBUG
        let size = 4 << 20
      #else
        // Of a server no answer of more than 64 MB is taken.
        let size = kind.name == "remote" ? 10 << 20 : 100 << 20
      #endif
      let test = try TestStore(kind)
      let service = try test.store.service("documents")
      let text = String(repeating: "a\"\u{e9}\n", count: size / 5)
      let document = try service.create(["v": .string(text), "name": "large", "y": "a"])
      _ = try service.create(["v": "small", "name": "small", "y": "a"])
      #expect(try service.get(document.id)["v"]?.string?.utf8.count == text.utf8.count)
      #expect(
        try service.find(query(#"{"y": "a", "$select": ["name"]}"#)).values("name") == [
          #""large""#, #""small""#,
        ])
      #expect(try service.count(Query(["v": .string(text)])) == 1)
      #expect(try service.count(Query(["y": .string(text)])) == 0)
    }

    @Test(
      "a query may have thousands of values and conditions", arguments: StoreKind.allCases, [false, true])
    func many(_ kind: StoreKind, _ isIndexed: Bool) throws {
      let test = try TestStore(kind)
      let service = try test.store.service("documents")
      if isIndexed { try service.createIndex(on: "y") }
      for number in 0..<20 { _ = try service.create(["y": .string("label \(number)"), "n": JSON(number)]) }
      let labels: [JSON] = (0..<10_000).map { .string("label \($0 * 3)") }
      let expected = ["0", "3", "6", "9", "12", "15", "18"]
      #expect(try service.find(Query(["y": ["$in": .array(labels)]])).values("n") == expected)
      #expect(try service.find(Query(["id": ["$in": .array(labels)]])).total == 0)
      #expect(try service.count(Query(["y": ["$nin": .array(labels)]])) == 13)
      #expect(try service.count(Query(["n": ["$in": .array((0..<10_000).map { JSON($0 * 3) })]])) == 7)
      let more: [JSON] = (0..<50_000).map { .string("label \($0 * 3)") }
      #expect(try service.find(Query(["y": ["$in": .array(more)]])).values("n") == expected)
      let any: [JSON] = labels.map { ["y": $0] }
      #expect(try service.find(Query(["$or": .array(any)])).values("n") == expected)
      let all: [JSON] = (1..<5000).map { ["y": ["$ne": .string("label \($0 * 3)")]] }
      #expect(try service.count(Query(["$and": .array(all)])) == 14)
      for count in [150, 199, 201, 1001] {
        #expect(try service.find(Query(["$or": .array(Array(any[..<count]))])).values("n") == expected)
      }
    }
  }
}
