extension ONNX.Model {
  /// The file.
  package var bytes: [UInt8] {
    var file = ProtobufWriter()
    file.append(1, integer: version)
    file.append(2, text: producer)
    for set in operatorSets {
      file.append(8) {
        $0.append(1, text: set.domain)
        $0.append(2, integer: set.version)
      }
    }
    for entry in metadata {
      file.append(14) {
        $0.append(1, text: entry.name)
        $0.append(2, text: entry.value)
      }
    }
    // Last, though fields may come in any order: a file that was cut off, which nothing else would tell, has no whole graph.
    file.append(7) { graph.write(to: &$0) }
    return file.bytes
  }
}

extension ONNX.Graph {
  fileprivate func write(to writer: inout ProtobufWriter) {
    for node in nodes { writer.append(1) { node.write(to: &$0) } }
    writer.append(2, text: name)
    for tensor in initializers { writer.append(5) { tensor.write(to: &$0) } }
    for value in inputs { writer.append(11) { value.write(to: &$0) } }
    for value in outputs { writer.append(12) { value.write(to: &$0) } }
  }
}

extension ONNX.Node {
  fileprivate func write(to writer: inout ProtobufWriter) {
    // Also where it is empty: it is the place that counts.
    for input in inputs { writer.append(1, bytes: input.utf8) }
    for output in outputs { writer.append(2, bytes: output.utf8) }
    writer.append(3, text: name)
    writer.append(4, text: type)
    for attribute in attributes { writer.append(5) { attribute.write(to: &$0) } }
    writer.append(7, text: domain)
  }
}

extension ONNX.Attribute {
  fileprivate func write(to writer: inout ProtobufWriter) {
    writer.append(1, text: name)
    switch content {
    case .float(let value): writer.append(2, float: value)
    case .integer(let value): writer.append(3, integer: value)
    case .text(let value): writer.append(4, bytes: value.utf8)
    case .tensor(let value): writer.append(5) { value.write(to: &$0) }
    case .floats(let values): for value in values { writer.append(7, float: value) }
    case .integers(let values): for value in values { writer.append(8, integer: value) }
    case .texts(let values): for value in values { writer.append(9, bytes: value.utf8) }
    case .other: break
    }
    writer.append(20, integer: content.typeNumber)
  }
}

extension ONNX.Attribute.Content {
  /// Of `AttributeProto.AttributeType`.
  var typeNumber: Int64 {
    switch self {
    case .float: 1
    case .integer: 2
    case .text: 3
    case .tensor: 4
    case .floats: 6
    case .integers: 7
    case .texts: 8
    case .other: 0
    }
  }
}

extension ONNX.Tensor {
  fileprivate func write(to writer: inout ProtobufWriter) {
    for size in shape { writer.append(1, integer: Int64(size)) }
    writer.append(2, integer: Int64(type.rawValue))
    for text in texts { writer.append(6, bytes: text.utf8) }
    writer.append(8, text: name)
    if type != .string { writer.append(9, bytes: raw) }
  }
}

extension ONNX.Value {
  fileprivate func write(to writer: inout ProtobufWriter) {
    writer.append(1, text: name)
    guard let type else { return }
    writer.append(2) { content in
      content.append(1) { tensor in
        tensor.append(1, integer: Int64(type.rawValue))
        guard let shape else { return }
        tensor.append(2) { dimensions in
          for dimension in shape {
            dimensions.append(1) {
              switch dimension {
              case .size(let size): $0.append(1, integer: Int64(size))
              case .dynamic(let name): $0.append(2, text: name)
              }
            }
          }
        }
      }
    }
  }
}
