/// What a file of the Open Neural Network Exchange says: a graph of operators on tensors, with the numbers in it.
///
/// Only what models here are made of: what else a file has (subgraphs, functions, quantisation) is passed over.
/// Source: `onnx.proto` of the ONNX specification.
package enum ONNX {
  package struct Model: Sendable, Equatable {
    package var version: Int64 = 8
    package var producer = ""
    package var graph = Graph()
    /// The version of the operators of each domain; the empty one is ONNX's own.
    package var operatorSets: [(domain: String, version: Int64)] = [("", 13)]
    package var metadata: [(name: String, value: String)] = []

    package init() {}
  }

  package struct Graph: Sendable, Equatable {
    package var name = ""
    /// In an order in which they can be computed.
    package var nodes: [Node] = []
    package var initializers: [Tensor] = []
    package var inputs: [Value] = []
    package var outputs: [Value] = []

    package init() {}
  }

  package struct Node: Sendable, Equatable {
    package var name = ""
    package var type = ""
    package var domain = ""
    /// An input that is left out has an empty name.
    package var inputs: [String] = []
    package var outputs: [String] = []
    package var attributes: [Attribute] = []

    package init() {}

    package init(_ type: String, _ inputs: [String], _ outputs: [String], _ attributes: [Attribute] = []) {
      self.type = type
      self.inputs = inputs
      self.outputs = outputs
      self.attributes = attributes
      name = outputs.first ?? type
    }

    package subscript(name: String) -> Attribute.Content? { attributes.first { $0.name == name }?.content }
  }

  package struct Attribute: Sendable, Equatable {
    package enum Content: Sendable, Equatable {
      case float(Float)
      case integer(Int64)
      case text(String)
      case tensor(Tensor)
      case floats([Float])
      case integers([Int64])
      case texts([String])
      /// Of a type that is not read: a graph, a sparse tensor.
      case other
    }

    package var name: String
    package var content: Content

    package init(_ name: String, _ content: Content) {
      self.name = name
      self.content = content
    }
  }

  /// An input or output of the graph.
  package struct Value: Sendable, Equatable {
    package enum Dimension: Sendable, Equatable {
      case size(Int)
      /// Whatever the caller brings; the name is for people.
      case dynamic(String)
    }

    package var name: String
    /// Of the elements; nil for what is no tensor.
    package var type: ElementType?
    /// nil: of any shape.
    package var shape: [Dimension]?

    package init(_ name: String, _ type: ElementType?, _ shape: [Dimension]?) {
      self.name = name
      self.type = type
      self.shape = shape
    }
  }

  /// The numbers of `TensorProto.DataType`.
  package struct ElementType: RawRepresentable, Sendable, Equatable {
    package var rawValue: Int32
    package init(rawValue: Int32) { self.rawValue = rawValue }
    package static let float = Self(rawValue: 1)
    package static let uint8 = Self(rawValue: 2)
    package static let int8 = Self(rawValue: 3)
    package static let int32 = Self(rawValue: 6)
    package static let int64 = Self(rawValue: 7)
    package static let string = Self(rawValue: 8)
    package static let bool = Self(rawValue: 9)
    package static let float16 = Self(rawValue: 10)
    package static let double = Self(rawValue: 11)

    /// The bytes of an element; nil of a string, and of types that are not read.
    var size: Int? {
      switch self {
      case .uint8, .int8, .bool: 1
      case .float16: 2
      case .float, .int32: 4
      case .int64, .double: 8
      default: nil
      }
    }
  }
}

extension ONNX.Model {
  package static func == (left: Self, right: Self) -> Bool {
    left.version == right.version && left.producer == right.producer && left.graph == right.graph
      && left.operatorSets.elementsEqual(right.operatorSets) { $0 == $1 }
      && left.metadata.elementsEqual(right.metadata) { $0 == $1 }
  }

  /// The value that was written under a name beside the graph.
  package subscript(metadata name: String) -> String? { metadata.first { $0.name == name }?.value }
}

extension ONNX.ElementType: CustomStringConvertible {
  package var description: String {
    let names = [
      "undefined", "float", "uint8", "int8", "uint16", "int16", "int32", "int64", "string", "bool", "float16",
      "double",
    ]
    return names.indices.contains(Int(rawValue)) ? names[Int(rawValue)] : "type \(rawValue)"
  }
}
