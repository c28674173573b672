import MaquetteSystem

/// A value to give to a statement, in PostgreSQL's binary form.
enum PostgreSQLValue: Sendable {
  case integer(Int64?)
  case number(Double?)
  case text(String?)
  case bytes([UInt8]?)

  /// The number of the type, which a statement is prepared for.
  var type: UInt32 {
    switch self {
    case .integer: PostgreSQLNumber.int8
    case .number: PostgreSQLNumber.float8
    case .text: PostgreSQLNumber.text
    case .bytes: PostgreSQLNumber.bytea
    }
  }

  static func id(_ id: DocumentID) -> PostgreSQLValue { .bytes(id.bytes) }

  /// Appends the value; false for NULL, of which nothing is appended.
  func write(to bytes: inout [UInt8]) -> Bool {
    switch self {
    case .integer(let value?): bytes.append(bigEndian: UInt64(bitPattern: value))
    case .number(let value?): bytes.append(bigEndian: value.bitPattern)
    case .text(let text?): bytes.append(contentsOf: PostgreSQLText.encoded(text).utf8)
    case .bytes(let value?): bytes.append(contentsOf: value)
    case .integer(nil), .number(nil), .text(nil), .bytes(nil): return false
    }
    return true
  }
}

extension [UInt8] {
  mutating func append(bigEndian value: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
  }
}

extension DocumentID {
  /// The 12 bytes that the digits stand for.
  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(12)
    bytes.append(bigEndian: high)
    bytes.append(bigEndian: low)
    return bytes
  }

  /// Reads what ``bytes`` gave; nil for another number of bytes.
  init?(bytes: UnsafeRawBufferPointer) {
    guard bytes.count == 12 else { return nil }
    self.init(
      high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
      low: UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self)))
  }
}

/// The values of one execution, as libpq takes them: packed into one piece of memory.
struct PostgreSQLParameters {
  private var bytes: [UInt8] = []
  /// Where each value starts and how long it is; nil for NULL.
  private var ranges: [Range<Int>?] = []

  init(_ values: [PostgreSQLValue]) throws(MaquetteError) {
    for value in values {
      let start = bytes.count
      guard value.write(to: &bytes) else {
        ranges.append(nil)
        continue
      }
      guard bytes.count - start < 1 << 30 else {
        throw MaquetteError(
          .invalidArgument, "PostgreSQL takes values up to 1 GB; this one has \(bytes.count - start) bytes")
      }
      ranges.append(start..<bytes.count)
      // A value must have an address, were it empty.
      if bytes.count == start { bytes.append(0) }
    }
  }

  /// Hands out the arrays that `PQsendQueryPrepared` wants; all values are binary.
  func withPointers<Result>(
    _ body: (
      _ count: Int32, _ values: UnsafePointer<UnsafePointer<CChar>?>?, _ lengths: UnsafePointer<Int32>?,
      _ formats: UnsafePointer<Int32>?
    ) -> Result
  ) -> Result {
    let lengths = ranges.map { Int32(truncatingIfNeeded: $0?.count ?? 0) }
    let formats = [Int32](repeating: 1, count: ranges.count)
    return bytes.withUnsafeBytes { bytes in
      let start = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
      let values = ranges.map { range in range.flatMap { range in start.map { $0 + range.lowerBound } } }
      return body(Int32(truncatingIfNeeded: ranges.count), values, lengths, formats)
    }
  }
}
