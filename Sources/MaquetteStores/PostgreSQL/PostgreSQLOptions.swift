import MaquetteSystem

/// A `postgresql://` location, taken apart: what is for libpq, and what is ours.
struct PostgreSQLOptions: Equatable, Sendable {
  /// What libpq connects to: the location without our own options.
  var uri: String
  /// The location without its password, for messages.
  var shown: String
  /// The schema the tables are in; nil: the first of the search path, `public` unless told otherwise.
  var schema: String?
  /// Milliseconds to wait for another process that writes.
  var lockTimeout: Int32 = 5000
  /// Milliseconds to wait for the answer to one statement.
  var statementTimeout: Int32 = 60_000
  /// Milliseconds between looks for changes of others; nil: the server tells of them where it can.
  var poll: Int32?

  /// - Parameter location: `postgresql://user:password@host:port/database?options` or `postgres://…`.
  init(_ location: String) throws(MaquetteError) {
    shown = Self.withoutPassword(location)
    let base = String(location.prefix { $0 != "?" })
    uri = base
    guard !location.utf8.contains(0) else {
      throw MaquetteError(.invalidArgument, "\(quoted(shown)) holds a NUL", name: shown)
    }
    var rest: [String] = []
    for option in location.dropFirst(base.count + 1).split(separator: "&").map(String.init) {
      if try !set(option) { rest.append(option) }
    }
    if !rest.isEmpty { uri += "?" + rest.joined(separator: "&") }
  }

  /// Takes an option that is ours; false for one that is libpq's, which refuses those it does not know.
  private mutating func set(_ option: String) throws(MaquetteError) -> Bool {
    let parts = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard let name = parts.first, let value = parts.last, parts.count == 2 else { return false }
    switch name {
    case "schema":
      guard let text = Self.percentDecoded(value), !text.isEmpty, text.utf8.count <= 63,
        !text.utf8.contains(0)
      else { throw refused(option, "the name of a schema has 1 to 63 bytes") }
      schema = text
    case "lock_timeout": lockTimeout = try milliseconds(option, value)
    case "statement_timeout": statementTimeout = try milliseconds(option, value)
    case "poll": poll = max(1, try milliseconds(option, value))
    default: return false
    }
    return true
  }

  private func milliseconds(_ option: String, _ value: String) throws(MaquetteError) -> Int32 {
    guard let number = Int32(value), number >= 0 else { throw refused(option, "it must be milliseconds") }
    return number
  }

  private func refused(_ option: String, _ reason: String) -> MaquetteError {
    MaquetteError(
      .invalidArgument,
      "\(quoted(option)) is no option of a store in PostgreSQL: \(reason). There are schema=NAME, "
        + "lock_timeout=MILLISECONDS, statement_timeout=MILLISECONDS, poll=MILLISECONDS, connect_timeout=SECONDS and all "
        + "that libpq knows", name: String(option.prefix { $0 != "=" }))
  }

  /// The text with `%41` for `A`; nil where that is broken, or gives no UTF-8.
  private static func percentDecoded(_ text: String) -> String? {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      let digits = String(decoding: rest.prefix(2), as: UTF8.self)
      guard digits.utf8.count == 2, digits.allSatisfy(\.isHexDigit), let value = UInt8(digits, radix: 16)
      else {
        return nil
      }
      bytes.append(value)
      rest = rest.dropFirst(2)
    }
    return String(validating: bytes, as: UTF8.self)
  }

  /// The location without what stands between the user and the host, and without `password=…`.
  static func withoutPassword(_ location: String) -> String {
    var text = location
    // Not `firstRange(of:)`: that links the regular expressions, 1.3 MB.
    if let scheme = text.indices.first(where: { text[$0...].hasPrefix("://") }) {
      let authority = text[scheme...].dropFirst(3).prefix { $0 != "/" && $0 != "?" }
      // A password may hold a bare "@" where its writer forgot to escape it; the host can't.
      if let at = authority.lastIndex(of: "@"), let colon = authority[..<at].firstIndex(of: ":") {
        text.replaceSubrange(colon..<at, with: ":…")
      }
    }
    guard let question = text.firstIndex(of: "?") else { return text }
    let options = text[text.index(after: question)...].split(separator: "&").map {
      $0.hasPrefix("password=") || $0.hasPrefix("sslpassword=") ? $0.prefix { $0 != "=" } + "=…" : String($0)
    }
    return text[..<question] + "?" + options.joined(separator: "&")
  }
}
