import MaquetteFormats
import MaquetteKernels
import MaquetteSystem

/// A graph in the making, node by node in the order of computing: `let y = graph.node("MatMul", x, w)`.
struct ONNXGraph {
  private var graph = ONNX.Graph()
  private var count = 0

  /// What goes in: rows of floats, as many as the caller has.
  static let input = "x"

  init(kind: String, features: Int) {
    graph.name = kind
    graph.inputs = [ONNX.Value(Self.input, .float, [.dynamic("batch"), .size(features)])]
  }

  /// Numbers that belong to the model.
  mutating func tensor(_ name: String, _ values: some Sequence<Float>, shape: [Int]) -> String {
    add(ONNX.Tensor(name, values, shape: shape))
  }

  mutating func tensor(_ name: String, _ matrix: Matrix) -> String {
    matrix.withUnsafeBufferPointer { tensor(name, $0, shape: [matrix.rows, matrix.columns]) }
  }

  mutating func integers(_ name: String, _ values: [Int64]) -> String {
    add(ONNX.Tensor(name, integers: values, shape: [values.count]))
  }

  /// A number; there is one of each name.
  mutating func double(_ name: String, _ value: Double) -> String {
    graph.initializers.contains { $0.name == name }
      ? name : add(ONNX.Tensor(name, doubles: [value], shape: []))
  }

  private mutating func add(_ tensor: ONNX.Tensor) -> String {
    graph.initializers.append(tensor)
    return tensor.name
  }

  /// Adds an operator.
  ///
  /// - Parameter name: of what it gives; nil: one of its own.
  /// - Returns: the name of what it gives, of several the first.
  @discardableResult
  mutating func node(
    _ type: String, _ inputs: String..., attributes: [ONNX.Attribute] = [], to name: String? = nil,
    and others: [String] = []
  ) -> String {
    count += 1
    let output = name ?? "\(type.lowercased())_\(count)"
    graph.nodes.append(ONNX.Node(type, inputs, [output] + others, attributes))
    return output
  }

  mutating func cast(_ input: String, to type: ONNX.ElementType, to name: String? = nil) -> String {
    node("Cast", input, attributes: [ONNX.Attribute("to", .integer(Int64(type.rawValue)))], to: name)
  }

  /// The sums along an axis, which stays with a size of 1 if it is kept.
  mutating func sum(_ input: String, axis: Int64, keepingAxis: Bool = false) -> String {
    node("ReduceSum", input, axes(axis), attributes: [Self.keepdims(keepingAxis)])
  }

  /// Another reduction, whose axis is an attribute.
  mutating func reduce(_ type: String, _ input: String, axis: Int64, keepingAxis: Bool = false) -> String {
    node(type, input, attributes: [ONNX.Attribute("axes", .integers([axis])), Self.keepdims(keepingAxis)])
  }

  /// The place of the greatest number of each row, of equals the first.
  mutating func argMax(_ input: String, to name: String? = nil) -> String {
    node("ArgMax", input, attributes: [ONNX.Attribute("axis", .integer(1)), Self.keepdims(false)], to: name)
  }

  /// With an axis of size 1 put in.
  mutating func unsqueeze(_ input: String, axis: Int64) -> String {
    node("Unsqueeze", input, axes(axis))
  }

  private mutating func axes(_ axis: Int64) -> String {
    let name = "axis_\(axis)"
    return graph.initializers.contains { $0.name == name } ? name : integers(name, [axis])
  }

  private static func keepdims(_ isKept: Bool) -> ONNX.Attribute {
    ONNX.Attribute("keepdims", .integer(isKept ? 1 : 0))
  }

  /// - Parameter width: of a row; nil: one number for each row.
  mutating func output(_ name: String, _ type: ONNX.ElementType, width: Int?) {
    graph.outputs.append(
      ONNX.Value(name, type, [.dynamic("batch")] + (width.map { [.size($0)] } ?? [])))
  }

  /// The file, with all that is known of the model beside the graph.
  ///
  /// - Throws: ``MaquetteError/Code/unsupported`` for more bytes than such a file can have.
  func bytes(of archive: ModelArchive, kind: String, extra: JSONObject = [:]) throws(MaquetteError) -> [UInt8]
  {
    var model = ONNX.Model()
    model.producer = "Maquette"
    model.graph = graph
    model.metadata = [
      (ONNXMetadata.kind, kind), (ONNXMetadata.archive, JSON.object(archive.metadata).description),
    ]
    if let labels = archive.metadata["labels"] {
      model.metadata.append((ONNXMetadata.labels, labels.description))
    }
    if !extra.isEmpty { model.metadata.append((ONNXMetadata.extra, JSON.object(extra).description)) }
    let bytes = model.bytes
    guard bytes.count <= Int(Int32.max) else {
      throw MaquetteError(
        .unsupported, "this \(kind) takes \(bytes.count >> 20) MB; an ONNX file can have at most 2048")
    }
    return bytes
  }
}

/// What is written beside the graph, by name: values are JSON, apart from the kind.
enum ONNXMetadata {
  static let kind = "maquette.kind"
  /// What the archive says: parameters, labels, and what the host has added.
  static let archive = "maquette.metadata"
  /// What was learned and no prediction needs.
  static let extra = "maquette.learned"
  /// The labels, also for others to read: an array of strings.
  static let labels = "labels"
}
