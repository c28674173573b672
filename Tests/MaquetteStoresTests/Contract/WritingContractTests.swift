import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import TestSupport
import Testing

extension StoreContract {
  /// What every store must do where documents are created, changed and removed, one or many at once.
  @Suite struct Writing {
    @Test(
      "fault 8: an array of documents makes as many documents, in one batch", arguments: StoreKind.allCases)
    func createMany(_ kind: StoreKind) throws {
      let test = try TestStore(kind)
      let service = try test.store.service("runs")
      let seen = Seen<[ServiceEvent]>()
      service.events.observe { seen.add($0.value) }
      let documents = try service.create([["v": 1], ["v": 2, "name": "n"], ["v": 3]])
      #expect(documents.map { $0["v"] } == [1, 2, 3])
      #expect(documents.allSatisfy { $0.id.utf8.count == 24 && $0["createdAt"] == $0["updatedAt"] })
      #expect(zip(documents, documents.dropFirst()).allSatisfy { $0.id < $1.id })
      #expect(try service.find().data == documents)
      #expect(seen.values.map { $0.map(\.kind) } == [[.created, .created, .created]])
      #expect(seen.values.first?.map(\.document) == documents)
      #expect(try service.create([JSONObject]()).isEmpty)
      #expect(seen.values.count == 1)
    }

    @Test(
      "of many documents all are stored, or none, and the error says which it is",
      arguments: StoreKind.allCases)
    func createAllOrNone(_ kind: StoreKind) throws {
      let test = try TestStore(kind)
      let service = try test.store.service("runs")
      let there = try service.create(["v": 0])
      let seen = Seen<Int>()
      service.events.observe { seen.add($0.value.count) }
      let id: JSON = "0123456789abcdef01234567"
      let cases: [([JSONObject], MaquetteError.Code, String)] = [
        ([["v": 1], ["v": .number(.nan)]], .notFinite, "document 1 of 2"),
        ([["v": 1], ["v": 2], ["id": "q"]], .invalidArgument, "document 2 of 3"),
        ([["v": 1], ["id": .string(there.id)]], .conflict, "document 1 of 2"),
        ([["id": id], ["id": id]], .conflict, "document 1 of 2"),
      ]
      for (documents, code, place) in cases {
        let error = try #require(failure { _ = try service.create(documents) })
        #expect(error.code == code)
        #expect(error.message.hasPrefix(place), "\(error.message)")
      }
      #expect(try service.find().total == 1)
      #expect(seen.values.isEmpty)
    }

    @Test("instances that come together have one width, that of those there", arguments: StoreKind.allCases)
    func widthsOfMany(_ kind: StoreKind) throws {
      let test = try TestStore(kind)
      let dataset = try Dataset("d", in: test.store)
      let uneven = failure { _ = try dataset.create([["x": [1, 2]], ["x": [1, 2, 3]]]) }
      #expect(uneven?.code == .badShape)
      #expect(dataset.count == 0)
      // Two datasets in one service are two widths.
      let service = try test.store.service("instances-d")
      _ = try service.create([["x": [1, 2], "datasetName": "d"], ["x": [1], "datasetName": "e"]])
      #expect(failure { _ = try dataset.create([["x": [1]], ["x": [2]]]) }?.code == .badShape)
      #expect(try dataset.create([["x": [3, 4], "y": "a"], ["x": "none"]]).count == 2)
      #expect(dataset.count == 3)
    }

    @Test("a name's newest is the last of many that came together", arguments: StoreKind.allCases)
    func newestOfMany(_ kind: StoreKind) throws {
      let test = try TestStore(kind)
      let service = try test.store.service("models")
      let first = try service.create((0..<20).map { ["name": "m", "v": JSON($0)] })
      #expect(try service.newest(named: "m") == first.last)
      _ = try service.patch(matching: query(#"{"v": {"$lt": 5}}"#), with: ["note": true])
      #expect(try service.newest(named: "m")?["v"] == 4)
    }

    @Test(
      "fault 8: a patch changes what it names and updatedAt, never the id or createdAt",
      arguments: StoreKind.allCases)
    func patch(_ kind: StoreKind) throws {
      let test = try TestStore(kind)
      let service = try test.store.service("runs")
      let before = try service.create(["a": 1, "nested": ["b": 1, "c": 2], "name": "n", "y": "left"])
      let seen = Seen<String>()
      service.events.observe { for event in $0.value { seen.add(event.kind.rawValue) } }
      let after = try service.patch(
        before.id,
        with: [
          "nested": ["c": 3], "new": [1, nil], "id": "ffffffffffffffffffffffff", "createdAt": 0,
          "updatedAt": 0,
        ])
      #expect(after.id == before.id)
      #expect(after["createdAt"] == before["createdAt"])
      #expect(try #require(after["updatedAt"]?.string) > #require(before["updatedAt"]?.string))
      #expect(after["a"] == 1 && after["name"] == "n" && after["y"] == "left")
      #expect(after["nested"] == ["c": 3])
      #expect(after["new"] == [1, nil])
      #expect(try service.get(before.id) == after)
      #expect(seen.values == ["patched"])
      let emptied = try service.patch(before.id, with: ["name": nil, "y": 4, "a": "text"])
      #expect(emptied["name"] == .null && emptied["y"] == 4 && emptied["a"] == "text")
      #expect(try service.get(before.id) == emptied)
      #expect(try service.newest(named: "n") == nil)
      #expect(failure { _ = try service.patch("ffffffffffffffffffffffff", with: [:]) }?.code == .notFound)
      #expect(
        failure { _ = try service.patch(before.id, with: ["a": .number(.infinity)]) }?.code == .notFinite)
    }

    @Test(
      "a member changes its form in any order, and comes back as it was given", arguments: StoreKind.allCases)
    func forms(_ kind: StoreKind) throws {
      let test = try TestStore(kind)
      let service = try test.store.service("instances-d")
      let id = try service.create(["datasetName": "d", "x": [1, 2], "y": "a"]).id
      let values: [(String, JSON)] = [
        ("x", "text"), ("x", [3, 4]), ("x", nil), ("x", [[1], [2]]), ("y", 3), ("y", [1, 2]), ("y", "b"),
        ("y", nil),
        ("name", 5), ("name", "n"), ("name", ["deep": true]), ("datasetName", 7), ("x", [9]),
        ("datasetName", "d"),
        ("datasetName", "e"), ("datasetName", nil),
      ]
      var expected = try service.get(id)
      for (member, value) in values {
        expected[member] = value
        var patched = try service.patch(id, with: [member: value])
        #expect(try service.get(id) == patched)
        patched["updatedAt"] = expected["updatedAt"]
        #expect(patched == expected)
      }
    }

    @Test(
      "a null id: all documents that match are patched, with an event for each", arguments: StoreKind.allCases
    )
    func patchMany(_ kind: StoreKind) throws {
      let test = try TestStore(kind)
      let service = try test.store.service("runs")
      let documents = try service.create((0..<10).map { ["v": JSON($0), "even": .bool($0 % 2 == 0)] })
      let seen = Seen<[ServiceEvent]>()
      service.events.observe { seen.add($0.value) }
      let patched = try service.patch(
        matching: query(#"{"even": true, "$sort": {"v": -1}, "$select": ["note"]}"#),
        with: ["note": "new", "even": nil])
      #expect(patched.map(\.id) == [8, 6, 4, 2, 0].map { documents[$0].id })
      #expect(patched.allSatisfy { $0.names.sorted() == ["id", "note"] })
      #expect(seen.values.map { $0.map(\.kind) } == [Array(repeating: .patched, count: 5)])
      #expect(try service.find(query(#"{"note": "new", "$limit": 0}"#)).total == 5)
      #expect(try service.find(query(#"{"even": false, "$limit": 0}"#)).total == 5)

      #expect(try service.patch(matching: query(#"{"v": 77}"#), with: ["note": 1]).isEmpty)
      #expect(seen.values.count == 1)
      // Nothing matches, and yet it is wrong.
      #expect(
        failure { _ = try service.patch(matching: query(#"{"v": 77}"#), with: ["n": .number(.nan)]) } != nil)
      for text in [#"{"$limit": 1}"#, #"{"$skip": 1}"#] {
        #expect(failure { _ = try service.patch(matching: query(text), with: [:]) }?.code == .invalidArgument)
        #expect(failure { _ = try service.remove(matching: query(text)) }?.code == .invalidArgument)
      }
      #expect(try service.find().total == 10)
    }

    @Test("all instances together may get another width, some of them may not", arguments: StoreKind.allCases)
    func patchWidths(_ kind: StoreKind) throws {
      let test = try TestStore(kind)
      let dataset = try Dataset("d", in: test.store)
      let instances = try dataset.create((0..<4).map { ["x": [1, 2], "y": JSON($0)] })
      let some = try query(#"{"y": {"$lt": 3}}"#)
      #expect(failure { _ = try dataset.patch(matching: some, with: ["x": [7]]) }?.code == .badShape)
      #expect(try dataset.find().data == instances)
      #expect(failure { _ = try dataset.patch(instances[0].id, with: ["x": [7]]) }?.code == .badShape)
      _ = try dataset.patch(matching: Query(), with: ["x": [7]])
      #expect(try dataset.table().features.columns == 1)
      #expect(failure { _ = try dataset.create(["x": [1, 2]]) }?.code == .badShape)
      // Once the others have no features, the last one decides.
      _ = try dataset.patch(matching: some, with: ["x": "gone"])
      _ = try dataset.patch(instances[3].id, with: ["x": [1, 2, 3]])
      #expect(failure { _ = try dataset.create(["x": [1]]) }?.code == .badShape)
      #expect(try dataset.create([["x": [4, 5, 6]]]).count == 1)
    }

    @Test(
      "files stay with a patch that does not name them, and go as with a replacement",
      arguments: StoreKind.allCases)
    func patchFiles(_ kind: StoreKind) throws {
      let test = try TestStore(kind)
      let service = try test.store.service("models")
      func path(_ document: JSONObject) throws -> String {
        try #require(document["files"]?.array?.first?.array?.last?.string)
      }
      let document = try service.create(["name": "m"], files: [StoredFile(name: "a", bytes: [1])])
      let noted = try service.patch(document.id, with: ["note": 1])
      #expect(noted["files"] == document["files"])
      #expect(try service.file(at: path(document)) == [1])
      let renewed = try service.patch(
        document.id, with: ["note": 2], files: [StoredFile(name: "a", bytes: [2])])
      #expect(failure { _ = try service.file(at: path(document)) }?.code == .notFound)
      #expect(try service.file(at: path(renewed)) == [2])
      _ = try service.patch(document.id, with: ["files": renewed["files"] ?? .null])
      #expect(try service.file(at: path(renewed)) == [2])
      _ = try service.patch(document.id, with: ["files": []])
      #expect(failure { _ = try service.file(at: path(renewed)) }?.code == .notFound)
      _ = try service.patch(document.id, with: [:], files: [StoredFile(name: "a", bytes: [3])])
      let last = try service.get(document.id)
      #expect(try service.remove(matching: query(#"{"note": 2}"#)) == [last])
      #expect(failure { _ = try service.file(at: path(last)) }?.code == .notFound)
    }

    @Test(
      "a null id: all documents that match are removed, and come back as they were",
      arguments: StoreKind.allCases)
    func removeMany(_ kind: StoreKind) throws {
      let test = try TestStore(kind)
      let service = try test.store.service("runs")
      let documents = try service.create((0..<6).map { ["v": JSON($0)] })
      let seen = Seen<[ServiceEvent]>()
      service.events.observe { seen.add($0.value) }
      #expect(
        try service.remove(matching: query(#"{"v": {"$in": [1, 4]}, "$sort": {"v": -1}}"#))
          == [documents[4], documents[1]])
      #expect(seen.values.map { $0.map(\.kind) } == [[.removed, .removed]])
      #expect(seen.values.first?.map(\.document) == [documents[4], documents[1]])
      #expect(try service.find().data == [0, 2, 3, 5].map { documents[$0] })
      #expect(try service.remove(matching: query(#"{"v": 1}"#)).isEmpty)
      #expect(try service.remove(matching: Query()).count == 4)
      #expect(try service.find().total == 0)
    }

    @Test("with an id and a query, both must be met", arguments: StoreKind.allCases)
    func idAndQuery(_ kind: StoreKind) throws {
      let test = try TestStore(kind)
      let service = try test.store.service("runs")
      let document = try service.create(["v": 1])
      let other = try query(#"{"v": 2}"#)
      #expect(
        failure { _ = try service.patch(document.id, matching: other, with: ["v": 3]) }?.code == .notFound)
      #expect(
        failure { _ = try service.replace(document.id, matching: other, with: ["v": 3]) }?.code == .notFound)
      #expect(failure { _ = try service.remove(document.id, matching: other) }?.code == .notFound)
      #expect(try service.get(document.id) == document)
      let same = try query(#"{"v": 1, "$select": ["v"]}"#)
      #expect(
        try service.patch(document.id, matching: same, with: ["w": 1]) == [
          "id": .string(document.id), "v": 1,
        ])
      #expect(try service.remove(document.id, matching: same) == ["id": .string(document.id), "v": 1])
    }

    @Test("fault 9: a store in memory is cleared, and knows $not and $and", arguments: StoreKind.allCases)
    func fault9(_ kind: StoreKind) throws {
      let test = try TestStore(kind)
      let dataset = try Dataset("d", in: test.store)
      _ = try dataset.create((0..<5).map { ["x": [JSON($0)], "y": JSON($0)] })
      let odd = try dataset.remove(
        matching: query(#"{"$and": [{"$not": {"y": 0}}, {"y": {"$not": {"$gt": 2}}}]}"#))
      #expect(odd.map { $0["y"] } == [1, 2])
      try dataset.clear()
      #expect(dataset.count == 0)
      let predictions = try test.store.service("predictions-p")
      _ = try predictions.create([["label": "a"], ["label": "b"]])
      #expect(try predictions.remove(matching: Query()).count == 2)
    }

    @Test("an instance stays in its dataset, and one of another is not found", arguments: StoreKind.allCases)
    func datasets(_ kind: StoreKind) throws {
      let test = try TestStore(kind)
      let (ours, theirs) = (try Dataset("d", in: test.store), try Dataset("D", in: test.store))
      let changes = Seen<String>()
      let counts = Seen<Int>()
      ours.$changes.observe { for change in $0.value { changes.add("\(change.level) \(change.type)") } }
      ours.$count.observe { counts.add($0.value) }
      let mine = try ours.create([["x": [1], "y": "a", "datasetName": "D"], ["x": [2], "y": "b"]])
      #expect(mine.allSatisfy { $0["datasetName"] == "d" })
      let other = try theirs.create(["x": [1, 2], "y": "a"])
      #expect(try ours.patch(mine[0].id, with: ["datasetName": "D", "y": "c"])["datasetName"] == "d")
      #expect(failure { _ = try ours.patch(other.id, with: [:]) }?.code == .notFound)
      #expect(try ours.patch(matching: query(#"{"y": "a"}"#), with: ["y": "z"]).isEmpty)
      #expect(try ours.remove(matching: Query()).count == 2)
      #expect(try theirs.get(other.id) == other)
      #expect(
        changes.values == [
          "dataset created", "instance created", "instance created", "instance updated", "instance removed",
          "instance removed",
        ])
      #expect(counts.values == [0, 2, 2, 0])
    }

    @Test(
      "an instance that is given to another dataset leaves one and comes to the other",
      arguments: StoreKind.allCases)
    func moves(_ kind: StoreKind) throws {
      let test = try TestStore(kind)
      let (ours, theirs) = (try Dataset("d", in: test.store), try Dataset("D", in: test.store))
      _ = try ours.create([["x": [1], "y": "a"], ["x": [2], "y": "b"]])
      let seen = Seen<String>()
      ours.$changes.observe { for change in $0.value { seen.add("d \(change.type)") } }
      theirs.$changes.observe { for change in $0.value { seen.add("D \(change.type)") } }
      let service = try test.store.service(ours.serviceName)
      _ = try service.patch(matching: query(#"{"y": "a"}"#), with: ["datasetName": "D"])
      #expect(seen.values == ["d created", "D created", "d removed", "D created"])
      #expect(ours.count == 1 && theirs.count == 1)
      #expect(ours.$count.value == 1 && theirs.$count.value == 1)
      #expect(failure { _ = try theirs.create(["x": [1, 2]]) }?.code == .badShape)
    }

    @Test(
      "random writes leave what they would leave in a plain list", arguments: StoreKind.allCases, [1, 2, 3])
    func random(_ kind: StoreKind, _ seed: UInt64) throws {
      var random = Random(seed: seed)
      let test = try TestStore(kind)
      let service = try test.store.service("runs")
      var expected: [JSONObject] = []
      func values() -> JSONObject {
        var document: JSONObject = ["a": JSON(Int.random(in: 0..<4, using: &random))]
        if Bool.random(using: &random) {
          document["y"] = ["left", 3, nil, [1, 2]].randomElement(using: &random)
        }
        if Bool.random(using: &random) { document["name"] = ["n", 1].randomElement(using: &random) }
        if Bool.random(using: &random) { document["x"] = [[1, 2], "t"].randomElement(using: &random) }
        return document
      }
      func put(_ stored: JSONObject) {
        if let place = expected.firstIndex(where: { $0.id == stored.id }) {
          expected[place] = stored
        } else {
          expected.append(stored)
        }
      }
      func same(_ stored: JSONObject, _ given: JSONObject, _ old: JSONObject?) {
        var rest = stored
        for member in ["id", "createdAt", "updatedAt"] { rest[member] = nil }
        #expect(rest == given)
        if let old {
          #expect(stored.id == old.id && stored["createdAt"] == old["createdAt"])
          #expect(stored["updatedAt"]?.string ?? "" > old["updatedAt"]?.string ?? "")
        }
      }
      func merged(_ old: JSONObject, _ changes: JSONObject) -> JSONObject {
        var rest = old
        for member in ["id", "createdAt", "updatedAt"] { rest[member] = nil }
        for (member, value) in changes.members { rest[member] = value }
        return rest
      }
      for _ in 0..<150 {
        let a = Int.random(in: 0..<4, using: &random)
        let condition = try query("{\"a\": \(a)}")
        let one = expected.randomElement(using: &random)
        switch Int.random(in: 0..<7, using: &random) {
        case 0:
          let given = values()
          let stored = try service.create(given)
          same(stored, given, nil)
          put(stored)
        case 1:
          let given = (0..<Int.random(in: 0..<4, using: &random)).map { _ in values() }
          let stored = try service.create(given)
          #expect(stored.count == given.count)
          for (stored, given) in zip(stored, given) {
            same(stored, given, nil)
            put(stored)
          }
        case 2:
          guard let one else { continue }
          let given = values()
          let stored = try service.replace(one.id, with: given)
          same(stored, given, one)
          put(stored)
        case 3:
          guard let one else { continue }
          let changes = values()
          let stored = try service.patch(one.id, with: changes)
          same(stored, merged(one, changes), one)
          put(stored)
        case 4:
          let changes = values()
          let before = expected.filter { $0["a"] == JSON(a) }
          let stored = try service.patch(matching: condition, with: changes)
          #expect(stored.map(\.id) == before.map(\.id))
          for (stored, old) in zip(stored, before) {
            same(stored, merged(old, changes), old)
            put(stored)
          }
        case 5:
          guard let one else { continue }
          #expect(try service.remove(one.id) == one)
          expected.removeAll { $0.id == one.id }
        default:
          guard Int.random(in: 0..<3, using: &random) == 0 else { continue }
          #expect(try service.remove(matching: condition) == expected.filter { $0["a"] == JSON(a) })
          expected.removeAll { $0["a"] == JSON(a) }
        }
        #expect(try service.items().array() == expected)
      }
    }
  }
}
