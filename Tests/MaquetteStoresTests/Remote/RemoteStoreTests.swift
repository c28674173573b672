import Glibc
import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteSystem
import TestSupport
import Testing

/// What is peculiar to a store on a server; what all stores do is in the contract.
@Suite("A remote store") struct RemoteStoreTests {
  @Test(
    "a location that can't be one is refused, and says what is possible",
    arguments: [
      "http://", "http:///path", "http://host:0", "http://host:99999", "http://host:x",
      "http://user:word@host",
      "http://host/a b", "http://host?timeout=0", "http://host?timeout=x", "http://host?poll=-1",
      "http://host?token=secret",
      "http://host?token-from=", "http://ho st", "http://[::1", "http://host?x", "https://ho\"st",
      "http://host#there",
    ])
  func badLocations(_ location: String) {
    let error = failure { _ = try DataStore(location) }
    #expect(error?.code == .invalidArgument)
  }

  @Test("a path in front of the services, and a slash behind it, are fine")
  func path() throws {
    let server = try HTTPServer { request in
      let isInfo = request.path == ["api", "v1", "info"]
      return .answer(status: isInfo ? 200 : 404, body: Array(#"{"services":["a"]}"#.utf8))
    }
    #expect(try DataStore(server.location + "/api/v1/").services() == ["a"])
    server.stop()
  }

  @Test("a token from the environment goes along; without one the error says what is missing")
  func token() throws {
    var settings = FeathersServer.Settings()
    settings.token = "s3cret"
    let server = try FeathersServer(settings)
    let error = try #require(failure { _ = try DataStore(server.location) })
    #expect(error.code == .inputOutput)
    #expect(error.message.contains("token-from"))
    #expect(
      failure { _ = try DataStore(server.location + "?token-from=MAQUETTE_TEST_NONE") }?.name
        == "MAQUETTE_TEST_NONE")
    try alone {
      setenv("MAQUETTE_TEST_TOKEN", "s3cret", 1)
      defer { unsetenv("MAQUETTE_TEST_TOKEN") }
      let store = try DataStore(server.location + "?token-from=MAQUETTE_TEST_TOKEN")
      _ = try store.service("s").create(["a": 1])
      #expect(!store.location.contains("s3cret"))
      setenv("MAQUETTE_TEST_TOKEN", "two\r\nlines", 1)
      #expect(
        failure { _ = try DataStore(server.location + "?token-from=MAQUETTE_TEST_TOKEN") }?.code
          == .invalidArgument)
    }
    #expect(server.documents("s").count == 1)
  }

  @Test("a server without /info is a store, too, that knows the services it was asked for")
  func plainFeathers() throws {
    var settings = FeathersServer.Settings()
    settings.isMarcelle = false
    settings.isMulti = false
    let remote = try RemoteStore(settings)
    let dataset = try Dataset("d", in: remote.store)
    try dataset.append(counting(60), labels: LabelColumn([String](repeating: "a", count: 60)))
    #expect(try remote.store.services() == ["instances-d"])
    try dataset.clear()
    #expect(dataset.count == 0)
    let model = try remote.store.service("tfjs-models").create(
      ["name": "m"],
      files: [StoredFile(name: "model.json", bytes: [1]), StoredFile(name: "model.weights.bin", bytes: [2])])
    let path = try #require(model["files"]?.array?.last?.array?.last?.string)
    #expect(try remote.store.service("tfjs-models").file(at: path) == [2])
  }

  @Test("ids of 16 letters, as servers on files give them, stand for 24 digits here, one for one")
  func shortIDs() throws {
    var settings = FeathersServer.Settings()
    settings.hasShortIDs = true
    let remote = try RemoteStore(settings)
    let service = try remote.store.service("s")
    let stored = try service.create(["a": 1])
    #expect(stored.id.utf8.count == 24)
    #expect(remote.server.documents("s")[0]["_id"] == "zQ00000000000001")
    #expect(try service.get(stored.id) == stored)
    _ = try service.patch(stored.id, with: ["a": 2])
    // Another process has seen no document yet that would tell it.
    let other = try DataStore(remote.server.location).service("s")
    _ = try other.find()
    #expect(try other.get(stored.id)["a"] == 2)
    _ = try other.remove(stored.id)
    #expect(remote.server.documents("s") == [])
  }

  @Test("an id of yet another form is an error that names it")
  func strangeIDs() throws {
    let remote = try RemoteStore()
    remote.server.setDocuments("s", [["_id": "12"]])
    let error = try #require(failure { _ = try remote.store.service("s").find() })
    #expect(error.code == .badFormat)
    #expect(error.message.contains("\"12\""))
  }

  @Test("a whole dataset is read page by page, whatever the server gives at once")
  func pages() throws {
    let remote = try RemoteStore()
    let dataset = try Dataset("d", in: remote.store)
    try dataset.append(counting(1234), labels: LabelColumn((0..<1234).map { "label \($0 % 7)" }))
    let table = try dataset.table()
    let expected = try counting(1234)
    #expect(table.features == expected)
    #expect(table.labels == LabelColumn((0..<1234).map { "label \($0 % 7)" }))
    #expect(try dataset.find(query(#"{"$limit": 150, "$skip": 20}"#)).data.count == 150)
    remote.server.forgetRequests()
    _ = try dataset.table()
    #expect(remote.server.requests.count == 1)
  }

  @Test("a field that is asked for twice is sent once, and a text that is too long for an address not at all")
  func filters() throws {
    let server = try FeathersServer()
    let store = try DataStore(server.location)
    let dataset = try Dataset("a", in: store)
    let long = String(repeating: "long ", count: 2000)
    for y in ["b", "c", long] { _ = try dataset.create(["x": [1], "y": .string(y)]) }
    #expect(try dataset.find(Query(["datasetName": "a"])).total == 3)
    #expect(try dataset.find(Query(["datasetName": "other"])).total == 0)
    #expect(try dataset.count(Query(["y": "b", "$and": [["y": "b"]]])) == 1)
    #expect(try dataset.count(Query(["y": "b", "$and": [["y": "c"]]])) == 0)
    #expect(try dataset.count(Query(["y": .string(long)])) == 1)
  }

  @Test("documents that go while a pass goes on make it miss none of the others")
  func shiftingPages() throws {
    let remote = try RemoteStore()
    let service = try remote.store.service("s")
    let stored = try service.create((0..<600).map { ["n": JSON($0)] })
    let reader = try service.items().makeReader()
    var seen: [Int] = []
    while let document = try reader.next() {
      seen.append(document["n"]?.integer ?? -1)
      // All that was read so far goes, but for the first.
      if seen.count == 256 { for place in 1..<256 { _ = try service.remove(stored[place].id) } }
      if seen.count == 300 { break }
    }
    #expect(seen == Array(0..<300))
  }

  @Test(
    "a model's files go where a Marcelle backend keeps them, and those of other kinds among the documents")
  func files() throws {
    let remote = try RemoteStore()
    let service = try remote.store.service("tfjs-models")
    let weights = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let model = try service.create(
      ["name": "m"],
      files: [
        StoredFile(name: "model.json", bytes: Array("{}".utf8)),
        StoredFile(name: "model.weights.bin", bytes: weights),
      ])
    #expect(remote.server.documents("maquette-files") == [])
    func path(_ document: JSONObject) throws -> String {
      try #require(document["files"]?.array?.last?.array?.last?.string)
    }
    #expect(try service.file(at: path(model)) == weights)
    // Another process has not seen the document.
    #expect(try DataStore(remote.server.location).service("tfjs-models").file(at: path(model)) == weights)
    #expect(failure { _ = try service.file(at: "nowhere/model.json") }?.code == .notFound)

    let others = try remote.store.service("kmeans-models")
    let other = try others.create(["name": "k"], files: [StoredFile(name: "k.safetensors", bytes: weights)])
    #expect(try others.file(at: path(other)) == weights)
    #expect(remote.server.documents("maquette-files").count == 5)
    let names = try remote.store.services()
    #expect(!names.contains("maquette-files"))
    let replaced = try others.replace(
      other.id, with: ["name": "k"], files: [StoredFile(name: "k.safetensors", bytes: [])])
    #expect(try others.file(at: path(replaced)) == [])
    #expect(failure { _ = try others.file(at: path(other)) }?.code == .notFound)
    _ = try others.remove(other.id)
    #expect(remote.server.documents("maquette-files") == [])
  }

  @Test("a document is never there without its files")
  func filesFirst() throws {
    let remote = try RemoteStore()
    let service = try remote.store.service("kmeans-models")
    _ = try service.create(["name": "k"], files: [StoredFile(name: "a", bytes: [1])])
    let posts = remote.server.requests.filter { $0.hasPrefix("POST") }
    #expect(posts == ["POST /maquette-files", "POST /kmeans-models"])
  }

  @Test("what others wrote on the server is seen by the next table")
  func foreignTable() throws {
    let remote = try RemoteStore()
    let ours = try Dataset("d", in: remote.store)
    let theirs = try Dataset("d", in: DataStore(remote.server.location))
    try ours.append(counting(3), labels: LabelColumn(["a", "b", "a"]))
    #expect(try theirs.table().features.rows == 3)
    let instance = try ours.create(["x": [1, 2, 3], "y": "c"])
    #expect(try theirs.table().labels.names == ["a", "b", "c"])
    _ = try ours.replace(instance.id, with: ["x": [1, 2, 3], "y": "d"])
    #expect(try theirs.table().labels.names == ["a", "b", "d"])
    _ = try ours.remove(instance.id)
    #expect(try theirs.table().features.rows == 3)
  }

  @Test("connections are kept open")
  func keepAlive() throws {
    let remote = try RemoteStore()
    let service = try remote.store.service("s")
    for number in 0..<20 { _ = try service.create(["n": JSON(number)]) }
    #expect(remote.server.accepted == 1)
  }

  @Test("values of every kind come back as they were stored")
  func values() throws {
    let remote = try RemoteStore()
    let service = try remote.store.service("s")
    let document: JSONObject = [
      "a": nil, "b": true, "c": 0.1, "d": 1e300, "e": "é\u{0}\u{1F600}\n\"", "f": [[], [1, [2]]],
      "g": ["h": ["i": nil]],
      "createdAt": "not a date", "name": 5, "y": [1], "x": ["nested": 1],
    ]
    let stored = try service.create(document)
    #expect(try service.get(stored.id) == stored)
    #expect(stored["e"] == document["e"])
    #expect(stored["createdAt"] != document["createdAt"])
  }
}
