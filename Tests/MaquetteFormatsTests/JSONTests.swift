import MaquetteFormats
import MaquetteSystem
import Testing

@Suite struct `JSON text` {
  @Test(arguments: [
    "null", "true", "false", "0", "-1", "1.5", "-0.0", "1e+300", "9007199254740991", "\"\"", "\"ä€😀\"", "[]",
    "{}",
    "[1,[2,[]],{\"a\":null}]", "{\"b\":1,\"a\":2}", "\"\\u0000\\\"\\\\\\n\"",
  ])
  func `is written as it was read`(text: String) throws {
    #expect(try JSON(parsing: text).description == text)
  }

  @Test func `reads space, escapes and numbers of every form`() throws {
    #expect(
      try JSON(parsing: " { \"a\\u0041\\/\\ud83d\\ude00\" : [ 1E2 , -0.5e-1, 10 ] }\n")
        == ["aA/😀": [100, -0.05, 10]])
  }

  @Test func `keeps a number to the last bit`() throws {
    for value: Double in [
      0.1, 1.0 / 3, .leastNonzeroMagnitude, 1.7976931348623157e308, 123_456_789.123_456_789,
    ] {
      #expect(try JSON(parsing: JSON(value).description).number == value)
    }
    #expect(JSON(Double.nan) == .null)
  }

  @Test(arguments: [
    (0.0, "0"), (-0.0, "-0.0"), (7, "7"), (-9, "-9"), (10, "10"), (-1000, "-1000"),
    (1_234_567_890, "1234567890"),
    (9_007_199_254_740_991, "9007199254740991"), (-9_007_199_254_740_991, "-9007199254740991"),
    (9_007_199_254_740_992, "9007199254740992.0"), (1e300, "1e+300"),
  ])
  func `writes whole numbers without a fraction as far as all of them can be told apart`(
    value: Double, text: String
  ) throws {
    #expect(JSON.number(value).description == text)
    #expect(try JSON(parsing: text).number?.bitPattern == value.bitPattern)
  }

  @Test func `keeps the later of two members of one name`() throws {
    #expect(try JSON(parsing: "{\"a\":1,\"b\":2,\"a\":3}") == ["a": 3, "b": 2])
  }

  @Test func `reads an object of many members in a reasonable time, in order`() throws {
    let text = "{" + (0..<20_000).map { "\"k\($0)\":\($0)" }.joined(separator: ",") + "}"
    let object = try #require(JSON(parsing: text).object)
    #expect(object.count == 20_000)
    #expect(object.names.last == "k19999")
  }

  @Test(arguments: [
    "", " ", "nul", "tru", "[1,]", "{\"a\"}", "{\"a\":}", "{a:1}", "01", "1.", ".5", "1e", "+1", "--1", "\"",
    "\"\\x\"",
    "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\u{1}\"", "1 2", "[1", "{\"a\":1", "1e999", "NaN",
    "'a'",
    "\"\\u12g4\"",
  ])
  func `that is broken is refused`(text: String) {
    #expect { try JSON(parsing: text) } throws: { ($0 as? MaquetteError)?.code == .badJSON }
  }

  @Test func `says where it is broken, and what was expected there`() {
    #expect {
      try JSON(parsing: "{\n  \"ä\": 1 2}", as: "the parameters")
    } throws: {
      ($0 as? MaquetteError)?.message
        == "the parameters is not valid JSON: line 2, column 10: there is '2' where ',' or '}' was expected"
    }
  }

  @Test func `nested too deeply is refused, not a crash`() {
    let deep = String(repeating: "[", count: 1_000_000)
    #expect { try JSON(parsing: deep) } throws: { ($0 as? MaquetteError)?.code == .badJSON }
    let allowed = String(repeating: "[", count: 200) + String(repeating: "]", count: 200)
    #expect(throws: Never.self) { try JSON(parsing: allowed) }
  }

  @Test func `of bytes that are no UTF-8 is refused`() {
    for bytes in [[0x22, 0xFF, 0x22], [0x22, 0x5C, 0x6E, 0xC3, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22]]
      as [[UInt8]]
    {
      #expect { try JSON(parsing: bytes) } throws: { ($0 as? MaquetteError)?.code == .badUTF8 }
    }
  }

  @Test(arguments: [
    "-9223372036854775808", "9223372036854775807", "-9223372036854775809", "18446744073709551616",
  ])
  func `takes whole numbers at the ends of what a machine can count`(text: String) throws {
    let value = try JSON(parsing: text)
    #expect(try JSON(parsing: value.description) == value)
  }

  @Test func `gives whole numbers as integers, others not`() {
    #expect(JSON.number(3).integer == 3)
    #expect(JSON.number(3.5).integer == nil)
    #expect(JSON.number(1e300).integer == nil)
    #expect(JSON.string("3").integer == nil)
  }

  @Test func `compares objects without regard to the order of their members`() {
    #expect(["a": 1, "b": 2] as JSON == ["b": 2, "a": 1])
    #expect(["a": 1] as JSON != ["a": 1, "b": 2])
  }

  @Test func `sets, replaces and removes a member of an object`() {
    var object: JSONObject = ["a": 1]
    object["b"] = 2
    object["a"] = 3
    #expect(object.names == ["a", "b"])
    object["a"] = nil
    #expect(object == ["b": 2])
  }
}
