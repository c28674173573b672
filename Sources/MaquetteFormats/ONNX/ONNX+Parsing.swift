package import MaquetteSystem

extension ONNX.Model {
  /// Reads a file. The numbers of its tensors stay where they are in `bytes`, and all else takes at most some hundred
  /// times ``ONNX/mostParts`` bytes.
  ///
  /// - Throws: ``MaquetteError/Code/badFormat`` with what is damaged, and where.
  package init(parsing bytes: [UInt8]) throws(MaquetteError) {
    var reader = ONNXReader()
    self = try reader.model(bytes[...])
    guard !graph.outputs.isEmpty else {
      throw MaquetteError(
        .badFormat, "this is no ONNX file: there is no graph with an output in its \(bytes.count) bytes")
    }
  }
}

extension ONNX {
  /// Whether a file begins as ONNX files do: with a small version, and a field of the model behind it.
  package static func recognizes(_ bytes: [UInt8]) -> Bool {
    guard bytes.count > 3, bytes[0] == 0x08, (1...50).contains(bytes[1]) else { return false }
    // Names and versions of the producer, documentation, graph, operator sets, metadata.
    return [0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42, 0x72].contains(bytes[2])
  }

  /// So many nodes, tensors, attributes and texts a file may have, all together: an empty one takes two bytes of a file,
  /// and fifty times as many in memory.
  static let mostParts = 1_000_000
}

/// Reads messages, and counts them.
private struct ONNXReader {
  private var parts = 0

  private mutating func count(_ field: ProtobufField) throws(MaquetteError) {
    parts += 1
    guard parts <= ONNX.mostParts else {
      throw ProtobufReader.damaged("it has more than \(ONNX.mostParts) parts", at: field.offset)
    }
  }

  private mutating func text(_ field: ProtobufField) throws(MaquetteError) -> String {
    try count(field)
    return try field.text()
  }

  private mutating func fields(
    of bytes: ArraySlice<UInt8>,
    _ body: (inout ONNXReader, ProtobufField) throws(MaquetteError) -> Void
  ) throws(MaquetteError) {
    var reader = ProtobufReader(bytes)
    while let field = try reader.next() { try body(&self, field) }
  }

  mutating func model(_ bytes: ArraySlice<UInt8>) throws(MaquetteError) -> ONNX.Model {
    var model = ONNX.Model()
    model.operatorSets = []
    try fields(of: bytes) { (reader, field) throws(MaquetteError) in
      switch field.number {
      case 1: model.version = try field.integer()
      case 2: model.producer = try field.text()
      case 7: model.graph = try reader.graph(field.bytes())
      case 8:
        try reader.count(field)
        var set = (domain: "", version: Int64(1))
        try reader.fields(of: field.bytes()) { (_, field) throws(MaquetteError) in
          if field.number == 1 { set.domain = try field.text() }
          if field.number == 2 { set.version = try field.integer() }
        }
        model.operatorSets.append(set)
      case 14:
        try reader.count(field)
        var entry = (name: "", value: "")
        try reader.fields(of: field.bytes()) { (_, field) throws(MaquetteError) in
          if field.number == 1 { entry.name = try field.text() }
          if field.number == 2 { entry.value = try field.text() }
        }
        model.metadata.append(entry)
      default: break
      }
    }
    return model
  }

  private mutating func graph(_ bytes: ArraySlice<UInt8>) throws(MaquetteError) -> ONNX.Graph {
    var graph = ONNX.Graph()
    try fields(of: bytes) { (reader, field) throws(MaquetteError) in
      switch field.number {
      case 1: graph.nodes.append(try reader.node(field))
      case 2: graph.name = try field.text()
      case 5: graph.initializers.append(try reader.tensor(field))
      case 11: graph.inputs.append(try reader.value(field))
      case 12: graph.outputs.append(try reader.value(field))
      default: break
      }
    }
    return graph
  }

  private mutating func node(_ field: ProtobufField) throws(MaquetteError) -> ONNX.Node {
    try count(field)
    var node = ONNX.Node()
    try fields(of: field.bytes()) { (reader, field) throws(MaquetteError) in
      switch field.number {
      case 1: node.inputs.append(try reader.text(field))
      case 2: node.outputs.append(try reader.text(field))
      case 3: node.name = try field.text()
      case 4: node.type = try field.text()
      case 5: node.attributes.append(try reader.attribute(field))
      case 7: node.domain = try field.text()
      default: break
      }
    }
    // The long name of ONNX's own domain.
    if node.domain == "ai.onnx" { node.domain = "" }
    return node
  }

  private mutating func attribute(_ field: ProtobufField) throws(MaquetteError) -> ONNX.Attribute {
    try count(field)
    var (name, type) = ("", Int64(0))
    var (float, integer, text): (Float?, Int64?, String?)
    var hasText = false
    var tensor: ONNX.Tensor?
    var (floats, integers, texts): ([UInt8], [Int64], [String]) = ([], [], [])
    try fields(of: field.bytes()) { (reader, field) throws(MaquetteError) in
      switch field.number {
      case 1: name = try field.text()
      case 2: float = try field.float()
      case 3: integer = try field.integer()
      // Operators of others may keep any bytes in it.
      case 4: (text, hasText) = (String(validating: try field.bytes(), as: UTF8.self), true)
      case 5: tensor = try reader.tensor(field)
      case 7: try field.appendFixed(size: 4, to: &floats)
      case 8: try field.appendIntegers(to: &integers)
      case 9: texts.append(try reader.text(field))
      case 20: type = try field.integer()
      default: break
      }
    }
    // A writer may leave out what is 0 or empty, and very old ones the type.
    let content: ONNX.Attribute.Content =
      switch type {
      case 1: .float(float ?? 0)
      case 2: .integer(integer ?? 0)
      case 3: hasText && text == nil ? .other : .text(text ?? "")
      case 4: tensor.map { .tensor($0) } ?? .other
      case 6: .floats(floats.floats)
      case 7: .integers(integers)
      case 8: .texts(texts)
      case 0:
        float.map { .float($0) } ?? integer.map { .integer($0) } ?? text.map { .text($0) }
          ?? tensor.map { .tensor($0) }
          ?? (!floats.isEmpty
            ? .floats(floats.floats)
            : !integers.isEmpty ? .integers(integers) : !texts.isEmpty ? .texts(texts) : .other)
      default: .other
      }
    return ONNX.Attribute(name, content)
  }

  private mutating func tensor(_ field: ProtobufField) throws(MaquetteError) -> ONNX.Tensor {
    try count(field)
    var tensor = ONNX.Tensor()
    var sizes: [Int64] = []
    var integers: [Int64] = []
    var listed: [UInt8] = []
    try fields(of: field.bytes()) { (reader, field) throws(MaquetteError) in
      switch field.number {
      case 1: try field.appendIntegers(to: &sizes)
      case 2: tensor.type = .init(rawValue: Int32(truncatingIfNeeded: try field.integer()))
      case 4: try field.appendFixed(size: 4, to: &listed)
      case 5, 7: try field.appendIntegers(to: &integers)
      case 6: tensor.texts.append(try reader.text(field))
      case 8: tensor.name = try field.text()
      case 9: tensor.raw = try field.bytes()
      case 10: try field.appendFixed(size: 8, to: &listed)
      case 14: tensor.isExternal = try field.integer() == 1
      default: break
      }
    }
    tensor.shape = sizes.map { Int($0) }
    // What is in lists is brought into the form of the bytes.
    if let size = tensor.type.size, !integers.isEmpty {
      for value in integers {
        withUnsafeBytes(of: value.littleEndian) { listed.append(contentsOf: $0.prefix(size)) }
      }
    }
    if !listed.isEmpty { tensor.raw = listed[...] }
    return tensor
  }

  private mutating func value(_ field: ProtobufField) throws(MaquetteError) -> ONNX.Value {
    try count(field)
    var value = ONNX.Value("", nil, nil)
    try fields(of: field.bytes()) { (reader, field) throws(MaquetteError) in
      switch field.number {
      case 1: value.name = try field.text()
      case 2:
        // What is of another type (a sequence, a map) has no field 1.
        try reader.fields(of: field.bytes()) { (reader, field) throws(MaquetteError) in
          if field.number == 1 { try reader.tensorType(field.bytes(), &value) }
        }
      default: break
      }
    }
    return value
  }

  private mutating func tensorType(
    _ bytes: ArraySlice<UInt8>, _ value: inout ONNX.Value
  ) throws(MaquetteError) {
    var (type, shape): (ONNX.ElementType?, [ONNX.Value.Dimension]?)
    try fields(of: bytes) { (reader, field) throws(MaquetteError) in
      if field.number == 1 { type = .init(rawValue: Int32(truncatingIfNeeded: try field.integer())) }
      guard field.number == 2 else { return }
      var dimensions: [ONNX.Value.Dimension] = []
      try reader.fields(of: field.bytes()) { (reader, field) throws(MaquetteError) in
        guard field.number == 1 else { return }
        try reader.count(field)
        var dimension = ONNX.Value.Dimension.dynamic("")
        try reader.fields(of: field.bytes()) { (_, field) throws(MaquetteError) in
          if field.number == 1 { dimension = .size(Int(try field.integer())) }
          if field.number == 2 { dimension = .dynamic(try field.text()) }
        }
        dimensions.append(dimension)
      }
      shape = dimensions
    }
    (value.type, value.shape) = (type, shape)
  }
}
