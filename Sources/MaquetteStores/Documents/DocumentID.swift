import Glibc
import MaquetteFormats
import Synchronization

/// The name of a document: 24 hexadecimal digits, of which 4 bytes are the time, 5 tell machines and processes
/// apart, and 3 count.
struct DocumentID: Hashable, Sendable {
  static let digits = 24

  /// The first 16 digits.
  let high: UInt64
  /// The last 8 digits.
  let low: UInt32

  init(high: UInt64, low: UInt32) {
    self.high = high
    self.low = low
  }

  /// Reads 24 hexadecimal digits in either case; nil for anything else.
  init?(_ text: String) {
    var text = text
    guard let id = text.withUTF8({ DocumentID(UnsafeRawBufferPointer($0)) }) else { return nil }
    self = id
  }

  /// Reads 24 hexadecimal digits in ASCII.
  init?(_ digits: UnsafeRawBufferPointer) {
    guard digits.count == Self.digits else { return nil }
    var high: UInt64 = 0
    var low: UInt64 = 0
    for place in 0..<Self.digits {
      let byte = digits[place]
      let digit: UInt8
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte &- UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte &- UInt8(ascii: "a") &+ 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte &- UInt8(ascii: "A") &+ 10
      default: return nil
      }
      if place < 16 { high = high << 4 | UInt64(digit) } else { low = low << 4 | UInt64(digit) }
    }
    self.init(high: high, low: UInt32(truncatingIfNeeded: low))
  }

  /// Writes the 24 digits, without an end mark.
  func write(to digits: UnsafeMutablePointer<UInt8>) {
    func digit(_ value: UInt8) -> UInt8 { value < 10 ? value &+ 48 : value &+ 87 }
    for place in 0..<16 {
      digits[place] = digit(UInt8(truncatingIfNeeded: high >> UInt64(60 - 4 * place)) & 15)
    }
    for place in 0..<8 {
      digits[16 + place] = digit(UInt8(truncatingIfNeeded: low >> UInt32(28 - 4 * place)) & 15)
    }
  }

  var text: String {
    String(unsafeUninitializedCapacity: Self.digits) { buffer in
      guard let start = buffer.baseAddress else { return 0 }
      write(to: start)
      return Self.digits
    }
  }
}

extension DocumentID {
  /// Writes the digits as JSON.
  func write(to text: inout JSONWriter) {
    text.write(plain: Self.digits) { digits in
      write(to: digits)
      return true
    }
  }

  /// Of an id that is not written as text.
  static let bytes = 12

  /// Reads 12 bytes, the most significant first, which must be there.
  init(bytes: UnsafeRawBufferPointer, at offset: Int) {
    high = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    low = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset + 8, as: UInt32.self))
  }

  func append(to bytes: inout [UInt8]) {
    withUnsafeBytes(of: high.bigEndian) { bytes.append(contentsOf: $0) }
    withUnsafeBytes(of: low.bigEndian) { bytes.append(contentsOf: $0) }
  }
}

extension DocumentID: Comparable {
  static func < (left: DocumentID, right: DocumentID) -> Bool {
    (left.high, left.low) < (right.high, right.low)
  }
}

/// Consecutive ids, each a few operations away from its number.
struct DocumentIDRange: Sendable {
  let count: Int
  fileprivate let first: UInt64
  fileprivate let machine: UInt64

  fileprivate init(count: Int, first: UInt64, machine: UInt64) {
    self.count = count
    self.first = first
    self.machine = machine
  }

  /// The range that begins with that id.
  init(from first: DocumentID, count: Int) {
    self.count = count
    self.first = (first.high >> 32) << 24 | UInt64(first.low & 0xFF_FFFF)
    machine = (first.high & 0xFFFF_FFFF) << 8 | UInt64(first.low >> 24)
  }

  subscript(index: Int) -> DocumentID {
    let tick = first &+ UInt64(truncatingIfNeeded: index)
    return DocumentID(
      high: (tick >> 24) << 32 | machine >> 8,
      low: UInt32(truncatingIfNeeded: machine) << 24 | UInt32(truncatingIfNeeded: tick) & 0xFF_FFFF)
  }

  /// The number of an id; nil where it is not of this range.
  func index(of id: DocumentID) -> Int? {
    let tick = (id.high >> 32) << 24 | UInt64(id.low & 0xFF_FFFF)
    guard tick >= first, tick - first < UInt64(truncatingIfNeeded: count) else { return nil }
    let index = Int(truncatingIfNeeded: tick - first)
    return self[index] == id ? index : nil
  }
}

extension DocumentID {
  private struct Generator {
    /// Seconds since 1970 and the counter below them, as one number that only grows.
    var last: UInt64 = 0
    var machine: UInt64 = 0
    var process: pid_t = 0
  }

  private static let generator = Mutex(Generator())

  /// `count` new ids, each greater than all this process made before.
  static func make(_ count: Int) -> DocumentIDRange {
    generator.withLock { generator in
      let process = getpid()
      // A forked child would go on with its parent's numbers.
      if generator.process != process {
        var random = SystemRandomNumberGenerator()
        generator.machine = random.next() & 0xFF_FFFF_FFFF
        generator.process = process
      }
      let now = UInt64(truncatingIfNeeded: time(nil)) & 0xFFFF_FFFF
      // A second with more than 16 million ids borrows from the next one.
      let first = max(now << 24, generator.last &+ 1)
      generator.last = first &+ UInt64(truncatingIfNeeded: max(count, 1)) &- 1
      return DocumentIDRange(count: count, first: first, machine: generator.machine)
    }
  }

  static func make() -> DocumentID { make(1)[0] }
}
