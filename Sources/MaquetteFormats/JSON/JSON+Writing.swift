extension JSON: CustomStringConvertible {
  /// The value as compact JSON text. Control characters are escaped, everything else is UTF-8.
  public var description: String {
    var output: [UInt8] = []
    output.reserveCapacity(512)
    write(to: &output)
    return String(decoding: output, as: UTF8.self)
  }

  /// The value as compact JSON text in UTF-8.
  public var bytes: [UInt8] {
    var output: [UInt8] = []
    write(to: &output)
    return output
  }

  private func write(to output: inout [UInt8]) {
    switch self {
    case .null: output.append(contentsOf: "null".utf8)
    case .bool(let value): output.append(contentsOf: (value ? "true" : "false").utf8)
    case .number(let value): JSON.write(value, to: &output)
    case .string(let value): JSON.write(value, to: &output)
    case .array(let elements):
      output.append(UInt8(ascii: "["))
      for place in elements.indices {
        if place > 0 { output.append(UInt8(ascii: ",")) }
        // Most long arrays are of numbers, which need no further call.
        if case .number(let value) = elements[place] {
          JSON.write(value, to: &output)
        } else {
          elements[place].write(to: &output)
        }
      }
      output.append(UInt8(ascii: "]"))
    case .object(let object):
      output.append(UInt8(ascii: "{"))
      var isFirst = true
      for (name, value) in object.members {
        if !isFirst { output.append(UInt8(ascii: ",")) }
        isFirst = false
        JSON.write(name, to: &output)
        output.append(UInt8(ascii: ":"))
        value.write(to: &output)
      }
      output.append(UInt8(ascii: "}"))
    }
  }

  private static func write(_ value: Double, to output: inout [UInt8]) {
    guard value.magnitude < 0x1p53, case let whole = Int(value), Double(whole) == value else {
      let text = value.isFinite ? value.description : "null"
      return output.append(contentsOf: text.utf8)
    }
    if value.sign == .minus { output.append(UInt8(ascii: "-")) }
    // -0.0 has no integer of its own.
    if whole == 0, value.sign == .minus { return output.append(contentsOf: "0.0".utf8) }
    // Digit by digit: a string of each would take longer than all the rest.
    var rest = whole.magnitude
    guard rest >= 10 else { return output.append(UInt8(ascii: "0") + UInt8(rest)) }
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
      var start = digits.count
      while rest > 0, start > 0 {
        start -= 1
        digits.initializeElement(at: start, to: UInt8(ascii: "0") + UInt8(rest % 10))
        rest /= 10
      }
      output.append(contentsOf: UnsafeBufferPointer(rebasing: digits[start...]))
    }
  }

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
    return bytes[place...].contains { $0 < 0x20 || $0 == 0x22 || $0 == 0x5C }
  }

  private static func write(_ text: String, to output: inout [UInt8]) {
    output.append(UInt8(ascii: "\""))
    // Most texts are written as they are.
    var text = text
    let isPlain = text.withUTF8 { bytes in
      let isPlain = !needsEscapes(UnsafeRawBufferPointer(bytes))
      if isPlain { output.append(contentsOf: bytes) }
      return isPlain
    }
    guard !isPlain else { return output.append(UInt8(ascii: "\"")) }
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): output.append(contentsOf: [UInt8(ascii: "\\"), byte])
      case 0x0A: output.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "n")])
      case 0x0D: output.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "r")])
      case 0x09: output.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "t")])
      case 0..<0x20:
        output.append(contentsOf: "\\u00".utf8)
        output.append(contentsOf: (byte < 16 ? "0" : "").utf8)
        output.append(contentsOf: String(byte, radix: 16).utf8)
      default: output.append(byte)
      }
    }
    output.append(UInt8(ascii: "\""))
  }
}
