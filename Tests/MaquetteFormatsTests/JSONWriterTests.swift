import MaquetteFormats
import MaquetteKernels
import Testing

@Suite struct `A writer of JSON` {
  private func text(_ write: (inout JSONWriter) -> Void) -> String {
    var writer = JSONWriter()
    write(&writer)
    #expect(writer.count == writer.bytes.count)
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  @Test func `puts commas and colons between what it is given`() {
    let text = text { text in
      text.beginArray()
      text.beginObject()
      text.name("a\"b")
      text.write(1.5)
      text.name("c")
      text.beginArray()
      text.endArray()
      text.name("d")
      text.write([true, nil, "e"])
      text.endObject()
      text.write([0.5, 2] as [Float])
      text.write([] as [Float])
      text.beginObject()
      text.endObject()
      text.write(plain: 3) { place in
        for (offset, character) in "xyz".utf8.enumerated() { place[offset] = character }
        return true
      }
      text.write(plain: 3) { _ in false }
      text.write("z")
      text.endArray()
    }
    #expect(text == #"[{"a\"b":1.5,"c":[],"d":[true,null,"e"]},[0.5,2],[],{},"xyz","z"]"#)
  }

  @Test(arguments: [0, 1, 7, 8, 509, 510, 511, 512, 513, 1023, 1024, 5000])
  func `writes texts of any length`(length: Int) {
    let plain = String(repeating: "x", count: length)
    #expect(text { $0.write(plain) } == "\"\(plain)\"")
    #expect(text { $0.write(plain + "\n") } == "\"\(plain)\\n\"")
    #expect(text { $0.write("\u{1}" + plain) } == "\"\\u0001\(plain)\"")
    let filled = text { text in
      text.write(plain: length) { place in
        place.update(repeating: UInt8(ascii: "x"), count: length)
        return true
      }
    }
    #expect(filled == "\"\(plain)\"")
  }

  @Test func `escapes what JSON can't hold, wherever it stands`() throws {
    for special in ["\"", "\\", "\n", "\r", "\t", "\u{0}", "\u{1F}", "\u{B}"] {
      for place in 0..<20 {
        let given = String(repeating: "ä", count: place) + special + String(repeating: "b", count: 20 - place)
        #expect(try JSON(parsing: text { $0.write(given) }).string == given)
      }
    }
  }

  @Test func `writes numbers that read back the same, in rows and alone`() throws {
    var random = Random(seed: 3)
    var values: [Float] = [
      0, -0.0, 9, 10, 99, 100, 255, 256, -1, -10, 0.1, .leastNonzeroMagnitude, -.leastNonzeroMagnitude,
      3.4028235e38, -3.4028235e38, 16_777_216,
    ]
    for _ in 0..<2000 {
      let value = Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))
      if value.isFinite { values.append(value) }
      values.append(
        Float(Int32(bitPattern: UInt32(truncatingIfNeeded: random.next())) >> random.integer(below: 32)))
    }
    let row = text { $0.write(values) }
    #expect(row == JSON.array(values.map { .number(Double($0)) }).description)
    #expect(
      row == "[" + values.map { value in text { $0.write(Double(value)) } }.joined(separator: ",") + "]")
    let back = try #require(try JSON(parsing: row).array)
    #expect(back.map { Float($0.number ?? .nan).bitPattern } == values.map(\.bitPattern))
    #expect(text { $0.write([.nan, .infinity, -.infinity] as [Float]) } == "[null,null,null]")
  }

  @Test func `finds room for the longest numbers`() throws {
    let values = [
      -Double.leastNonzeroMagnitude, -2.2250738585072014e-308, -1.7976931348623157e308,
      -1.234_567_890_123_456_7e-300,
    ]
    for lead in 480..<520 {
      let written = text { text in
        text.beginArray()
        text.write(String(repeating: "x", count: lead))
        for value in values { text.write(value) }
        text.endArray()
      }
      #expect(try JSON(parsing: written).array?.dropFirst().map(\.number) == values)
    }
  }
}
