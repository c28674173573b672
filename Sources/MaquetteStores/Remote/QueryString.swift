import MaquetteFormats

/// A query in the style of the qs package: `y=a&$sort[createdAt]=-1&$select[]=x`.
struct QueryString: Sendable {
  private(set) var text = ""

  /// Adds a parameter, a level of its name for each step of the path; an empty one stands for an element of an array.
  mutating func add(_ path: [String], _ value: String) {
    if !text.isEmpty { text += "&" }
    for (level, name) in path.enumerated() {
      text += level == 0 ? percentEncoded(name) : "%5B" + percentEncoded(name) + "%5D"
    }
    text += "=" + percentEncoded(value)
  }

  mutating func add(_ name: String, _ value: String) { add([name], value) }

  mutating func add(_ name: String, _ values: [String]) {
    for value in values { add([name, ""], value) }
  }

  /// To be put behind a path.
  var suffix: String { text.isEmpty ? "" : "?" + text }
}

/// The text for a part of a URL: everything but the unreserved characters of RFC 3986 and `$` as bytes in hexadecimal.
func percentEncoded(_ text: String) -> String {
  let digits = Array("0123456789ABCDEF".utf8)
  var bytes: [UInt8] = []
  for byte in text.utf8 {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
      UInt8(ascii: "~"), UInt8(ascii: "$"):
      bytes.append(byte)
    default: bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }
  }
  return String(decoding: bytes, as: UTF8.self)
}
