package import MaquetteSystem

/// The records of a text of comma-separated values (RFC 4180), one after the other, however long the text is.
///
/// Lines may end as on any system; a field in quotes may hold separators, lines and doubled quotes; a byte order mark is
/// passed over. Empty lines are no records.
package struct CSVReader: ~Copyable {
  private let read: () throws(MaquetteError) -> [UInt8]
  private let what: String
  private let separator: UInt8
  private var bytes: [UInt8] = []
  private var position = 0
  private var isAtStart = true
  /// The number of the line that is read next, from 1.
  private var line = 1

  /// The most bytes of one record.
  private static let greatestRecord = 64 << 20

  /// - Parameters:
  ///   - what: the name of the text, for messages.
  ///   - read: gives the next bytes; none at the end.
  package init(_ what: String, separator: UInt8, read: @escaping () throws(MaquetteError) -> [UInt8]) {
    self.what = what
    self.separator = separator
    self.read = read
  }

  private mutating func peek() throws(MaquetteError) -> UInt8? {
    if position == bytes.count {
      bytes = try read()
      position = 0
      if isAtStart, bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
      isAtStart = false
    }
    return position < bytes.count ? bytes[position] : nil
  }

  /// Reads the next record.
  ///
  /// - Returns: false behind the last; the record is left as it was then.
  /// - Throws: ``MaquetteError/Code/badFormat`` with the line; what reading throws.
  package mutating func next(_ record: inout CSVRecord) throws(MaquetteError) -> Bool {
    while let byte = try peek(), byte == 0x0A || byte == 0x0D {
      position += 1
      if byte == 0x0A { line += 1 } else if try peek() != 0x0A { line += 1 }
    }
    guard try peek() != nil else { return false }
    record.start(line)
    while true {
      if try peek() == UInt8(ascii: "\"") { try quoted(&record) } else { try plain(&record) }
      record.endField()
      guard record.byteCount <= Self.greatestRecord else {
        throw malformed("has a record of more than \(Self.greatestRecord >> 20) MB", record.line)
      }
      guard let byte = try peek() else { return true }
      position += 1
      if byte == separator { continue }
      if byte == 0x0D, try peek() == 0x0A { position += 1 }
      line += 1
      return true
    }
  }

  private mutating func plain(_ record: inout CSVRecord) throws(MaquetteError) {
    while let byte = try peek(), byte != separator, byte != 0x0A, byte != 0x0D {
      guard byte != UInt8(ascii: "\"") else {
        throw malformed("has a quote inside of a field that does not begin with one", line)
      }
      record.append(byte)
      position += 1
      if record.byteCount > Self.greatestRecord { return }
    }
  }

  private mutating func quoted(_ record: inout CSVRecord) throws(MaquetteError) {
    let start = line
    position += 1
    while let byte = try peek() {
      position += 1
      if byte == UInt8(ascii: "\"") {
        guard try peek() == UInt8(ascii: "\"") else {
          let after = try peek()
          guard after == nil || after == separator || after == 0x0A || after == 0x0D else {
            throw malformed("goes on behind the quote that ends a field", line)
          }
          return
        }
        position += 1
      } else if byte == 0x0A {
        line += 1
      }
      record.append(byte)
      if record.byteCount > Self.greatestRecord { return }
    }
    throw malformed("has a quote that is never closed", start)
  }

  private func malformed(_ reason: String, _ line: Int) -> MaquetteError {
    MaquetteError(.badFormat, "line \(line) of \(what) \(reason)", name: what)
  }
}

/// The fields of one record.
package struct CSVRecord {
  private var bytes: [UInt8] = []
  private var ends: [Int] = []
  /// The line it begins on, from 1.
  package private(set) var line = 0

  package init() {}

  fileprivate var byteCount: Int { bytes.count }

  fileprivate mutating func start(_ line: Int) {
    bytes.removeAll(keepingCapacity: true)
    ends.removeAll(keepingCapacity: true)
    self.line = line
  }

  fileprivate mutating func append(_ byte: UInt8) { bytes.append(byte) }
  fileprivate mutating func endField() { ends.append(bytes.count) }

  /// How many fields there are.
  package var count: Int { ends.count }

  /// The field of that place, which must be one; nil if it is not UTF-8.
  package func text(_ field: Int) -> String? {
    let start = field == 0 ? 0 : ends[field - 1]
    return String(validating: bytes[start..<ends[field]], as: UTF8.self)
  }

  /// The number in the field of that place, white space around it apart; nil if it is none.
  package func number(_ field: Int) -> Float? {
    var start = field == 0 ? 0 : ends[field - 1]
    var end = ends[field]
    while start < end, bytes[start] == 0x20 || bytes[start] == 0x09 { start += 1 }
    while start < end, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 { end -= 1 }
    if let quick = Self.whole(bytes[start..<end]) { return quick }
    // Swift's own conversion: unlike strtof it does not follow the host's locale.
    return Float(String(decoding: bytes[start..<end], as: UTF8.self))
  }

  /// A whole number of few digits.
  private static func whole(_ digits: ArraySlice<UInt8>) -> Float? {
    guard (1...7).contains(digits.count) else { return nil }
    var value: Int32 = 0
    for digit in digits {
      guard (48...57).contains(digit) else { return nil }
      value = value * 10 + Int32(digit - 48)
    }
    return Float(value)
  }
}

/// Text as a field of a record: in quotes where it must be.
package func csvField(_ text: String, separator: UInt8) -> [UInt8] {
  let needsQuotes = text.utf8.contains {
    $0 == separator || $0 == UInt8(ascii: "\"") || $0 == 0x0A || $0 == 0x0D
  }
  guard needsQuotes else { return Array(text.utf8) }
  var field: [UInt8] = [UInt8(ascii: "\"")]
  for byte in text.utf8 {
    if byte == UInt8(ascii: "\"") { field.append(byte) }
    field.append(byte)
  }
  field.append(UInt8(ascii: "\""))
  return field
}
