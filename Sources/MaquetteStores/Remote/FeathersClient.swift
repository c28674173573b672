import MaquetteFormats
import MaquetteSystem

/// The services of a server as they are there: JSON documents with an `_id`, over Feathers' REST routes.
final class FeathersClient: Sendable {
  /// Where the services are, without an end.
  let base: String
  private let http: HTTPClient
  private let token: String?

  /// - Throws: ``MaquetteError/Code/unsupported`` without libcurl, ``MaquetteError/Code/invalidArgument`` where the
  ///   variable of the token holds none.
  init(_ options: RemoteOptions) throws(MaquetteError) {
    base = options.base
    token = try options.token()
    http = try HTTPClient(server: options.base, timeout: options.timeout)
  }

  /// Some of the documents that match.
  struct Page {
    let total: Int
    let documents: [JSONObject]
    /// How large it was on its way.
    let bytes: Int
  }

  // MARK: Documents

  func find(_ service: String, _ query: QueryString) throws(MaquetteError) -> Page {
    let answer = try send(.get, [service], query, about: service)
    let json = try self.json(answer, .get, [service])
    // A service that does not page gives all there is.
    if let documents = json.array {
      return Page(
        total: documents.count, documents: try objects(documents, service), bytes: answer.body.count)
    }
    guard let total = json["total"]?.integer, total >= 0, let documents = json["data"]?.array else {
      throw strange(answer, .get, [service])
    }
    return Page(total: total, documents: try objects(documents, service), bytes: answer.body.count)
  }

  /// The different values of a field, in any order.
  func distinct(_ service: String, _ query: QueryString) throws(MaquetteError) -> [JSON]? {
    try json(try send(.get, [service], query, about: service), .get, [service]).array
  }

  /// Nil where there is no document of that id.
  func get(_ service: String, _ id: String, _ query: QueryString) throws(MaquetteError) -> JSONObject? {
    do throws(MaquetteError) {
      return try object(try send(.get, [service, id], query, about: id), .get, [service, id])
    } catch  where error.code == .notFound {
      return nil
    }
  }

  func create(_ service: String, _ document: JSONObject) throws(MaquetteError) -> JSONObject {
    try object(
      try send(.post, [service], body: .object(document), about: document["_id"]?.string ?? service), .post,
      [service])
  }

  /// - Returns: the documents as they are stored, in their order.
  func create(_ service: String, _ documents: [JSONObject]) throws(MaquetteError) -> [JSONObject] {
    let answer = try send(.post, [service], body: .array(documents.map { .object($0) }), about: service)
    guard let stored = try json(answer, .post, [service]).array, stored.count == documents.count else {
      throw strange(answer, .post, [service])
    }
    return try objects(stored, service)
  }

  func update(_ service: String, _ id: String, _ document: JSONObject) throws(MaquetteError) -> JSONObject {
    try object(try send(.put, [service, id], body: .object(document), about: id), .put, [service, id])
  }

  func patch(_ service: String, _ id: String, _ members: JSONObject) throws(MaquetteError) -> JSONObject {
    try object(try send(.patch, [service, id], body: .object(members), about: id), .patch, [service, id])
  }

  func remove(_ service: String, _ id: String) throws(MaquetteError) {
    let path = [service, id]
    let url = self.url(path)
    let response = try http.send(request(.delete, url, nil))
    // What an attempt before has removed is not there any more.
    if response.status == 404 && response.isRepeated { return }
    try require(response, .delete, path, about: id)
  }

  /// Removes all that matches; returns the documents as far as the query selects their members.
  func removeAll(_ service: String, _ query: QueryString) throws(MaquetteError) -> [JSONObject] {
    let answer = try send(.delete, [service], query, about: service)
    guard let documents = try json(answer, .delete, [service]).array else {
      throw strange(answer, .delete, [service])
    }
    return try objects(documents, service)
  }

  // MARK: Marcelle's own routes

  /// The names of the services the server knows now; nil where it doesn't tell.
  func services() throws(MaquetteError) -> [String]? {
    do throws(MaquetteError) {
      let answer = try send(.get, ["info"], about: base)
      guard let names = try json(answer, .get, ["info"])["services"]?.array else {
        throw strange(answer, .get, ["info"])
      }
      return names.compactMap(\.string)
    } catch  where error.code == .notFound {
      return nil
    }
  }

  /// Stores files of a model, and returns where: `[["model.json", "<folder>/model.json"], …]`; nil where the server
  /// takes none.
  func upload(_ files: [StoredFile], to service: String) throws(MaquetteError) -> [(
    name: String, place: String
  )]? {
    let path = [service, "upload"]
    let form = MultipartForm(files)
    var request = request(.post, url(path), form.body)
    request.headers[request.headers.count - 1] = ("Content-Type", form.contentType)
    let response = try http.send(request)
    if response.status == 404 || response.status == 405 { return nil }
    try require(response, .post, path, about: service)
    var places: [(name: String, place: String)] = []
    for entry in try json(response, .post, path).array ?? [] {
      guard let pair = entry.array, pair.count == 2, let name = pair[0].string, let place = pair[1].string
      else {
        throw strange(response, .post, path)
      }
      places.append((name, place))
    }
    guard Set(places.map(\.name)) == Set(files.map(\.name)) else { throw strange(response, .post, path) }
    return places
  }

  /// The bytes of a file of a model; nil where there is none.
  func file(_ service: String, _ id: String, _ name: String) throws(MaquetteError) -> [UInt8]? {
    var request = request(.get, url([service, id, name]), nil)
    request.largestAnswer = 1 << 30
    let response = try http.send(request)
    if response.status == 404 { return nil }
    try require(response, .get, [service, id, name], about: name)
    return response.body
  }

  // MARK: Requests

  private func url(_ path: [String]) -> String { path.reduce(base) { $0 + "/" + Self.step($1) } }

  /// A part of a path. One of nothing but dots would lead elsewhere.
  private static func step(_ name: String) -> String {
    name.utf8.allSatisfy { $0 == UInt8(ascii: ".") } ? name.map { _ in "%2E" }.joined() : percentEncoded(name)
  }

  private func request(_ method: HTTPRequest.Method, _ url: String, _ body: [UInt8]?) -> HTTPRequest {
    var headers = [("Accept", "application/json")]
    if let token { headers.append(("Authorization", "Bearer " + token)) }
    if body != nil { headers.append(("Content-Type", "application/json")) }
    return HTTPRequest(method: method, url: url, headers: headers, body: body)
  }

  private func send(
    _ method: HTTPRequest.Method, _ path: [String], _ query: QueryString = QueryString(), body: JSON? = nil,
    about name: String
  ) throws(MaquetteError) -> HTTPResponse {
    let bytes = body.map { Array($0.description.utf8) }
    let response = try http.send(request(method, url(path) + query.suffix, bytes))
    try require(response, method, path, about: name)
    return response
  }

  private func require(
    _ response: HTTPResponse, _ method: HTTPRequest.Method, _ path: [String], about name: String
  ) throws(MaquetteError) {
    guard !(200..<300).contains(response.status) else { return }
    throw FeathersError.make(response, method.rawValue + " " + url(path), name: name)
  }

  // MARK: Answers

  private func json(
    _ response: HTTPResponse, _ method: HTTPRequest.Method, _ path: [String]
  ) throws(MaquetteError) -> JSON {
    guard let json = try? JSON(parsing: response.body) else { throw strange(response, method, path) }
    return json
  }

  private func object(
    _ response: HTTPResponse, _ method: HTTPRequest.Method, _ path: [String]
  ) throws(MaquetteError) -> JSONObject {
    guard let object = try json(response, method, path).object else { throw strange(response, method, path) }
    return object
  }

  private func objects(_ elements: [JSON], _ service: String) throws(MaquetteError) -> [JSONObject] {
    var objects: [JSONObject] = []
    objects.reserveCapacity(elements.count)
    for element in elements {
      guard let object = element.object else {
        throw MaquetteError(
          .badFormat, "\(url([service])) holds \(element.kind) where a document was expected", name: service)
      }
      objects.append(object)
    }
    return objects
  }

  /// The error for an answer that no Feathers server gives.
  private func strange(_ response: HTTPResponse, _ method: HTTPRequest.Method, _ path: [String])
    -> MaquetteError
  {
    let begin = String(decoding: response.body.prefix(60), as: UTF8.self)
    return MaquetteError(
      .badFormat,
      "\(method.rawValue) \(url(path)): the server answers what no Marcelle backend does ("
        + (response.contentType.isEmpty ? "" : response.contentType + ", ")
        + "\(response.body.count) bytes: \(quoted(begin)))",
      name: base)
  }
}
