import CMaquetteSystem
import MaquetteSystem

/// A connection to a server, kept open between requests; for one thread at a time.
final class CurlConnection: @unchecked Sendable {  // used by one thread at a time, whichever
  private let library: CurlLibrary
  private let handle: CurlLibrary.Handle
  /// Whether a connection was kept from a request before.
  private var isOpen = false

  /// - Throws: ``MaquetteError/Code/unsupported`` without libcurl, ``MaquetteError/Code/outOfMemory``.
  init() throws(MaquetteError) {
    library = try CurlLibrary.load()
    guard let handle = library.makeHandle() else {
      throw MaquetteError(.outOfMemory, "libcurl gave no handle for a connection")
    }
    self.handle = handle
  }

  deinit { library.freeHandle(handle) }

  /// Sends a request and waits for its whole answer.
  ///
  /// - Parameter timeout: milliseconds, from now to the last byte.
  func send(_ request: HTTPRequest, timeout: Int) throws(HTTPFailure) -> HTTPResponse {
    let exchange = Exchange(request)
    // Keeps the connection, and nothing of the request before.
    library.reset(handle)
    set(.noSignal, 1)
    set(.protocols, Curl.protocols)
    set(.httpVersion, Curl.http11)
    // A redirect is an answer: a token must not go where a server points.
    set(.followLocation, 0)
    set(.pathAsIs, 1)
    set(.timeout, max(1, timeout))
    set(.connectTimeout, max(1, timeout))
    var message = [CChar](repeating: 0, count: Curl.errorSize)
    var list: CurlLibrary.List?
    defer { library.freeList(list) }
    // `Expect` would have the server asked before each body, and be waited for where it doesn't answer that.
    for header in request.headers + [("Expect", "")] {
      list =
        library.append(list, header.value.isEmpty ? header.name + ":" : header.name + ": " + header.value)
        ?? list
    }
    set(.headers, list)
    set(.userAgent, "Maquette")
    set(.url, request.url)
    set(.customRequest, request.method.rawValue)
    let context = Unmanaged.passUnretained(exchange).toOpaque()
    if let body = request.body {
      set(.upload, 1)
      _ = maquette_system_curl_set_size(
        library.set, handle, Curl.Option.inputSize.rawValue, Int64(body.count))
      set(.readFunction) { Exchange.from($3)?.give($0, $1 &* $2) ?? Curl.abortReading }
      set(.readData, context)
    }
    set(.writeFunction) { Exchange.from($3)?.take($0, $1 &* $2) ?? 0 }
    set(.writeData, context)
    set(.headerFunction) { Exchange.from($3)?.takeHeader($0, $1 &* $2) ?? 0 }
    set(.headerData, context)
    let code = message.withUnsafeMutableBufferPointer { message in
      set(.errorBuffer, message.baseAddress)
      defer { set(.errorBuffer, nil) }
      return withExtendedLifetime(exchange) { maquette_system_curl_perform(library.perform, handle) }
    }
    guard code == 0 else { throw failure(code, message, exchange) }
    var status = 0
    _ = maquette_system_curl_get_number(library.get, handle, Curl.Info.status.rawValue, &status)
    var redirect: UnsafePointer<CChar>?
    _ = maquette_system_curl_get_text(library.get, handle, Curl.Info.redirectURL.rawValue, &redirect)
    var connects = 0
    _ = maquette_system_curl_get_number(library.get, handle, Curl.Info.connects.rawValue, &connects)
    defer { isOpen = true }
    return HTTPResponse(
      status: status, contentType: exchange.contentType, retryAfter: exchange.retryAfter,
      redirect: redirect.map { String(cString: $0) }, body: exchange.answer,
      isRepeated: isOpen && connects > 0)
  }

  private func failure(_ code: Int32, _ message: [CChar], _ exchange: Exchange) -> HTTPFailure {
    let said = String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let text = said.isEmpty ? library.explain(code).map { String(cString: $0) } : said
    let kind: HTTPFailure.Kind
    switch code {
    case 23, 63: kind = exchange.isTooLarge ? .tooLarge : .broken
    case 28: kind = .timeout
    // Neither the name nor the address led to a connection.
    case 5, 6, 7: kind = .unreachable
    case 35, 51, 53, 54, 58, 59, 60, 66, 77, 80, 82, 83, 90, 91: kind = .untrusted
    default: kind = .broken
    }
    return HTTPFailure(kind: kind, message: text ?? "libcurl's error \(code)")
  }

  // MARK: Options

  private func set(_ option: Curl.Option, _ value: Int) {
    _ = maquette_system_curl_set_number(library.set, handle, option.rawValue, value)
  }

  private func set(_ option: Curl.Option, _ value: UnsafeMutableRawPointer?) {
    _ = maquette_system_curl_set_pointer(library.set, handle, option.rawValue, value)
  }

  /// libcurl copies texts.
  private func set(_ option: Curl.Option, _ text: String) {
    _ = text.withCString { maquette_system_curl_set_pointer(library.set, handle, option.rawValue, $0) }
  }

  private func set(
    _ option: Curl.Option,
    _ function:
      @escaping @convention(c) (
        UnsafeMutablePointer<CChar>?, Int, Int, UnsafeMutableRawPointer?
      ) -> Int
  ) {
    _ = maquette_system_curl_set_function(library.set, handle, option.rawValue, function)
  }
}

/// What goes out and comes in during one request.
private final class Exchange {
  private let body: [UInt8]
  private let largestAnswer: Int
  private var given = 0
  private(set) var answer: [UInt8] = []
  private(set) var contentType = ""
  private(set) var retryAfter: Int?
  private(set) var isTooLarge = false

  init(_ request: HTTPRequest) {
    body = request.body ?? []
    largestAnswer = request.largestAnswer
  }

  static func from(_ pointer: UnsafeMutableRawPointer?) -> Exchange? {
    pointer.map { Unmanaged<Exchange>.fromOpaque($0).takeUnretainedValue() }
  }

  func give(_ buffer: UnsafeMutablePointer<CChar>?, _ size: Int) -> Int {
    let count = min(size, body.count - given)
    guard count > 0, let buffer else { return 0 }
    body.withUnsafeBytes { bytes in
      UnsafeMutableRawBufferPointer(start: buffer, count: count)
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[given..<given + count]))
    }
    given += count
    return count
  }

  /// - Returns: what was taken; less than there was ends the request.
  func take(_ buffer: UnsafeMutablePointer<CChar>?, _ size: Int) -> Int {
    guard let buffer else { return 0 }
    guard size <= largestAnswer - answer.count else {
      isTooLarge = true
      return 0
    }
    answer.append(contentsOf: UnsafeRawBufferPointer(start: buffer, count: size))
    return size
  }

  func takeHeader(_ buffer: UnsafeMutablePointer<CChar>?, _ size: Int) -> Int {
    guard let buffer else { return 0 }
    let line = String(decoding: UnsafeRawBufferPointer(start: buffer, count: size), as: UTF8.self)
    guard let colon = line.firstIndex(of: ":") else { return size }
    let value = line[line.index(after: colon)...].filter { !$0.isNewline }.drop { $0 == " " }
    switch line[..<colon].lowercased() {
    case "content-type": contentType = String(value)
    case "retry-after": retryAfter = Int(value)
    default: break
    }
    return size
  }
}
