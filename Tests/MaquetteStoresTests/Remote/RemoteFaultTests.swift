import Glibc
import MaquetteFormats
import MaquetteStores
import MaquetteSystem
import Synchronization
import TestSupport
import Testing

/// What servers and networks do to whoever relies on them: it all ends in an error, in time.
@Suite("Faults of a server") struct RemoteFaultTests {
  private static func response(_ body: String, _ type: String = "application/json", status: String = "200 OK")
    -> [UInt8]
  {
    Array(
      "HTTP/1.1 \(status)\r\nContent-Type: \(type)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)".utf8)
  }

  static let strange: [(what: String, reply: ServerReply)] = [
    ("no HTTP", .raw(Array("SSH-2.0-OpenSSH_9.2\r\n".utf8))),
    ("noise", .raw((0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 197 &+ $0 / 7) })),
    ("nothing", .raw([])),
    ("a page of HTML", .raw(response("<html><body>Welcome</body></html>", "text/html"))),
    ("an empty body", .raw(response(""))),
    ("broken JSON", .raw(response(#"{"total": 1, "data": [{"_id": "#))),
    ("JSON of another kind", .raw(response("42"))),
    ("a page without its data", .raw(response(#"{"total": 3}"#))),
    (
      "a page of no documents",
      .raw(response(#"{"total": 3, "limit": 1, "skip": 0, "data": [1, "a", null]}"#))
    ),
    ("a total below zero", .raw(response(#"{"total": -3, "limit": 1, "skip": 0, "data": []}"#))),
    (
      "a body that ends too early",
      .raw(Array("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{\"total\":".utf8))
    ),
    (
      "a chunk that ends too early",
      .raw(Array("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{\"total\":".utf8))
    ),
    ("a length that is none", .raw(Array("HTTP/1.1 200 OK\r\nContent-Length: -7\r\n\r\n{}".utf8))),
    ("deep JSON", .raw(response(String(repeating: "[", count: 100_000)))),
    (
      "bytes that are no UTF-8",
      .raw(Array("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\"".utf8) + [0xFF, 0xFE, 0x22])
    ),
    ("an endless header", .raw(Array("HTTP/1.1 200 OK\r\n".utf8) + [UInt8](repeating: 65, count: 1 << 20))),
    ("a status that is none", .raw(Array("HTTP/1.1 999999 X\r\n\r\n".utf8))),
    ("a hang-up", .hangUp),
  ]

  @Test("an answer that is no answer of Feathers is an error, whatever is asked", arguments: strange.indices)
  func strangeAnswers(_ place: Int) throws {
    let remote = try RemoteStore(options: "?timeout=5000")
    let service = try remote.store.service("s")
    let reply = Self.strange[place].reply
    remote.server.intercept { _ in reply }
    let calls: [(String, @Sendable () throws -> Void)] = [
      ("find", { _ = try service.find() }),
      ("get", { _ = try service.get("65a1b2c30000000000000001") }),
      ("create", { _ = try service.create(["a": 1]) }),
      ("remove", { _ = try service.remove("65a1b2c30000000000000001") }),
      ("count", { _ = try service.count() }),
      ("services", { _ = try remote.store.services() }),
      ("open", { _ = try DataStore(remote.server.location + "?timeout=5000") }),
    ]
    for (name, call) in calls {
      let error = try within(seconds: 30) { failure { try call() } }
      let outcome = try #require(error, "\(name) waits for ever on \(Self.strange[place].what)")
      let found = try #require(outcome, "\(name) takes \(Self.strange[place].what) for an answer")
      #expect([.inputOutput, .badFormat, .timeout].contains(found.code), "\(name): \(found)")
      #expect(!found.message.isEmpty)
    }
  }

  @Test("a document that is missing what documents have is still one")
  func bareDocument() throws {
    let remote = try RemoteStore()
    remote.server.setDocuments(
      "s",
      [
        [
          "_id": "65a1b2c30000000000000001", "createdAt": 5, "updatedAt": "soon", "x": [1e300],
          "datasetName": "d",
        ]
      ])
    let document = try remote.store.service("s").get("65a1b2c30000000000000001")
    #expect(document["x"] == [1e300])
    #expect(document["updatedAt"] == "1970-01-01T00:00:00.000Z")
  }

  @Test("a server that says nothing, or drips, costs no more than the time given")
  func silence() throws {
    let remote = try RemoteStore(options: "?timeout=300")
    let service = try remote.store.service("s")
    let slow =
      Array("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n".utf8) + [UInt8](repeating: 32, count: 100)
    for reply in [ServerReply.silence, .slowly(slow, milliseconds: 20)] {
      remote.server.intercept { _ in reply }
      for call in [{ _ = try service.find() }, { _ = try service.create([:]) }]
        as [@Sendable () throws -> Void]
      {
        let outcome = try within(seconds: 20) { failure { try call() } }
        #expect(outcome??.code == .timeout)
        #expect(outcome??.message.contains("300 ms") == true)
      }
    }
  }

  @Test("a port where nobody listens, and a name that nobody has, are errors")
  func unreachable() throws {
    let server = try FeathersServer()
    let location = server.location
    let store = try DataStore(location + "?timeout=2000")
    let service = try store.service("s")
    server.stop()
    for call in [
      { _ = try service.find() }, { _ = try service.create([:]) }, { _ = try DataStore(location) },
    ]
      as [@Sendable () throws -> Void]
    {
      let outcome = try within(seconds: 20) { failure { try call() } }
      #expect(outcome??.code == .inputOutput)
    }
    let nowhere = try within(seconds: 60) {
      failure { _ = try DataStore("http://nowhere.invalid?timeout=3000") }
    }
    #expect(nowhere??.code == .inputOutput || nowhere??.code == .timeout)
  }

  @Test("a server that was away and is back goes on serving")
  func restart() throws {
    let first = try FeathersServer()
    let port = first.port
    let service = try DataStore(first.location + "?timeout=20000").service("s")
    _ = try service.create(["a": 1])
    let documents = first.documents("s")
    first.stop()
    #expect(failure { _ = try service.create(["a": 2]) } != nil)
    let second = try FeathersServer(port: port)
    second.setDocuments("s", documents)
    #expect(try service.find().total == 1)
    _ = try service.create(["a": 3])
    #expect(second.documents("s").count == 2)
    second.stop()
  }

  @Test("what may be done twice is tried again when the connection breaks; creating is not")
  func retries() throws {
    let remote = try RemoteStore()
    let service = try remote.store.service("s")
    let stored = try service.create(["a": 1])
    let count = Mutex(0)
    func breaking(_ method: String, _ times: Int) -> @Sendable (ServerRequest) -> ServerReply? {
      count.withLock { $0 = 0 }
      return { request in
        guard request.method == method else { return nil }
        return count.withLock { count in
          count += 1
          return count <= times ? .hangUp : nil
        }
      }
    }
    remote.server.intercept(breaking("GET", 2))
    #expect(try service.get(stored.id) == stored)
    remote.server.intercept(breaking("GET", 100))
    #expect(failure { _ = try service.get(stored.id) }?.code == .inputOutput)
    #expect(count.withLock { $0 } <= 8)
    remote.server.intercept(breaking("POST", 1))
    #expect(failure { _ = try service.create(["a": 2]) }?.code == .inputOutput)
    #expect(count.withLock { $0 } == 1)
    remote.server.intercept(nil)
    #expect(try service.find().total == 1)
  }

  @Test("a document whose removal was carried out, but never confirmed, is removed")
  func unconfirmedRemoval() throws {
    let remote = try RemoteStore()
    let service = try remote.store.service("s")
    let stored = try service.create(["a": 1])
    let server = remote.server
    let isFirst = Mutex(true)
    server.intercept { request in
      guard request.method == "DELETE", request.path.first == "s" else { return nil }
      guard
        isFirst.withLock({ first in
          defer { first = false }; return first
        })
      else { return nil }
      server.setDocuments("s", [])
      return .hangUp
    }
    #expect(try service.remove(stored.id) == stored)
  }

  @Test("a server that is asked too much is left alone for a while, and asked again")
  func tooManyRequests() throws {
    let remote = try RemoteStore()
    let service = try remote.store.service("s")
    let left = Mutex(2)
    remote.server.intercept { _ in
      left.withLock { left in
        left -= 1
        return left >= 0 ? .answer(status: 429, body: [], headers: ["Retry-After: 0"]) : nil
      }
    }
    #expect(try service.create(["a": 1])["a"] == 1)
    left.withLock { $0 = .max }
    #expect(failure { _ = try service.create(["a": 1]) }?.code == .busy)
    remote.server.intercept { _ in .answer(status: 503, body: [], headers: ["Retry-After: 3600"]) }
    let outcome = try within(seconds: 20) { failure { _ = try service.find() } }
    #expect(outcome??.code == .inputOutput)
  }

  @Test("a redirect is not followed, and says where to go")
  func redirect() throws {
    let remote = try RemoteStore()
    let service = try remote.store.service("s")
    remote.server.intercept { _ in
      .answer(status: 302, body: [], headers: ["Location: https://elsewhere.invalid/s"])
    }
    let error = try #require(failure { _ = try service.find() })
    #expect(error.code == .inputOutput)
    #expect(error.message.contains("https://elsewhere.invalid/s"))
  }

  @Test(
    "an error of the server keeps its words, and gets a code that fits",
    arguments: [
      (400, "BadRequest", .invalidArgument), (401, "NotAuthenticated", .inputOutput),
      (403, "Forbidden", .inputOutput),
      (404, "NotFound", .notFound), (405, "MethodNotAllowed", .unsupported), (408, "Timeout", .timeout),
      (409, "Conflict", .conflict), (413, "PayloadTooLarge", .invalidArgument),
      (422, "Unprocessable", .invalidArgument),
      (500, "GeneralError", .inputOutput), (501, "NotImplemented", .unsupported),
    ] as [(Int, String, MaquetteError.Code)])
  func codes(_ status: Int, _ name: String, _ code: MaquetteError.Code) throws {
    let remote = try RemoteStore()
    let service = try remote.store.service("s")
    remote.server.intercept { _ in
      .answer(
        status: status,
        body: Array(#"{"name":"\#(name)","message":"so it is","code":\#(status),"errors":{}}"#.utf8))
    }
    let error = try #require(failure { _ = try service.find() })
    #expect(error.code == code)
    #expect(error.message.contains("so it is"))
    // Proxies answer in their own way.
    remote.server.intercept { _ in
      .answer(status: status, body: Array("<h1>\(status)</h1>".utf8), contentType: "text/html")
    }
    #expect(failure { _ = try service.find() }?.code == code)
  }

  @Test("more than can be taken at once ends the answer")
  func tooLarge() throws {
    let remote = try RemoteStore()
    let service = try remote.store.service("s")
    let huge =
      Array("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n".utf8)
      + [UInt8](repeating: 32, count: 65 << 20)
    remote.server.intercept { _ in .raw(huge) }
    let error = try #require(failure { _ = try service.find() })
    #expect(error.code == .outOfMemory)
    #expect(error.message.contains("64 MB"))
  }

  @Test("a chunked answer is read like any other")
  func chunks() throws {
    let remote = try RemoteStore()
    let service = try remote.store.service("s")
    let text =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{\"total\"\r\n1c\r\n:0,\"limit\":1,\"skip\":0,\"data\"\r\n4\r\n:[]}\r\n0\r\n\r\n"
    remote.server.intercept { _ in .raw(Array(text.utf8)) }
    #expect(try service.find().total == 0)
  }
}
