import MaquetteFormats
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import TestSupport
import Testing

/// What every store must do with documents.
@Suite struct ServiceTests {
  @Test("a created document has an id of 24 digits and two equal dates", arguments: StoreKind.allCases)
  func create(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let service = try test.store.service("runs")
    let document = try service.create(["name": "base-1", "epochs": 20, "params": ["k": [1, nil, true]]])
    #expect(document.id.utf8.count == 24)
    #expect(document.id.allSatisfy { $0.isHexDigit && !$0.isUppercase })
    let created = try #require(document["createdAt"]?.string)
    #expect(Timestamp(created) != nil)
    #expect(document["updatedAt"]?.string == created)
    #expect(document["params"] == ["k": [1, nil, true]])
    #expect(try service.get(document.id) == document)
  }

  @Test("ids grow strictly, one by one and in bulk", arguments: StoreKind.allCases)
  func ids(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let service = try test.store.service("instances-a")
    var ids: [String] = []
    for _ in 0..<50 { ids.append(try service.create([:]).id) }
    let dataset = try Dataset("a", in: test.store)
    try dataset.append(counting(60), labels: LabelColumn(Array(repeating: "a", count: 60)))
    ids += try dataset.find().data.map(\.id)
    ids.append(try service.create([:]).id)
    #expect(zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 })
  }

  @Test(
    "a given id is kept, another's is a conflict, an impossible one is refused", arguments: StoreKind.allCases
  )
  func givenID(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let service = try test.store.service("runs")
    let id = "0123456789abcdef01234567"
    #expect(try service.create(["id": .string(id), "v": 1]).id == id)
    #expect(failure { _ = try service.create(["id": .string(id), "v": 2]) }?.code == .conflict)
    #expect(try service.get(id)["v"] == 1)
    #expect(failure { _ = try service.create(["id": "short"]) }?.code == .invalidArgument)
    #expect(failure { _ = try service.create(["id": 7]) }?.code == .invalidArgument)
    #expect(try service.create(["id": nil]).id.utf8.count == 24)
  }

  @Test("an id that isn't there is not found, and named", arguments: StoreKind.allCases)
  func notFound(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let service = try test.store.service("runs")
    for id in ["0123456789abcdef01234567", "q", "", "' OR 1=1 --"] {
      let error = try #require(failure { _ = try service.get(id) })
      #expect(error.code == .notFound)
      #expect(error.name == id)
      #expect(error.message == "No record found for id '\(id)'")
      #expect(failure { _ = try service.remove(id) }?.code == .notFound)
      #expect(failure { _ = try service.replace(id, with: [:]) }?.code == .notFound)
    }
  }

  @Test("fault 7: a name that is not there gives nothing, not an error", arguments: StoreKind.allCases)
  func fault7(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let service = try test.store.service("models")
    #expect(try service.newest(named: "digits") == nil)
    _ = try service.create(["name": "other"])
    #expect(try service.newest(named: "digits") == nil)
  }

  @Test("fault 7: files are kept with their document, in memory too", arguments: StoreKind.allCases)
  func fault7Files(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let service = try test.store.service("models")
    let files = [
      StoredFile(name: "model.json", bytes: Array("{}".utf8)),
      StoredFile(name: "weights.bin", bytes: [0, 255, 1]),
      StoredFile(name: "empty", bytes: []),
    ]
    let first = try service.create(["name": "m"], files: files)
    let second = try service.create(["name": "m"], files: [StoredFile(name: "model.json", bytes: [9])])
    let listed = try #require(first["files"]?.array)
    #expect(listed.map { $0.array?.first?.string } == ["model.json", "weights.bin", "empty"])
    for (entry, file) in zip(listed, files) {
      let path = try #require(entry.array?.last?.string)
      #expect(path.hasSuffix("/" + file.name))
      #expect(try service.file(at: path) == file.bytes)
    }
    // Two models of one name share nothing.
    let other = try #require(second["files"]?.array?.first?.array?.last?.string)
    #expect(try service.file(at: other) == [9])
    #expect(failure { _ = try service.file(at: "nowhere/model.json") }?.code == .notFound)
    #expect(failure { _ = try service.file(at: "model.json") }?.code == .notFound)
  }

  @Test("files go with their document and with its replacement", arguments: StoreKind.allCases)
  func filesGo(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let service = try test.store.service("models")
    func path(_ document: JSONObject) throws -> String {
      try #require(document["files"]?.array?.first?.array?.last?.string)
    }
    let document = try service.create(["name": "m"], files: [StoredFile(name: "a", bytes: [1])])
    let replaced = try service.replace(
      document.id, with: ["name": "m"], files: [StoredFile(name: "a", bytes: [2])])
    #expect(failure { _ = try service.file(at: path(document)) }?.code == .notFound)
    #expect(try service.file(at: path(replaced)) == [2])

    // Only something else changed: whoever puts back what they read loses no weights.
    var edited = try service.get(document.id)
    edited["note"] = "better"
    _ = try service.replace(document.id, with: edited)
    #expect(try service.file(at: path(replaced)) == [2])

    let bare = try service.replace(document.id, with: ["name": "m"])
    #expect(bare["files"] == nil)
    #expect(failure { _ = try service.file(at: path(replaced)) }?.code == .notFound)

    let last = try service.replace(
      document.id, with: ["name": "m"], files: [StoredFile(name: "a", bytes: [3])])
    #expect(try service.remove(document.id)["files"] == last["files"])
    #expect(failure { _ = try service.file(at: path(last)) }?.code == .notFound)
  }

  @Test("a file's name must be usable in a path, and come once", arguments: StoreKind.allCases)
  func fileNames(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let service = try test.store.service("models")
    for names in [[""], ["a/b"], ["a\0"], ["a", "a"]] {
      let files = names.map { StoredFile(name: $0, bytes: []) }
      #expect(failure { _ = try service.create([:], files: files) }?.code == .invalidArgument)
    }
    #expect(try service.find().total == 0)
  }

  @Test("fault 8: a replacement keeps id and createdAt, and moves updatedAt", arguments: StoreKind.allCases)
  func fault8(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let service = try test.store.service("runs")
    let before = try service.create(["v": 1, "createdAt": "1970-01-01T00:00:00.000Z"])
    #expect(before["createdAt"] != "1970-01-01T00:00:00.000Z")
    let after = try service.replace(
      before.id, with: ["v": 2, "id": "ffffffffffffffffffffffff", "updatedAt": 3])
    #expect(after.id == before.id)
    #expect(after["v"] == 2)
    #expect(after["createdAt"] == before["createdAt"])
    #expect(try #require(after["updatedAt"]?.string) > #require(before["updatedAt"]?.string))
    #expect(try service.get(before.id) == after)
    #expect(try service.find().total == 1)
  }

  @Test(
    "fault 8: the newest of a name is the one written last, within one millisecond too",
    arguments: StoreKind.allCases)
  func newest(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let service = try test.store.service("models")
    let first = try service.create(["name": "m", "v": 0])
    for version in 1...20 {
      let document = try service.create(["name": "m", "v": JSON(version)])
      #expect(try service.newest(named: "m") == document)
    }
    let again = try service.replace(first.id, with: ["name": "m", "v": 99])
    #expect(try service.newest(named: "m") == again)
    _ = try service.create(["name": "other"])
    #expect(try service.newest(named: "m") == again)
    _ = try service.remove(again.id)
    #expect(try service.newest(named: "m")?["v"] == 20)
  }

  @Test("events come after the change, in order, one batch a call", arguments: StoreKind.allCases)
  func events(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let service = try test.store.service("runs")
    let seen = Seen<String>()
    // Reading from inside an event sees what it tells of.
    service.events.observe { [weak service] event in
      for change in event.value {
        let isThere = (try? service?.get(change.document.id)) != nil
        seen.add("\(change.kind.rawValue) \(change.document["v"]?.description ?? "-") \(isThere)")
      }
    }
    let document = try service.create(["v": 1])
    _ = try service.replace(document.id, with: ["v": 2])
    _ = try? service.create(["id": .string(document.id)])
    _ = try service.remove(document.id)
    #expect(seen.values == ["created 1 true", "updated 2 true", "removed 2 false"])
  }

  @Test("events of a service reach everybody who asked the store for it", arguments: StoreKind.allCases)
  func oneService(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let first = try test.store.service("runs")
    let second = try test.store.service("runs")
    #expect(first === second)
    let seen = Seen<[ServiceEvent]>()
    first.events.observe { seen.add($0.value) }
    let document = try second.create(["v": 1])
    #expect(seen.values.count == 1)
    #expect(seen.values.first?.json == [["type": "created", "document": .object(document)]])
  }

  @Test("an event may write to the store, and its events follow", arguments: StoreKind.allCases)
  func reentrant(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let service = try test.store.service("runs")
    let seen = Seen<JSON?>()
    service.events.observe { [weak service] event in
      let version = event.value.first?.document["v"]
      seen.add(version)
      if version == 1 { _ = try? service?.create(["v": 2]) }
    }
    service.events.observe { seen.add($0.value.first?.document["v"]) }
    _ = try service.create(["v": 1])
    #expect(seen.values == [1, 1, 2, 2])
  }

  @Test("documents written by many threads are all there, each with one event", arguments: StoreKind.allCases)
  func threads(_ kind: StoreKind) async throws {
    let test = try TestStore(kind)
    let service = try test.store.service("runs")
    let seen = Seen<String>()
    service.events.observe { for change in $0.value { seen.add(change.document.id) } }
    let ids = try await withThrowingTaskGroup(of: [String].self) { group in
      for _ in 0..<4 {
        group.addTask { try (0..<25).map { try service.create(["v": JSON($0)]).id } }
      }
      return try await group.reduce(into: []) { $0 += $1 }
    }
    #expect(Set(ids).count == 100)
    #expect(try service.find(query(#"{"$limit": 0}"#)).total == 100)
    #expect(Set(seen.values) == Set(ids))
    #expect(seen.values.count == 100)
  }

  @Test(
    "services are listed in the order they were made, whatever they are called", arguments: StoreKind.allCases
  )
  func names(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let names = [
      "runs", "Runs", "RUNS", "sqlite_master", "maquette_files", "runs ids", "a\"b'c];--", "日本 語", "select",
      "runs (2)", " ",
    ]
    for name in names { _ = try test.store.service(name).create(["of": .string(name)]) }
    // A server has some of its own.
    let listed = try test.store.services().filter { names.contains($0) }
    #expect(listed == names)
    for name in names {
      #expect(try test.store.service(name).find().values("of") == [JSON.string(name).description])
    }
    #expect(failure { _ = try test.store.service("") }?.code == .invalidArgument)
    #expect(failure { _ = try test.store.service("a\0b") }?.code == .invalidArgument)
  }

  @Test("what JSON can't say or nobody can read again is refused", arguments: StoreKind.allCases)
  func impossible(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let service = try test.store.service("runs")
    #expect(failure { _ = try service.create(["v": .number(.nan)]) }?.code == .notFinite)
    #expect(failure { _ = try service.create(["v": [.number(.infinity)]]) }?.name == "v")
    var deep: JSON = 1
    for _ in 0..<300 { deep = [deep] }
    #expect(failure { _ = try service.create(["v": deep]) }?.code == .invalidArgument)
    #expect(try service.find().total == 0)
  }

  @Test("documents come back as they were given, whatever their members", arguments: StoreKind.allCases)
  func roundTrip(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let service = try test.store.service("runs")
    for text in [
      #"{"x": [0.1, 0.2], "y": 3, "name": "n"}"#, #"{"x": "a", "y": "", "name": 5}"#,
      #"{"y": null, "name": null}"#,
      #"{"y": true, "datasetName": 7}"#, #"{"y": [1, 2], "x": {"a": 1}, "": "empty", "a.b": [[], {}]}"#,
      #"{"y": "line\u0000end", "name": "", "datasetName": "d"}"#,
    ] {
      let given = try JSONObject(text)
      var stored = try service.get(service.create(given).id)
      for added in ["id", "createdAt", "updatedAt"] { stored[added] = nil }
      #expect(stored == given)
    }
  }
}
