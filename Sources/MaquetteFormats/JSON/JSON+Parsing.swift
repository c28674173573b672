public import MaquetteSystem

extension JSON {
  /// Reads one JSON value (RFC 8259); `what` names it in messages, e.g. "the parameters".
  ///
  /// Texts nested deeper than 256 levels are refused: their reader's stack is not endless.
  ///
  /// - Throws: ``MaquetteError/Code/badJSON`` with the line, the column and what was expected there.
  public init(parsing text: String, as what: String = "the text") throws(MaquetteError) {
    var text = text
    var outcome: Result<JSON, MaquetteError>?
    text.withUTF8 { outcome = JSON.parse($0, what) }
    guard let outcome else { throw MaquetteError(.internal, "the JSON reader gave no result") }
    self = try outcome.get()
  }

  /// Reads one JSON value from UTF-8 bytes.
  ///
  /// - Throws: ``MaquetteError/Code/badJSON``, or ``MaquetteError/Code/badUTF8`` for a string of other bytes.
  public init(parsing bytes: [UInt8], as what: String = "the text") throws(MaquetteError) {
    self = try bytes.withUnsafeBufferPointer { JSON.parse($0, what) }.get()
  }

  private static func parse(
    _ bytes: UnsafeBufferPointer<UInt8>, _ what: String
  ) -> Result<JSON, MaquetteError> {
    do throws(MaquetteError) {
      var parser = Parser(bytes: bytes, what: what)
      return .success(try parser.document())
    } catch {
      return .failure(error)
    }
  }
}

private struct Parser {
  let bytes: UnsafeBufferPointer<UInt8>
  let what: String
  var position = 0
  var depth = 0

  static let deepest = 256

  mutating func document() throws(MaquetteError) -> JSON {
    let value = try value()
    skipSpace()
    guard position == bytes.count else { throw expected("the end") }
    return value
  }

  func expected(_ expectation: String) -> MaquetteError {
    var line = 1
    var column = 1
    for byte in bytes[..<min(position, bytes.count)] {
      if byte == UInt8(ascii: "\n") {
        line += 1
        column = 1
      } else if byte & 0xC0 != 0x80 {
        column += 1
      }
    }
    let found: String
    if position >= bytes.count {
      found = "the text ends"
    } else if bytes[position] >= 0x20, bytes[position] < 0x7F {
      found = "there is '\(Character(UnicodeScalar(bytes[position])))'"
    } else {
      found = "there is byte \(bytes[position])"
    }
    return MaquetteError(
      .badJSON,
      "\(what) is not valid JSON: line \(line), column \(column): \(found) where \(expectation) was expected")
  }

  mutating func skipSpace() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x09, 0x0A, 0x0D: position += 1
      default: return
      }
    }
  }

  mutating func take(_ byte: UInt8) -> Bool {
    guard position < bytes.count, bytes[position] == byte else { return false }
    position += 1
    return true
  }

  mutating func value() throws(MaquetteError) -> JSON {
    skipSpace()
    guard position < bytes.count else { throw expected("a value") }
    switch bytes[position] {
    case UInt8(ascii: "{"): return try nested { (parser) throws(MaquetteError) in try parser.object() }
    case UInt8(ascii: "["): return try nested { (parser) throws(MaquetteError) in try parser.array() }
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default: throw expected("a value")
    }
  }

  mutating func nested(
    _ body: (inout Parser) throws(MaquetteError) -> JSON
  ) throws(MaquetteError) -> JSON {
    depth += 1
    guard depth <= Self.deepest else { throw expected("no more than \(Self.deepest) levels of nesting") }
    let value = try body(&self)
    depth -= 1
    return value
  }

  mutating func object() throws(MaquetteError) -> JSON {
    position += 1
    var members: [(String, JSON)] = []
    skipSpace()
    if take(UInt8(ascii: "}")) { return .object(JSONObject()) }
    while true {
      skipSpace()
      guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
        throw expected("a name in quotes")
      }
      let name = try string()
      skipSpace()
      guard take(UInt8(ascii: ":")) else { throw expected("':'") }
      members.append((name, try value()))
      skipSpace()
      if take(UInt8(ascii: ",")) { continue }
      guard take(UInt8(ascii: "}")) else { throw expected("',' or '}'") }
      return .object(JSONObject(members))
    }
  }

  mutating func array() throws(MaquetteError) -> JSON {
    position += 1
    var elements: [JSON] = []
    skipSpace()
    if take(UInt8(ascii: "]")) { return .array([]) }
    while true {
      elements.append(try value())
      skipSpace()
      if take(UInt8(ascii: ",")) { continue }
      guard take(UInt8(ascii: "]")) else { throw expected("',' or ']'") }
      return .array(elements)
    }
  }

  mutating func word(_ word: StaticString, _ value: JSON) throws(MaquetteError) -> JSON {
    for offset in 0..<word.utf8CodeUnitCount {
      guard take(word.utf8Start[offset]) else { throw expected("'\(word)'") }
    }
    return value
  }

  mutating func digits() -> Int {
    let start = position
    while position < bytes.count, bytes[position] >= 48, bytes[position] <= 57 { position += 1 }
    return position - start
  }

  mutating func number() throws(MaquetteError) -> JSON {
    let start = position
    let negative = take(UInt8(ascii: "-"))
    let whole = position
    guard digits() > 0 else { throw expected("a digit") }
    if bytes[whole] == UInt8(ascii: "0"), position - whole > 1 {
      position = whole + 1
      throw expected("no digit after a leading 0")
    }
    var isWhole = true
    if take(UInt8(ascii: ".")) {
      isWhole = false
      guard digits() > 0 else { throw expected("a digit after the point") }
    }
    if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
      isWhole = false
      position += 1
      if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
      guard digits() > 0 else { throw expected("a digit of the exponent") }
    }
    if isWhole, position - whole <= 15 {
      var value = 0.0
      for byte in bytes[whole..<position] { value = value * 10 + Double(byte - 48) }
      return .number(negative ? -value : value)
    }
    // Swift's own conversion: unlike strtod it does not follow the host's locale.
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    guard let value = Double(text), value.isFinite else {
      throw MaquetteError(.badJSON, "\(what) holds a number that no double can hold: \(text.prefix(40))")
    }
    return .number(value)
  }

  mutating func string() throws(MaquetteError) -> String {
    position += 1
    let start = position
    while position < bytes.count {
      let byte = bytes[position]
      if byte == UInt8(ascii: "\"") {
        let text = try validated(UnsafeBufferPointer(rebasing: bytes[start..<position]))
        position += 1
        return text
      }
      if byte == UInt8(ascii: "\\") { return try stringWithEscapes(from: start) }
      guard byte >= 0x20 else { throw expected("no control character inside a string") }
      position += 1
    }
    throw expected("'\"' at the end of a string")
  }

  func validated(_ text: UnsafeBufferPointer<UInt8>) throws(MaquetteError) -> String {
    guard let text = String(validating: text, as: UTF8.self) else {
      throw MaquetteError(
        .badUTF8, "\(what) holds a string, before byte \(position), that is not valid UTF-8")
    }
    return text
  }

  mutating func stringWithEscapes(from start: Int) throws(MaquetteError) -> String {
    var text = Array(bytes[start..<position])
    while position < bytes.count {
      let byte = bytes[position]
      if byte == UInt8(ascii: "\"") {
        let outcome: Result<String, MaquetteError> = text.withUnsafeBufferPointer { text in
          do throws(MaquetteError) { return .success(try validated(text)) } catch { return .failure(error) }
        }
        position += 1
        return try outcome.get()
      }
      guard byte >= 0x20 else { throw expected("no control character inside a string") }
      position += 1
      guard byte == UInt8(ascii: "\\") else {
        text.append(byte)
        continue
      }
      guard position < bytes.count else { throw expected("an escape") }
      let escape = bytes[position]
      position += 1
      switch escape {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(escape)
      case UInt8(ascii: "b"): text.append(0x08)
      case UInt8(ascii: "f"): text.append(0x0C)
      case UInt8(ascii: "n"): text.append(0x0A)
      case UInt8(ascii: "r"): text.append(0x0D)
      case UInt8(ascii: "t"): text.append(0x09)
      case UInt8(ascii: "u"): text.append(contentsOf: Array(String(Character(try escapedScalar())).utf8))
      default:
        position -= 1
        throw expected("one of \" \\ / b f n r t u after '\\'")
      }
    }
    throw expected("'\"' at the end of a string")
  }

  mutating func escapedScalar() throws(MaquetteError) -> UnicodeScalar {
    let first = try fourHexDigits()
    if let scalar = UnicodeScalar(UInt32(first)) { return scalar }
    // A surrogate: only the first half of a pair, directly before its second half, stands for a character.
    guard first < 0xDC00, take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else {
      throw expected("the other half of a surrogate pair")
    }
    let second = try fourHexDigits()
    guard (0xDC00...0xDFFF).contains(second),
      let scalar = UnicodeScalar(0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00))
    else { throw expected("the other half of a surrogate pair") }
    return scalar
  }

  mutating func fourHexDigits() throws(MaquetteError) -> UInt16 {
    var value: UInt16 = 0
    for _ in 0..<4 {
      guard position < bytes.count, let digit = Character(UnicodeScalar(bytes[position])).hexDigitValue,
        bytes[position] < 0x80
      else { throw expected("four hexadecimal digits") }
      value = value << 4 | UInt16(digit)
      position += 1
    }
    return value
  }
}
