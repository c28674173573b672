import MaquetteSystem

/// A field of a message in Protocol Buffers' wire format, as it stands in the bytes.
struct ProtobufField {
  enum Value {
    case varint(UInt64)
    case fixed64(UInt64)
    case fixed32(UInt32)
    /// A string, bytes, a message, or numbers packed together.
    case bytes(ArraySlice<UInt8>)
  }

  let number: Int
  let value: Value
  /// The byte of the file at which the field begins, for messages.
  let offset: Int
}

/// Goes through the fields of one message, and stays inside of it whatever its lengths say. A message in it is a slice
/// to be read by a reader of its own: nothing here recurs, and nothing is copied.
struct ProtobufReader {
  private var rest: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

  /// The next field; nil at the end.
  ///
  /// - Throws: ``MaquetteError/Code/badFormat`` for bytes that are no field.
  mutating func next() throws(MaquetteError) -> ProtobufField? {
    guard !rest.isEmpty else { return nil }
    let offset = rest.startIndex
    let key = try varint()
    // Field numbers have 29 bits.
    guard let number = Int(exactly: key >> 3), number > 0, number < 1 << 29 else {
      throw Self.damaged("there is no field \(key >> 3)", at: offset)
    }
    switch key & 7 {
    case 0: return ProtobufField(number: number, value: .varint(try varint()), offset: offset)
    case 1:
      let value = try take(8, of: number, at: offset).integer(at: 0, as: UInt64.self)
      return ProtobufField(number: number, value: .fixed64(value), offset: offset)
    case 2:
      let length = try varint()
      guard let count = Int(exactly: length) else {
        throw Self.damaged("field \(number) claims to have \(length) bytes", at: offset)
      }
      return ProtobufField(
        number: number, value: .bytes(try take(count, of: number, at: offset)), offset: offset)
    case 5:
      let value = try take(4, of: number, at: offset).integer(at: 0, as: UInt32.self)
      return ProtobufField(number: number, value: .fixed32(value), offset: offset)
    default: throw Self.damaged("field \(number) has the unknown wire type \(key & 7)", at: offset)
    }
  }

  private mutating func take(
    _ count: Int, of number: Int, at offset: Int
  ) throws(MaquetteError) -> ArraySlice<UInt8> {
    guard count <= rest.count else {
      throw Self.damaged(
        "field \(number) needs \(count) bytes, and its message has only \(rest.count) left", at: offset)
    }
    let taken = rest.prefix(count)
    rest = rest.dropFirst(count)
    return taken
  }

  /// A number of 7 bits a byte, the lowest first.
  fileprivate mutating func varint() throws(MaquetteError) -> UInt64 {
    var value: UInt64 = 0
    let offset = rest.startIndex
    for shift in stride(from: 0, to: 70, by: 7) {
      guard let byte = rest.popFirst() else { throw Self.damaged("a number is cut off", at: offset) }
      // The tenth byte has room for one bit.
      guard shift < 63 || byte <= 1 else { break }
      value |= UInt64(byte & 0x7f) << UInt64(shift)
      if byte < 0x80 { return value }
    }
    throw Self.damaged("a number has more than 64 bits", at: offset)
  }

  static func damaged(_ reason: String, at offset: Int) -> MaquetteError {
    MaquetteError(.badFormat, "the ONNX file can't be read: \(reason), at byte \(offset)")
  }
}

extension ProtobufField {
  /// - Throws: ``MaquetteError/Code/badFormat`` unless the field is of bytes.
  func bytes() throws(MaquetteError) -> ArraySlice<UInt8> {
    guard case .bytes(let bytes) = value else { throw mistyped("bytes") }
    return bytes
  }

  /// - Throws: ``MaquetteError/Code/badFormat`` unless the field is of UTF-8.
  func text() throws(MaquetteError) -> String {
    guard let text = String(validating: try bytes(), as: UTF8.self) else { throw mistyped("UTF-8") }
    return text
  }

  /// - Throws: ``MaquetteError/Code/badFormat`` unless the field is a number.
  func integer() throws(MaquetteError) -> Int64 {
    guard case .varint(let value) = value else { throw mistyped("a whole number") }
    return Int64(bitPattern: value)
  }

  /// - Throws: ``MaquetteError/Code/badFormat`` unless the field is a float.
  func float() throws(MaquetteError) -> Float {
    guard case .fixed32(let value) = value else { throw mistyped("a 32-bit float") }
    return Float(bitPattern: value)
  }

  /// One number, or many that are packed together.
  ///
  /// - Throws: ``MaquetteError/Code/badFormat``.
  func appendIntegers(to integers: inout [Int64]) throws(MaquetteError) {
    guard case .bytes(let bytes) = value else { return integers.append(try integer()) }
    var packed = ProtobufReader(bytes)
    while !packed.isAtEnd { integers.append(Int64(bitPattern: try packed.varint())) }
  }

  /// The bits of one number, or of many that are packed together, as bytes.
  ///
  /// - Throws: ``MaquetteError/Code/badFormat``.
  func appendFixed(size: Int, to raw: inout [UInt8]) throws(MaquetteError) {
    switch value {
    case .fixed32(let bits) where size == 4: raw.append(littleEndian: bits)
    case .fixed64(let bits) where size == 8: raw.append(littleEndian: bits)
    case .bytes(let bytes) where bytes.count % size == 0: raw.append(contentsOf: bytes)
    default: throw mistyped("numbers of \(size) bytes")
    }
  }

  private func mistyped(_ expected: String) -> MaquetteError {
    ProtobufReader.damaged("field \(number) must be \(expected)", at: offset)
  }
}

extension ProtobufReader {
  fileprivate var isAtEnd: Bool { rest.isEmpty }
}
