/// Writes the fields of one message in Protocol Buffers' wire format.
struct ProtobufWriter {
  private(set) var bytes: [UInt8] = []

  mutating func append(_ number: Int, integer: Int64) {
    key(number, wireType: 0)
    varint(UInt64(bitPattern: integer))
  }

  mutating func append(_ number: Int, float: Float) {
    key(number, wireType: 5)
    bytes.append(littleEndian: float.bitPattern)
  }

  mutating func append(_ number: Int, bytes content: some Collection<UInt8>) {
    key(number, wireType: 2)
    varint(UInt64(content.count))
    bytes.append(contentsOf: content)
  }

  /// A text; an empty one, which is what is read where there is none, is left out.
  mutating func append(_ number: Int, text: String) {
    if !text.isEmpty { append(number, bytes: text.utf8) }
  }

  mutating func append(_ number: Int, message: (inout ProtobufWriter) -> Void) {
    var writer = ProtobufWriter()
    message(&writer)
    append(number, bytes: writer.bytes)
  }

  private mutating func key(_ number: Int, wireType: UInt64) { varint(UInt64(number) << 3 | wireType) }

  private mutating func varint(_ value: UInt64) {
    var value = value
    while value >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: value) | 0x80)
      value >>= 7
    }
    bytes.append(UInt8(value))
  }
}
