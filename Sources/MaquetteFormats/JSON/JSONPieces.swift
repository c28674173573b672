import MaquetteSystem

/// A JSON text that is read from the front, value by value, without having it all in memory.
struct JSONPieces {
  private let read: () throws(MaquetteError) -> [UInt8]
  private var bytes: [UInt8] = []
  private var position = 0
  private var isOver = false

  /// The most bytes of one value.
  static let greatestValue = 128 << 20

  /// - Parameter read: gives the next bytes; none at the end.
  init(read: @escaping () throws(MaquetteError) -> [UInt8]) { self.read = read }

  /// Reads on, keeping what lies behind `start`.
  ///
  /// - Returns: whether there was more.
  private mutating func readOn(from start: Int) throws(MaquetteError) -> Bool {
    guard !isOver else { return false }
    let more = try read()
    guard !more.isEmpty else {
      isOver = true
      return false
    }
    bytes.removeSubrange(..<start)
    position -= start
    bytes += more
    return true
  }

  private mutating func skipSpace() throws(MaquetteError) {
    while true {
      while position < bytes.count {
        switch bytes[position] {
        case 0x20, 0x09, 0x0A, 0x0D: position += 1
        default: return
        }
      }
      guard try readOn(from: position) else { return }
    }
  }

  /// Whether nothing but white space is left.
  mutating func isAtEnd() throws(MaquetteError) -> Bool {
    try skipSpace()
    return position == bytes.count
  }

  /// Passes over that character, if it is the next that is no white space.
  mutating func take(_ character: Unicode.Scalar) throws(MaquetteError) -> Bool {
    try skipSpace()
    guard position < bytes.count, UInt32(bytes[position]) == character.value else { return false }
    position += 1
    return true
  }

  /// The value that comes next, whole.
  ///
  /// - Throws: ``MaquetteError/Code/badJSON``, ``MaquetteError/Code/badUTF8``; what reading throws.
  mutating func value(as what: String) throws(MaquetteError) -> JSON {
    try skipSpace()
    var start = position
    var depth = 0
    var isInString = false
    var isOver = false
    while !isOver {
      guard position < bytes.count else {
        guard position - start <= Self.greatestValue else {
          throw MaquetteError(
            .badJSON, "\(what) has a value of more than \(Self.greatestValue >> 20) MB", name: what)
        }
        // A value that is cut off is told by whoever reads it.
        guard try readOn(from: start) else { break }
        start = 0
        continue
      }
      let byte = bytes[position]
      if isInString {
        if byte == UInt8(ascii: "\\") {
          position += 1
          if position == bytes.count, try readOn(from: start) { start = 0 }
        } else if byte == UInt8(ascii: "\"") {
          isInString = false
          isOver = depth == 0
        }
        position = min(position + 1, bytes.count)
        continue
      }
      switch byte {
      case UInt8(ascii: "\""): isInString = true
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        if depth == 0 { return try parsed(start, what) }
        depth -= 1
        isOver = depth == 0
      case UInt8(ascii: ","), UInt8(ascii: ":"), 0x20, 0x09, 0x0A, 0x0D:
        if depth == 0 { return try parsed(start, what) }
      default: break
      }
      position += 1
    }
    return try parsed(start, what)
  }

  private func parsed(_ start: Int, _ what: String) throws(MaquetteError) -> JSON {
    try JSON(parsing: Array(bytes[start..<position]), as: what)
  }
}
