import MaquetteFormats
import MaquetteStores
import MaquetteSystem
import TestSupport
import Testing

/// What goes over the wire, word by word, as Feathers has it.
@Suite("Exchanges with a server") struct RemoteExchangeTests {
  private func run(_ exchanges: [Script.Exchange], _ body: (Service) throws -> Void) throws {
    let remote = try RemoteStore()
    let script = Script(exchanges)
    remote.server.intercept { script.reply(to: $0) }
    try body(remote.store.service("things"))
    #expect(script.differences == [])
  }

  private static let document = #"""
    {"_id":"65a1b2c30000000000000001","color":"red","createdAt":"2026-01-02T03:04:05.006Z",
    "updatedAt":"2026-01-02T03:04:05.006Z"}
    """#

  @Test("a document is created without an id or dates, and comes back with those of the server")
  func create() throws {
    try run([
      .init(
        request: "POST /things", body: #"{"color": "red", "size": [1, 2.5], "none": null}"#, status: 201,
        answer: #"""
          {"_id":"65a1b2c30000000000000001","color":"red","size":[1,2.5],"none":null,"createdAt":"2026-01-02T03:04:05.006Z",
          "updatedAt":"2026-01-02T03:04:05.006Z"}
          """#)
    ]) { service in
      let stored = try service.create(["color": "red", "size": [1, 2.5], "none": nil])
      let expected: JSONObject = [
        "id": "65a1b2c30000000000000001", "color": "red", "size": [1, 2.5], "none": nil,
        "createdAt": "2026-01-02T03:04:05.006Z", "updatedAt": "2026-01-02T03:04:05.006Z",
      ]
      #expect(stored == expected)
    }
  }

  @Test("an id that a document brings goes along")
  func createWithID() throws {
    try run([
      .init(
        request: "GET /things/65a1b2c30000000000000001?$select[]=createdAt&$select[]=updatedAt"
          + "&$select[]=datasetName&$select[]=name",
        status: 404,
        answer: #"""
          {"name":"NotFound","message":"No record found for id '65a1b2c30000000000000001'","code":404,
          "className":"not-found","errors":{}}
          """#),
      .init(
        request: "POST /things", body: #"{"color": "red", "_id": "65a1b2c30000000000000001"}"#, status: 201,
        answer: Self.document),
    ]) { service in
      let stored = try service.create(["id": "65a1b2c30000000000000001", "color": "red"])
      #expect(stored.id == "65a1b2c30000000000000001")
    }
  }

  @Test("several are created by one request")
  func createMany() throws {
    try run([
      .init(
        request: "POST /things", body: #"[{"color": "red"}, {"color": "blue"}]"#, status: 201,
        answer:
          "[\(Self.document), \(Self.document.replacing("0001", with: "0002").replacing("red", with: "blue"))]"
      )
    ]) { service in
      let stored = try service.create([["color": "red"], ["color": "blue"]])
      #expect(stored.map(\.id) == ["65a1b2c30000000000000001", "65a1b2c30000000000000002"])
    }
  }

  @Test("a document is got by its id")
  func get() throws {
    try run([
      .init(request: "GET /things/65a1b2c30000000000000001", status: 200, answer: Self.document)
    ]) { service in
      let document = try service.get("65a1b2c30000000000000001")
      #expect(document["color"] == "red")
    }
  }

  @Test("a condition on a text and an order by date are the server's; a page is its page")
  func find() throws {
    try run([
      .init(
        request: "GET /things?color=red&size[$in][]=big&size[$in][]=small"
          + "&$sort[updatedAt]=-1&$sort[createdAt]=1&$sort[_id]=1&$limit=2&$skip=4",
        status: 200, answer: #"{"total":7,"limit":2,"skip":4,"data":[\#(Self.document),\#(Self.document)]}"#)
    ]) { service in
      let page = try service.find(
        query(
          #"{"color": "red", "size": {"$in": ["big", "small"]}, "$sort": {"updatedAt": -1}, "$limit": 2, "$skip": 4}"#
        ))
      #expect(page.total == 7)
      #expect(page.data.map(\.id) == ["65a1b2c30000000000000001", "65a1b2c30000000000000001"])
    }
  }

  @Test("a condition on a number is looked at here, over what the server gives for the rest")
  func residual() throws {
    let big = Self.document.replacing("0001\",", with: "0002\",\"size\":5,")
    try run([
      .init(
        request: "GET /things?color=red&$sort[createdAt]=1&$sort[_id]=1&$limit=32&$skip=0", status: 200,
        answer: #"{"total":2,"limit":32,"skip":0,"data":[\#(Self.document),\#(big)]}"#),
      .init(
        request:
          "GET /things?_id[$in][]=65a1b2c30000000000000002&$sort[createdAt]=1&$sort[_id]=1&$limit=32&$skip=0",
        status: 200, answer: #"{"total":1,"limit":32,"skip":0,"data":[\#(big)]}"#),
    ]) { service in
      let page = try service.find(query(#"{"color": "red", "size": {"$gt": 2}}"#))
      #expect(page.total == 1)
      #expect(page.data.map(\.id) == ["65a1b2c30000000000000002"])
    }
  }

  @Test("a count asks for no documents")
  func count() throws {
    try run([
      .init(
        request: "GET /things?color=a b&c/d=é?&$limit=0", status: 200,
        answer: #"{"total":3,"limit":0,"skip":0,"data":[]}"#)
    ]) { service in
      let count = try service.count(query(#"{"color": "a b&c/d=é?"}"#))
      #expect(count == 3)
    }
  }

  @Test("a change sends the members that differ; one that takes members away sends the whole document")
  func change() throws {
    let changed = Self.document.replacing("red", with: "blue")
    try run([
      .init(request: "GET /things/65a1b2c30000000000000001", status: 200, answer: Self.document),
      .init(
        request: "PATCH /things/65a1b2c30000000000000001", body: #"{"color": "blue"}"#, status: 200,
        answer: changed),
      .init(request: "GET /things/65a1b2c30000000000000001", status: 200, answer: changed),
      .init(
        request: "PUT /things/65a1b2c30000000000000001",
        body: #"{"size": 1, "createdAt": "2026-01-02T03:04:05.006Z"}"#,
        status: 200,
        answer: Self.document.replacing(#""color":"red""#, with: #""size":1"#)),
    ]) { service in
      let patched = try service.patch("65a1b2c30000000000000001", with: ["color": "blue"])
      #expect(patched["color"] == "blue")
      let replaced = try service.replace("65a1b2c30000000000000001", with: ["size": 1])
      #expect(replaced["color"] == nil)
    }
  }

  @Test("a service of any name is one step of the path")
  func names() throws {
    let remote = try RemoteStore()
    for name in ["a b", "a/b", "..", "é", "a?b#c", "%41", "\u{202E}abc", String(repeating: "n", count: 2000)]
    {
      let service = try remote.store.service(name)
      let stored = try service.create(["n": 1])
      #expect(remote.server.documents(name).count == 1)
      #expect(try service.get(stored.id) == stored)
    }
  }
}
