import MaquetteFormats
import MaquetteSystem
import Testing

@Suite struct `A safetensors file` {
  static let example = SafeTensors(
    tensors: [
      ("rows", .init([1.5, -2, 0, .greatestFiniteMagnitude], shape: [2, 2])),
      ("labels", .init([0, -7] as [Int32], shape: [2])),
    ], metadata: [("kind", "knn-classifier")])

  @Test func `is read as it was written`() throws {
    let read = try SafeTensors(parsing: Self.example.bytes, as: "model")
    #expect(read == Self.example)
    #expect(read["rows"]?.floats == [1.5, -2, 0, .greatestFiniteMagnitude])
    #expect(read["labels"]?.integers == [0, -7])
    #expect(read["labels"]?.floats == nil)
  }

  @Test func `starts with the length of its header, padded to eight bytes`() {
    let bytes = Self.example.bytes
    let length = Int(bytes[0]) + Int(bytes[1]) << 8
    #expect(length % 8 == 0)
    #expect(bytes[8] == UInt8(ascii: "{"))
    #expect(bytes.count == 8 + length + 16 + 8)
  }

  @Test func `cut off anywhere is refused`() {
    let bytes = Self.example.bytes
    for count in stride(from: 0, to: bytes.count, by: 5) {
      #expect {
        try SafeTensors(parsing: Array(bytes[..<count]), as: "model")
      } throws: {
        ($0 as? MaquetteError)?.code == .badFormat
      }
    }
  }

  @Test func `with an impossible header is refused`() {
    for header in [
      "[]", "{\"a\":{}}", "{\"a\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,8]}}",
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,0]}}",
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[9223372036854775807,9],\"data_offsets\":[0,4]}}",
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}",
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,80]}}",
    ] {
      var bytes: [UInt8] = [UInt8(header.utf8.count), 0, 0, 0, 0, 0, 0, 0]
      bytes += Array(header.utf8) + [0, 0, 0, 0, 0, 0, 0, 0]
      #expect {
        try SafeTensors(parsing: bytes, as: "model")
      } throws: {
        ($0 as? MaquetteError)?.code == .badFormat
      }
    }
  }
}
