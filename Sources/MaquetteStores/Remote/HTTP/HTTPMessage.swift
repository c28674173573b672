import MaquetteSystem

/// One thing to ask a server for.
struct HTTPRequest: Sendable {
  enum Method: String, Sendable {
    case get = "GET"
    case post = "POST"
    case put = "PUT"
    case patch = "PATCH"
    case delete = "DELETE"

    /// Whether doing it twice is the same as doing it once, so that it may be tried again when nobody knows whether it
    /// was done.
    var isIdempotent: Bool { self != .post && self != .patch }
  }

  let method: Method
  let url: String
  var headers: [(name: String, value: String)] = []
  var body: [UInt8]?
  /// The most bytes of an answer that are taken.
  var largestAnswer = HTTPRequest.usualLargestAnswer

  /// 64 MB: more than any page of documents that is not asked for in smaller pieces then.
  static let usualLargestAnswer = 64 << 20
}

struct HTTPResponse: Sendable {
  let status: Int
  let contentType: String
  /// How many seconds the server wants to be left alone.
  var retryAfter: Int?
  /// Where the server sends whoever asks.
  var redirect: String?
  let body: [UInt8]
  /// Whether it may have been sent twice: over a connection that was kept, and had been closed, and over a new one.
  var isRepeated = false
}

/// A request that got no answer.
struct HTTPFailure: Error, Sendable {
  enum Kind: Sendable {
    /// No connection came about, so the server has seen nothing of the request.
    case unreachable
    /// The time was over.
    case timeout
    /// The connection broke, or what came was no HTTP.
    case broken
    /// The answer was too large.
    case tooLarge
    /// The certificate, or the encryption.
    case untrusted
  }

  let kind: Kind
  let message: String
}
