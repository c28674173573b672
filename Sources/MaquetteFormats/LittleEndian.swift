/// Numbers as bytes, lowest first, as every format here has them.
extension Array where Element == UInt8 {
  package mutating func append(littleEndian value: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
  }

  package init(littleEndian floats: some Sequence<Float>) {
    self.init()
    #if _endian(little)
      // As they lie in memory: a large model is millions of them.
      let copied: Void? = floats.withContiguousStorageIfAvailable {
        append(contentsOf: UnsafeRawBufferPointer($0))
      }
      if copied != nil { return }
    #endif
    reserveCapacity(floats.underestimatedCount * 4)
    for value in floats { append(littleEndian: value.bitPattern) }
  }
}

extension RandomAccessCollection where Element == UInt8, Index == Int {
  /// The integer that starts at `offset` bytes; the caller has checked that it lies inside.
  package func integer<Integer: FixedWidthInteger>(at offset: Int, as type: Integer.Type) -> Integer {
    var value: Integer = 0
    for byte in 0..<(Integer.bitWidth / 8) {
      value |= Integer(truncatingIfNeeded: self[startIndex + offset + byte]) << (8 * byte)
    }
    return value
  }

  /// The bytes as 32-bit floats; what is left over at the end, less than 4 bytes, is not read.
  package var floats: [Float] {
    (0..<(count / 4)).map { Float(bitPattern: integer(at: 4 * $0, as: UInt32.self)) }
  }
}
