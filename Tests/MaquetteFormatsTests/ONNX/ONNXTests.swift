import MaquetteSystem
import TestSupport
import Testing

@testable import MaquetteFormats

@Suite struct `An ONNX file` {
  /// One of everything that is read and written.
  static let example = {
    var model = ONNX.Model()
    model.producer = "Maquette"
    model.operatorSets = [("", 13), ("ai.onnx.ml", 1)]
    model.metadata = [("labels", "[\"a\",\"b\"]"), ("empty", "")]
    model.graph.name = "example"
    model.graph.inputs = [ONNX.Value("x", .float, [.dynamic("batch"), .size(2)])]
    model.graph.outputs = [
      ONNX.Value("y", .float, [.dynamic("batch"), .size(3)]),
      ONNX.Value("label", .int64, [.dynamic("batch")]),
      ONNX.Value("maps", nil, nil), ONNX.Value("scalar", .double, []),
    ]
    model.graph.initializers = [
      ONNX.Tensor(
        "weights", [1.5, -2, 0, .greatestFiniteMagnitude, .leastNonzeroMagnitude, -0], shape: [2, 3]),
      ONNX.Tensor("axes", integers: [-1, .max, .min], shape: [3]),
      ONNX.Tensor("two", doubles: [2], shape: []),
    ]
    model.graph.nodes = [
      ONNX.Node("Gemm", ["x", "weights"], ["y"], [ONNX.Attribute("alpha", .float(-0.5))]),
      ONNX.Node(
        "Strange", ["x", "", "y"], ["z", "label"],
        [
          ONNX.Attribute("integer", .integer(-3)), ONNX.Attribute("text", .text("ä")),
          ONNX.Attribute("floats", .floats([1, -2])), ONNX.Attribute("integers", .integers([0, -1, 300])),
          ONNX.Attribute("texts", .texts(["a", "", "b"])),
          ONNX.Attribute("tensor", .tensor(ONNX.Tensor("inner", [1], shape: [1]))),
        ]),
    ]
    return model
  }()

  @Test func `is read as it was written`() throws {
    let read = try ONNX.Model(parsing: Self.example.bytes)
    #expect(read == Self.example)
    #expect(try read.graph.initializers[0].floats()[3] == .greatestFiniteMagnitude)
    #expect(try read.graph.initializers[1].integers() == [-1, .max, .min])
    #expect(try read.graph.initializers[2].doubles() == [2])
    #expect(read.graph.nodes[1]["text"] == .text("ä"))
    #expect(ONNX.recognizes(Self.example.bytes))
  }

  /// A tensor of any type, with its numbers in lists instead of bytes.
  private func tensor(type: Int64, _ fill: (inout ProtobufWriter) -> Void) throws -> ONNX.Tensor {
    var file = ProtobufWriter()
    file.append(1, integer: 8)
    file.append(7) { graph in
      graph.append(12) { $0.append(1, text: "y") }
      graph.append(5) { tensor in
        tensor.append(1, integer: 2)
        tensor.append(2, integer: type)
        tensor.append(8, text: "t")
        fill(&tensor)
      }
    }
    return try ONNX.Model(parsing: file.bytes).graph.initializers[0]
  }

  @Test func `holds numbers of every type, in bytes or lists, packed or one by one`() throws {
    #expect(
      try tensor(type: 1) {
        $0.append(4, float: 1); $0.append(4, float: -2)
      }.floats() == [1, -2])
    #expect(try tensor(type: 1) { $0.append(4, bytes: [0, 0, 128, 63, 0, 0, 0, 192]) }.floats() == [1, -2])
    #expect(
      try tensor(type: 7) {
        $0.append(7, integer: -5); $0.append(7, integer: 3)
      }.integers() == [-5, 3])
    #expect(try tensor(type: 7) { $0.append(7, bytes: [3, 0xAC, 0x02]) }.integers() == [3, 300])
    #expect(
      try tensor(type: 6) {
        $0.append(5, integer: -5); $0.append(5, integer: 3)
      }.integers() == [-5, 3])
    #expect(
      try tensor(type: 3) {
        $0.append(5, integer: -5); $0.append(5, integer: 3)
      }.doubles() == [-5, 3])
    #expect(try tensor(type: 9) { $0.append(9, bytes: [1, 0]) }.doubles() == [1, 0])
    #expect(
      try tensor(type: 11) { $0.append(9, bytes: [UInt8](repeating: 0, count: 16)) }.doubles() == [0, 0])
    // 1.0 and the least number of all; −infinity and 65504.
    #expect(
      try tensor(type: 10) { $0.append(9, bytes: [0x00, 0x3C, 0x01, 0x00]) }.doubles() == [1, 0x1p-24])
    #expect(
      try tensor(type: 10) { $0.append(9, bytes: [0x00, 0xFC, 0xFF, 0x7B]) }.doubles() == [-.infinity, 65504])
    let words = try tensor(type: 8) {
      $0.append(6, text: "a"); $0.append(6, text: "b")
    }
    #expect(words.texts == ["a", "b"])
    #expect(failure { _ = try words.doubles() }?.code == .badFormat)
  }

  @Test func `whose tensors have another number of elements than their shapes is refused when they are read`()
    throws
  {
    for (shape, count) in [([2, 2], 3), ([-1], 0), ([.max, .max], 0), ([1 << 62, 4], 4), ([], 0)]
      as [([Int], Int)]
    {
      let tensor = ONNX.Tensor("t", [Float](repeating: 0, count: count), shape: shape)
      let error = failure { _ = try tensor.floats() }
      #expect(error?.code == .badFormat && error?.name == "t", "\(shape)")
    }
    let external = try tensor(type: 1) { $0.append(14, integer: 1) }
    #expect(failure { _ = try external.floats() }?.message.contains("beside") == true)
  }

  @Test func `passes over fields that are not known`() throws {
    var writer = ProtobufWriter()
    writer.append(999, text: "from the future")
    writer.append(5, integer: 1)
    writer.append(536_870_911, float: 1)
    #expect(try ONNX.Model(parsing: writer.bytes + Self.example.bytes) == Self.example)
  }

  // MARK: Hostile bytes

  @Test func `cut off anywhere is an error or another file, and no more`() {
    let bytes = Self.example.bytes
    for count in 0..<bytes.count {
      let error = failure { _ = try ONNX.Model(parsing: Array(bytes[..<count])) }
      #expect(error == nil || error?.code == .badFormat)
    }
  }

  @Test func `with any bit turned is an error or another file, and no more`() {
    let bytes = Self.example.bytes
    for place in 0..<bytes.count * 8 {
      var damaged = bytes
      damaged[place / 8] ^= 1 << (place % 8)
      let error = failure {
        let model = try ONNX.Model(parsing: damaged)
        for tensor in model.graph.initializers { _ = failure { _ = try tensor.doubles() } }
        #expect(try ONNX.Model(parsing: model.bytes).graph.nodes.count == model.graph.nodes.count)
      }
      #expect(error == nil || error?.code == .badFormat)
    }
  }

  @Test(
    arguments: [
      [],  // nothing
      [0x00],  // the field 0
      [0x3A],  // a graph without a length
      [0x3A, 0x7F],  // longer than there is
      [0x3A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],  // 2⁶³ − 1 bytes
      [0x3A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01],  // 2⁶⁴ − 1 bytes
      [0x3A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01],  // a number of 77 bits
      [0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02],  // one of 65
      [0x0B], [0x0C], [0x0E], [0x0F],  // groups, and wire types that are none
      [0x39, 1, 2, 3, 4, 5, 6, 7], [0x3D, 1, 2, 3],  // numbers cut off
      [0x3D, 1, 2, 3, 4],  // a graph that is a number
      [0x3A, 0x02, 0x12, 0x05],  // a name longer than its graph
      [0x12, 0x01, 0xFF],  // a producer that is no UTF-8
    ] as [[UInt8]])
  func `that is none is refused`(bytes: [UInt8]) {
    let error = failure { _ = try ONNX.Model(parsing: bytes) }
    #expect(error?.code == .badFormat, "\(error?.message ?? "read")")
  }

  @Test func `that nests as deep as it can is read without recursion`() throws {
    // A graph in an attribute of a node in a graph … the innermost first.
    var graph: [UInt8] = []
    for _ in 0..<3000 {
      var (attribute, node, outer) = (ProtobufWriter(), ProtobufWriter(), ProtobufWriter())
      attribute.append(6, bytes: graph)
      node.append(5, bytes: attribute.bytes)
      outer.append(1, bytes: node.bytes)
      graph = outer.bytes
    }
    var file = ProtobufWriter()
    file.append(7) { $0.append(12) { $0.append(1, text: "y") } }
    file.append(7, bytes: graph)
    // The later of two graphs counts, and it has no output.
    #expect(failure { _ = try ONNX.Model(parsing: file.bytes) }?.code == .badFormat)
  }

  @Test func `of more parts than there can be in memory is refused`() {
    var file = ProtobufWriter()
    // Empty nodes of two bytes each.
    file.append(7, bytes: [UInt8](repeating: 0, count: 2_200_000).indices.map { $0 % 2 == 0 ? 0x0A : 0x00 })
    let error = failure { _ = try ONNX.Model(parsing: file.bytes) }
    #expect(error?.code == .badFormat && error?.message.contains("1000000 parts") == true)
  }
}
