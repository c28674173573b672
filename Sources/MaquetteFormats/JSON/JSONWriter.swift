/// Compact JSON text, written from front to back.
///
/// For what takes longer to put into a tree of ``JSON`` than to write. Whoever writes sees to it that names and values stand
/// where JSON has them. Control characters are escaped, everything else is UTF-8.
public struct JSONWriter: ~Copyable {
  // Memory of its own: an array looks at its owners and its room with every byte.
  private var start: UnsafeMutablePointer<UInt8>
  private var capacity = 512
  /// How many bytes are written.
  public private(set) var count = 0
  /// Whether a comma goes before what comes next.
  private var isBehindValue = false

  public init() { start = .allocate(capacity: capacity) }

  deinit { start.deallocate() }

  /// What is written so far.
  public var bytes: [UInt8] { Array(UnsafeBufferPointer(start: start, count: count)) }

  // MARK: Objects and arrays

  public mutating func beginObject() { begin(UInt8(ascii: "{")) }
  public mutating func endObject() { end(UInt8(ascii: "}")) }
  public mutating func beginArray() { begin(UInt8(ascii: "[")) }
  public mutating func endArray() { end(UInt8(ascii: "]")) }

  /// The name of the member that comes next.
  public mutating func name(_ name: String) {
    write(name)
    put(UInt8(ascii: ":"))
    isBehindValue = false
  }

  private mutating func begin(_ bracket: UInt8) {
    beginValue()
    put(bracket)
    isBehindValue = false
  }

  private mutating func end(_ bracket: UInt8) {
    put(bracket)
    isBehindValue = true
  }

  private mutating func beginValue() {
    if isBehindValue { put(UInt8(ascii: ",")) }
    isBehindValue = true
  }

  // MARK: Bytes

  /// Where the next bytes go, with room for at least so many.
  private mutating func room(for size: Int) -> UnsafeMutablePointer<UInt8> {
    if capacity - count < size { grow(by: size) }
    return start + count
  }

  private mutating func grow(by size: Int) {
    capacity = max(2 * capacity, count + size)
    let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
    larger.update(from: start, count: count)
    start.deallocate()
    start = larger
  }

  private mutating func put(_ byte: UInt8) {
    room(for: 1).pointee = byte
    count += 1
  }

  private mutating func put(_ bytes: UnsafeBufferPointer<UInt8>) {
    guard let source = bytes.baseAddress else { return }
    room(for: bytes.count).update(from: source, count: bytes.count)
    count += bytes.count
  }

  private mutating func put(_ text: String) {
    var text = text
    text.withUTF8 { put($0) }
  }

  // MARK: Values

  public mutating func write(_ value: JSON) {
    switch value {
    case .null: write(bare: "null")
    case .bool(let value): write(bare: value ? "true" : "false")
    case .number(let value): write(value)
    case .string(let value): write(value)
    case .array(let elements):
      beginArray()
      for place in elements.indices {
        // Most long arrays are of numbers, which need no further call.
        if case .number(let value) = elements[place] { write(value) } else { write(elements[place]) }
      }
      endArray()
    case .object(let object):
      beginObject()
      for (name, value) in object.members {
        self.name(name)
        write(value)
      }
      endObject()
    }
  }

  private mutating func write(bare word: StaticString) {
    beginValue()
    word.withUTF8Buffer { put($0) }
  }

  /// A number; what is not finite becomes null.
  public mutating func write(_ value: Double) {
    beginValue()
    count += Self.write(value, at: room(for: Self.longestNumber))
  }

  /// An array of numbers.
  public mutating func write(_ values: [Float]) {
    beginArray()
    for place in values.indices {
      let number = room(for: 1 + Self.longestNumber)
      number[0] = UInt8(ascii: ",")
      let comma = place == 0 ? 0 : 1
      count += comma + Self.write(Double(values[place]), at: number + comma)
    }
    endArray()
  }

  /// The most characters of a number: -2.2250738585072014e-308, and one more.
  private static let longestNumber = 25

  /// Writes a number where there is room for it.
  ///
  /// - Returns: how many characters it has.
  private static func write(_ value: Double, at text: UnsafeMutablePointer<UInt8>) -> Int {
    guard value.magnitude < 0x1p53, case let whole = Int(value), Double(whole) == value,
      whole != 0 || value.sign == .plus
    else { return writeDescription(of: value, at: text) }
    var length = 0
    if whole < 0 {
      text[0] = UInt8(ascii: "-")
      length = 1
    }
    // Digit by digit: a string of each would take longer than all the rest.
    var rest = whole.magnitude
    if rest >= 10 {
      var power = 10 as UInt
      while power <= rest / 10 { power *= 10 }
      while power > 1 {
        text[length] = UInt8(ascii: "0") + UInt8(rest / power)
        (rest, power) = (rest % power, power / 10)
        length += 1
      }
    }
    text[length] = UInt8(ascii: "0") + UInt8(rest)
    return length + 1
  }

  @inline(never)
  private static func writeDescription(of value: Double, at text: UnsafeMutablePointer<UInt8>) -> Int {
    var description = value.isFinite ? value.description : "null"
    return description.withUTF8 { characters in
      if let source = characters.baseAddress { text.update(from: source, count: characters.count) }
      return characters.count
    }
  }

  public mutating func write(_ text: String) {
    beginValue()
    put(UInt8(ascii: "\""))
    // Most texts are written as they are.
    var text = text
    text.withUTF8 { utf8 in
      if Self.needsEscapes(UnsafeRawBufferPointer(utf8)) { putEscaped(utf8) } else { put(utf8) }
    }
    put(UInt8(ascii: "\""))
  }

  /// A text of so many ASCII characters of which none needs an escape, from a function that puts them all there, or
  /// returns false: then there is no value yet.
  @discardableResult
  public mutating func write(plain length: Int, _ fill: (UnsafeMutablePointer<UInt8>) -> Bool) -> Bool {
    let text = room(for: length + 3)
    let start = isBehindValue ? 2 : 1
    guard fill(text + start) else { return false }
    text[0] = UInt8(ascii: ",")
    text[start - 1] = UInt8(ascii: "\"")
    text[start + length] = UInt8(ascii: "\"")
    count += start + length + 1
    isBehindValue = true
    return true
  }

  // MARK: Escapes

  /// Whether any byte is a control character, a quotation mark or a backslash. Eight bytes at a time, by the bits that borrow
  /// where a byte is too small (Mycroft, 1987).
  private static func needsEscapes(_ bytes: UnsafeRawBufferPointer) -> Bool {
    let (ones, highs): (UInt64, UInt64) = (0x0101_0101_0101_0101, 0x8080_8080_8080_8080)
    func hasLess(_ word: UInt64, _ bound: UInt64) -> Bool { (word &- ones &* bound) & ~word & highs != 0 }
    var place = 0
    while place &+ 8 <= bytes.count {
      let word = bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)
      if hasLess(word, 0x20) || hasLess(word ^ ones &* 0x22, 1) || hasLess(word ^ ones &* 0x5C, 1) {
        return true
      }
      place &+= 8
    }
    while place < bytes.count {
      let byte = bytes[place]
      if byte < 0x20 || byte == 0x22 || byte == 0x5C { return true }
      place &+= 1
    }
    return false
  }

  private mutating func putEscaped(_ text: UnsafeBufferPointer<UInt8>) {
    for byte in text {
      switch byte {
      case UInt8(ascii: "\""): put("\\\"")
      case UInt8(ascii: "\\"): put("\\\\")
      case 0x0A: put("\\n")
      case 0x0D: put("\\r")
      case 0x09: put("\\t")
      case 0..<0x20: put("\\u00" + (byte < 16 ? "0" : "") + String(byte, radix: 16))
      default: put(byte)
      }
    }
  }
}

extension JSON: CustomStringConvertible {
  /// The value as compact JSON text.
  public var description: String { String(decoding: bytes, as: UTF8.self) }

  /// The value as compact JSON text in UTF-8.
  public var bytes: [UInt8] {
    var writer = JSONWriter()
    writer.write(self)
    return writer.bytes
  }
}
