import Glibc
import MaquetteSystem

/// An `http://` or `https://` location, taken apart.
struct RemoteOptions: Equatable, Sendable {
  /// Where the services are, without an end: `http://host:3030/api`.
  var base: String
  /// Milliseconds a call may take.
  var timeout = 30_000
  /// Milliseconds between looks for changes of others.
  var poll = 1000
  /// The environment variable that holds the token: in the location it would stand in every log.
  var tokenVariable: String?

  private static let longestTime = 86_400_000

  /// - Parameter location: `http://host:port/path?timeout=MILLISECONDS&poll=MILLISECONDS&token-from=VARIABLE`
  /// - Throws: ``MaquetteError/Code/invalidArgument``
  init(_ location: String) throws(MaquetteError) {
    var base = location.prefix { $0 != "?" }
    let options = location.dropFirst(base.count + 1)
    while base.hasSuffix("/") { base = base.dropLast() }
    self.base = String(base)
    guard Self.isAddress(self.base) else {
      throw MaquetteError(
        .invalidArgument,
        "\(quoted(location)) is no location of a server: it must be \"http://HOST:PORT/PATH\"",
        name: location)
    }
    for option in options.split(separator: "&").map(String.init) { try set(option) }
  }

  private mutating func set(_ option: String) throws(MaquetteError) {
    let parts = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let (name, value) = (parts[0], parts.count == 2 ? parts[1] : "")
    switch name {
    case "timeout":
      guard let number = Int(value), (1...Self.longestTime).contains(number) else {
        throw Self.refused(option, name)
      }
      timeout = number
    case "poll":
      guard let number = Int(value), (1...Self.longestTime).contains(number) else {
        throw Self.refused(option, name)
      }
      poll = number
    case "token-from":
      guard !value.isEmpty, !value.utf8.contains(0) else { throw Self.refused(option, name) }
      tokenVariable = value
    default: throw Self.refused(option, name)
    }
  }

  private static func refused(_ option: String, _ name: String) -> MaquetteError {
    MaquetteError(
      .invalidArgument,
      "\(quoted(option)) is no option of a remote store: there are timeout=MILLISECONDS, poll=MILLISECONDS, and "
        + "token-from=VARIABLE, the name of the environment variable that holds the token", name: name)
  }

  /// The token; nil where none is asked for.
  ///
  /// - Throws: ``MaquetteError/Code/invalidArgument`` where the variable is not set, or holds what no header can.
  func token() throws(MaquetteError) -> String? {
    guard let tokenVariable else { return nil }
    guard let value = getenv(tokenVariable), let token = String(validatingCString: value), !token.isEmpty,
      token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
    else {
      throw MaquetteError(
        .invalidArgument,
        "the environment variable \(quoted(tokenVariable)) holds no token: it must be set, to visible ASCII characters",
        name: tokenVariable)
    }
    return token
  }

  /// Whether that is a scheme, a host, perhaps a port, and perhaps a path.
  private static func isAddress(_ base: String) -> Bool {
    guard let scheme = ["http://", "https://"].first(where: { base.hasPrefix($0) }) else { return false }
    let rest = base.dropFirst(scheme.count)
    let authority = rest.prefix { $0 != "/" }
    guard
      rest.dropFirst(authority.count).utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") })
    else {
      return false
    }
    let host: Substring
    if authority.hasPrefix("[") {
      host = authority.prefix { $0 != "]" }.dropFirst()
      guard authority.contains("]"), host.allSatisfy({ $0.isHexDigit || $0 == ":" || $0 == "." }) else {
        return false
      }
    } else {
      host = authority.prefix { $0 != ":" }
      guard host.utf8.allSatisfy(isOfName) else { return false }
    }
    let port = authority.dropFirst(host.count + (authority.hasPrefix("[") ? 2 : 0))
    guard !host.isEmpty else { return false }
    if port.isEmpty { return true }
    guard port.hasPrefix(":"), let number = UInt16(port.dropFirst()), number > 0 else { return false }
    return true
  }

  private static func isOfName(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
      true
    default: false
    }
  }
}
