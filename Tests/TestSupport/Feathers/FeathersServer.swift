package import MaquetteFormats
import MaquetteSystem
import Synchronization

/// A Marcelle backend of the tests' own: it answers as Feathers does, and keeps everything in memory.
package final class FeathersServer: Sendable {
  package struct Settings: Sendable {
    /// Documents of a page where nobody says, and at the most: as Marcelle's own settings are.
    package var defaultLimit = 10
    package var largestLimit = 50
    /// What `Authorization: Bearer` must say; nil: nobody is asked.
    package var token: String?
    /// Whether ids are 16 letters, as those of a backend on files, in the place of 24 digits.
    package var hasShortIDs = false
    /// Bytes of JSON that are taken at once.
    package var largestBody = 100 << 10
    /// Whether it has Marcelle's own routes.
    package var isMarcelle = true
    /// Whether many documents can be changed and removed at once.
    package var isMulti = true
    /// The services it has before it is asked for any.
    package var ownServices = ["tfjs-models", "onnx-models", "assets"]
    package init() {}
  }

  private struct State {
    var services: [[UInt8]: [JSONObject]] = [:]
    var names: [String] = []
    var files: [String: [UInt8]] = [:]
    var lastID = 0
    var lines: [String] = []
    var interception: (@Sendable (ServerRequest) -> ServerReply?)?
  }

  private let settings: Settings
  private let state: Shared
  private let server: HTTPServer

  private final class Shared: Sendable {
    let value = Mutex(State())
  }

  package init(_ settings: Settings = Settings(), port: Int = 0) throws {
    let shared = Shared()
    self.settings = settings
    state = shared
    shared.value.withLock { $0.names = settings.ownServices }
    server = try HTTPServer(port: port) { request in
      let interception = shared.value.withLock { state in
        state.lines.append(request.line)
        return state.interception
      }
      if let reply = interception?(request) { return reply }
      return shared.value.withLock { Answering(settings: settings, state: $0).answer(request, &$0) }
    }
  }

  package var location: String { server.location }
  package var port: Int { server.port }
  package var accepted: Int { server.accepted }
  package func stop() { server.stop() }

  /// The requests so far: `GET /s?y=a`, decoded.
  package var requests: [String] { state.value.withLock { $0.lines.map { percentDecoded($0) } } }
  package func forgetRequests() { state.value.withLock { $0.lines = [] } }

  /// What a service holds, as it is stored.
  package func documents(_ service: String) -> [JSONObject] {
    state.value.withLock { $0.services[exact(service)] ?? [] }
  }
  package func setDocuments(_ service: String, _ documents: [JSONObject]) {
    state.value.withLock { state in
      state.services[exact(service)] = documents
      // None of their ids is given once more.
      state.lastID += documents.count
      if !state.names.contains(service) { state.names.append(service) }
    }
  }

  /// Lets `body` see every request first: what it returns is done in the place of an answer.
  package func intercept(_ body: (@Sendable (ServerRequest) -> ServerReply?)?) {
    state.value.withLock { $0.interception = body }
  }

  // MARK: Answers

  private struct Failure: Error {
    let status: Int
    let name: String
    let message: String

    static func notFound(_ id: String) -> Failure {
      Failure(status: 404, name: "NotFound", message: "No record found for id '\(id)'")
    }

    var reply: ServerReply {
      let className = name.reduce(into: "") { text, letter in
        if letter.isUppercase, !text.isEmpty { text += "-" }
        text += letter.lowercased()
      }
      let json: JSON = [
        "name": .string(name), "message": .string(message), "code": JSON(status),
        "className": .string(className),
        "errors": [:],
      ]
      return .answer(status: status, body: Array(json.description.utf8))
    }
  }

  private struct Answering {
    let settings: Settings

    init(settings: Settings, state: borrowing State) { self.settings = settings }

    func answer(_ request: ServerRequest, _ state: inout State) -> ServerReply {
      do throws(Failure) {
        if let token = settings.token, request.headers["authorization"] != "Bearer " + token {
          throw Failure(status: 401, name: "NotAuthenticated", message: "Not authenticated")
        }
        if !settings.isMarcelle, request.path == ["info"] {
          throw Failure(status: 404, name: "NotFound", message: "Page not found")
        }
        if settings.isMarcelle, let reply = try route(request, &state) { return reply }
        let (status, json) = try service(request, &state)
        return .answer(status: status, body: Array(json.description.utf8))
      } catch {
        return error.reply
      }
    }

    // MARK: Marcelle's routes

    private func route(_ request: ServerRequest, _ state: inout State) throws(Failure) -> ServerReply? {
      switch (request.method, request.path.count, request.path.first, request.path.last) {
      case ("GET", 1, "info", _):
        let json: JSON = ["services": .array(state.names.map { .string($0) })]
        return .answer(status: 200, body: Array(json.description.utf8))
      case ("POST", 2, "tfjs-models", "upload"):
        let folder = id(&state)
        var places: [JSON] = []
        for (name, bytes) in FormReader.files(request) {
          guard name == "model.json" || name == "model.weights.bin" || name.contains("shard") else {
            continue
          }
          state.files["\(folder)/\(name)"] = bytes
          places.append([.string(name), .string("\(folder)/\(name)")])
        }
        return .answer(status: 200, body: Array(JSON.array(places).description.utf8))
      case ("GET", 3, "tfjs-models", let name?):
        let document = state.services[exact("tfjs-models")]?.first { $0["_id"]?.string == request.path[1] }
        for entry in document?["files"]?.array ?? [] where entry.array?.first?.string == name {
          if let place = entry.array?.last?.string, let bytes = state.files[place] {
            return .answer(status: 200, body: bytes, contentType: "application/octet-stream")
          }
        }
        return .answer(status: 404, body: Array(#"{"err":"file does not exist"}"#.utf8))
      default: return nil
      }
    }

    // MARK: Services

    private func id(_ state: inout State) -> String {
      state.lastID += 1
      let digits = String(state.lastID, radix: 16)
      let length = settings.hasShortIDs ? 16 : 24
      let beginning = settings.hasShortIDs ? "zQ" : "65a1b2c3"
      return beginning + String(repeating: "0", count: length - beginning.utf8.count - digits.utf8.count)
        + digits
    }

    private func service(_ request: ServerRequest, _ state: inout State) throws(Failure) -> (Int, JSON) {
      guard let name = request.path.first, request.path.count <= 2 else {
        throw Failure(status: 404, name: "NotFound", message: "Page not found")
      }
      if !state.names.contains(where: { exact($0) == exact(name) }) { state.names.append(name) }
      let id = request.path.count == 2 ? request.path[1] : nil
      let query: FeathersQuery
      do throws(FeathersQuery.Refusal) { query = try FeathersQuery(request.query) } catch {
        throw Failure(status: 400, name: "BadRequest", message: "Invalid query parameter \(error.parameter)")
      }
      var documents = state.services[exact(name)] ?? []
      defer { state.services[exact(name)] = documents }
      func place(_ id: String) throws(Failure) -> Int {
        guard let place = documents.firstIndex(where: { $0["_id"]?.string == id && query.matches($0) }) else {
          throw .notFound(id)
        }
        return place
      }
      switch (request.method, id) {
      case ("GET", nil): return (200, find(documents, query))
      case ("GET", let id?): return (200, .object(query.selected(documents[try place(id)])))
      case ("POST", nil):
        let body = try body(request)
        var made: [JSONObject] = []
        for element in body.array ?? [body] {
          var document = element.object ?? [:]
          let id = document["_id"]?.string ?? self.id(&state)
          guard !documents.contains(where: { $0["_id"]?.string == id }) else {
            throw Failure(status: 409, name: "Conflict", message: "the id \(id) is taken")
          }
          document["_id"] = .string(id)
          document["createdAt"] = .string(Timestamp.now().description)
          document["updatedAt"] = document["createdAt"]
          documents.append(document)
          made.append(query.selected(document))
        }
        return (201, body.array == nil ? .object(made[0]) : .array(made.map { .object($0) }))
      case ("PUT", let id?):
        let place = try place(id)
        var document = try body(request).object ?? [:]
        document["_id"] = .string(id)
        document["updatedAt"] = .string(Timestamp.now().description)
        documents[place] = document
        return (200, .object(query.selected(document)))
      case ("PATCH", let id):
        let places = if let id { [try place(id)] } else { try many(documents, query) }
        let members = try body(request).object ?? [:]
        for place in places {
          for (name, value) in members.members where name != "_id" { documents[place][name] = value }
          documents[place]["updatedAt"] = .string(Timestamp.now().description)
        }
        let changed = places.map { JSON.object(query.selected(documents[$0])) }
        return (200, id == nil ? .array(changed) : changed[0])
      case ("DELETE", let id):
        let places = if let id { [try place(id)] } else { try many(documents, query) }
        let removed = places.map { JSON.object(query.selected(documents[$0])) }
        let gone = Set(places)
        documents = documents.indices.filter { !gone.contains($0) }.map { documents[$0] }
        return (200, id == nil ? .array(removed) : removed[0])
      default:
        throw Failure(
          status: 405, name: "MethodNotAllowed", message: "Method `\(request.method)` is not supported here")
      }
    }

    private func many(_ documents: [JSONObject], _ query: FeathersQuery) throws(Failure) -> [Int] {
      guard settings.isMulti else {
        throw Failure(status: 405, name: "MethodNotAllowed", message: "Can not change multiple entries")
      }
      return documents.indices.filter { query.matches(documents[$0]) }
    }

    private func find(_ documents: [JSONObject], _ query: FeathersQuery) -> JSON {
      let found = query.sorted(documents.filter { query.matches($0) })
      if let field = query.distinct {
        var values: [JSON] = []
        for document in found {
          if let value = FeathersQuery.value(document, field), !values.contains(value) {
            values.append(value)
          }
        }
        return .array(values)
      }
      let limit = query.limit.map { min(abs($0), settings.largestLimit) } ?? settings.defaultLimit
      return [
        "total": JSON(found.count), "limit": JSON(limit), "skip": JSON(query.skip),
        "data": .array(found.dropFirst(max(0, query.skip)).prefix(limit).map { .object(query.selected($0)) }),
      ]
    }

    private func body(_ request: ServerRequest) throws(Failure) -> JSON {
      guard request.body.count <= settings.largestBody else {
        throw Failure(status: 413, name: "PayloadTooLarge", message: "request entity too large")
      }
      guard let json = try? JSON(parsing: request.body) else {
        throw Failure(status: 400, name: "BadRequest", message: "Unexpected token in JSON")
      }
      return json
    }
  }
}

/// A text as a key that no other bytes are equal to.
private func exact(_ text: String) -> [UInt8] { Array(text.utf8) }

/// The files of a multipart form.
private enum FormReader {
  static func files(_ request: ServerRequest) -> [(name: String, bytes: [UInt8])] {
    guard let type = request.headers["content-type"], let boundary = type.split(separator: "boundary=").last
    else { return [] }
    let mark = Array("--\(boundary)".utf8)
    var files: [(name: String, bytes: [UInt8])] = []
    var parts: [ArraySlice<UInt8>] = []
    var start = 0
    var place = 0
    while place + mark.count <= request.body.count {
      if request.body[place] == mark[0], Array(request.body[place..<place + mark.count]) == mark {
        parts.append(request.body[start..<place])
        place += mark.count
        start = place
      } else {
        place += 1
      }
    }
    for part in parts.dropFirst() {
      let bytes = Array(part)
      guard
        let end = (0..<max(0, bytes.count - 3)).first(where: {
          Array(bytes[$0..<$0 + 4]) == [13, 10, 13, 10]
        })
      else {
        continue
      }
      let head = String(decoding: bytes[..<end], as: UTF8.self)
      let name = head.split(separator: "name=\"").dropFirst().first?.prefix { $0 != "\"" } ?? ""
      files.append((String(name), Array(bytes[(end + 4)...].dropLast(2))))
    }
    return files
  }
}
