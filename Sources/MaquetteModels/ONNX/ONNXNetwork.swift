import MaquetteFormats
import MaquetteSystem

/// A dense network in an ONNX graph: what PyTorch's and scikit-learn's exporters make of one, and what is written here.
///
/// The operators that lead from the input to the predictions are followed; what labels are made of (ArgMax, ZipMap, …)
/// is only asked for their names.
struct ONNXNetwork {
  private(set) var stack: ONNXStack
  /// As the file has them; nil where it has none.
  let labels: [String]?

  /// - Throws: ``MaquetteError/Code/unsupported`` for a graph that is no dense network, naming the operator and where it
  ///   is; ``MaquetteError/Code/badFormat`` for a damaged one.
  init(_ model: ONNX.Model) throws(MaquetteError) {
    let reader = try Reader(model.graph)
    stack = try reader.stack()
    let written = try model.labels()
    labels = written == nil ? try reader.labels() : written
  }

  /// As a classifier keeps it: with a softmax at the end. Numbers without one are taken for what a softmax is made of, as
  /// PyTorch's networks give them.
  func classifier() throws(MaquetteError) -> (network: LayersModel, labels: [String]) {
    var stack = stack
    if stack.activation == "sigmoid", stack.width == 1 { stack.splitSigmoid() }
    guard let outputs = stack.width, outputs > 1, ["softmax", "linear"].contains(stack.activation) else {
      throw MaquetteError(
        .unsupported,
        "this ONNX file holds no classifier: its \(stack.width ?? 0) outputs (\(stack.activation)) are no confidences of labels"
      )
    }
    if stack.activation == "linear" {
      try ONNXNetwork.located { () throws(ONNXStack.Reason) in try stack.activate("softmax") }
    }
    let labels = labels ?? (0..<outputs).map { String($0) }
    guard labels.count == outputs else {
      throw MaquetteError(
        .badFormat, "the ONNX file names \(labels.count) labels, its network has \(outputs) outputs")
    }
    return (stack.network, labels)
  }

  /// As a regressor keeps it: the last layer linear.
  func regressor() throws(MaquetteError) -> LayersModel {
    var stack = stack
    guard stack.activation != "softmax" else {
      throw MaquetteError(.unsupported, "this ONNX file holds a classifier: its outputs are confidences")
    }
    try ONNXNetwork.located { () throws(ONNXStack.Reason) in try stack.finish(keeping: ["linear"]) }
    return stack.network
  }

  /// Whether its outputs are confidences of labels.
  var isClassifier: Bool {
    stack.activation == "softmax" || labels != nil && labels?.count == max(2, stack.width ?? 0)
  }

  private static func located(_ body: () throws(ONNXStack.Reason) -> Void) throws(MaquetteError) {
    do throws(ONNXStack.Reason) {
      try body()
    } catch {
      throw MaquetteError(.unsupported, "the ONNX file can't be read as a network: \(error.text)")
    }
  }
}

extension ONNX.Model {
  /// The labels that are written beside the graph, as an array of strings in JSON; nil where there are none.
  func labels() throws(MaquetteError) -> [String]? {
    guard let text = self[metadata: ONNXMetadata.labels] else { return nil }
    let elements = try? JSON(parsing: Array(text.utf8), as: "labels").array
    // Others may write them with commas between.
    let labels = elements.map { $0.compactMap(\.string) } ?? text.split(separator: ",").map(String.init)
    guard !labels.isEmpty, labels.count == elements?.count ?? labels.count, Set(labels).count == labels.count
    else {
      throw MaquetteError(.badFormat, "the ONNX file's metadata labels must be different strings")
    }
    return labels
  }
}

/// What is known under a name of the graph.
private enum Known {
  case constant(ONNX.Tensor)
  case rows(ONNXStack)
  /// 1 less the sigmoid of that name.
  case complement(of: String)
}

/// Follows a graph.
private struct Reader {
  typealias Reason = ONNXStack.Reason

  let graph: ONNX.Graph
  /// The node that makes what has that name.
  private var makers: [String: Int] = [:]
  private var initializers: [String: ONNX.Tensor] = [:]

  init(_ graph: ONNX.Graph) throws(MaquetteError) {
    self.graph = graph
    for (place, node) in graph.nodes.enumerated() {
      for output in node.outputs where !output.isEmpty {
        guard makers.updateValue(place, forKey: output) == nil else {
          throw MaquetteError(.badFormat, "the ONNX file can't be read: two nodes make \(quoted(output))")
        }
      }
    }
    for tensor in graph.initializers { initializers[tensor.name] = tensor }
  }

  /// What the predictions are called: the first output of floats, or what a ZipMap makes maps of.
  private func target() throws(MaquetteError) -> String {
    for output in graph.outputs {
      if output.type == .float || output.type == .double { return output.name }
      if output.type == nil, let maker = makers[output.name], graph.nodes[maker].type == "ZipMap",
        let probabilities = graph.nodes[maker].inputs.first
      {
        return probabilities
      }
    }
    throw MaquetteError(
      .unsupported, "the ONNX file has no output of floats, so it predicts nothing that is used here")
  }

  func stack() throws(MaquetteError) -> ONNXStack {
    let inputs = graph.inputs.filter { initializers[$0.name] == nil }
    guard inputs.count == 1, let input = inputs.first else {
      throw MaquetteError(
        .unsupported, "the ONNX file takes \(inputs.count) inputs; a network here takes one")
    }
    let target = try target()
    var known: [String: Known] = [:]
    do throws(Reason) {
      known[input.name] = .rows(try ONNXStack(input))
    } catch {
      throw MaquetteError(
        .unsupported, "the input \(quoted(input.name)) can't be used: \(error.text)", name: input.name)
    }
    for tensor in graph.initializers { known[tensor.name] = .constant(tensor) }
    for place in needed(for: target) {
      let node = graph.nodes[place]
      do throws(Reason) {
        known[node.outputs.first ?? ""] = try result(of: node, known)
      } catch {
        throw MaquetteError(
          .unsupported,
          "the ONNX file can't be read as a network: node \(place) (\(quoted(node.name))) is a \(quoted(node.type)): \(error.text)",
          name: node.type)
      }
    }
    guard case .rows(let stack) = known[target], !stack.isEmpty else {
      throw MaquetteError(
        .unsupported, "the output \(quoted(target)) of the ONNX file does not come from a network")
    }
    return stack
  }

  /// The places of the nodes that a value is made by, in the order of the file.
  private func needed(for target: String) -> [Int] {
    var needed: Set<Int> = []
    var open = [target]
    while let name = open.popLast() {
      guard let maker = makers[name], needed.insert(maker).inserted else { continue }
      open.append(contentsOf: graph.nodes[maker].inputs)
    }
    return needed.sorted()
  }

  /// The labels that the graph has for others: of a ZipMap, or of what the places of labels are looked up in.
  func labels() throws(MaquetteError) -> [String]? {
    for node in graph.nodes {
      var labels: [String]?
      switch node.type {
      case "ZipMap":
        if case .texts(let texts) = node["classlabels_strings"] { labels = texts }
        if case .integers(let integers) = node["classlabels_int64s"] { labels = integers.map { String($0) } }
      case "ArrayFeatureExtractor":
        guard let tensor = node.inputs.first.flatMap({ initializers[$0] }) else { continue }
        _ = try tensor.count()
        labels = tensor.type == .string ? tensor.texts : try tensor.integers().map { String($0) }
      default: continue
      }
      guard let labels, !labels.isEmpty else { continue }
      guard Set(labels).count == labels.count else {
        throw MaquetteError(.badFormat, "the ONNX file names a label twice", name: node.name)
      }
      return labels
    }
    return nil
  }

  // MARK: Operators

  private func result(of node: ONNX.Node, _ known: [String: Known]) throws(Reason) -> Known {
    guard node.domain.isEmpty || node.domain == "ai.onnx.ml" else {
      throw Reason("the domain \(quoted(node.domain)) is not known here")
    }
    var inputs: [Known] = []
    for name in node.inputs where !name.isEmpty {
      guard let value = known[name] else { throw Reason("its input \(quoted(name)) is not there yet") }
      inputs.append(value)
    }
    if node.type == "Constant" { return .constant(try constant(node)) }
    switch (inputs.first, inputs.dropFirst().first) {
    case (.constant(let tensor), nil): return .constant(try changed(tensor, node))
    case (.rows(var stack), nil):
      try apply(node, to: &stack)
      return .rows(stack)
    case (.rows(var stack), .constant(let tensor)):
      try apply(node, tensor, inputs.dropFirst(2).first, to: &stack)
      return .rows(stack)
    case (.constant(let tensor), .rows(var stack)):
      if node.type == "Sub", stack.activation == "sigmoid", stack.width == 1, try numbers(tensor) == [1] {
        return .complement(of: node.inputs[1])
      }
      try apply(node, from: tensor, to: &stack)
      return .rows(stack)
    case (.complement(let name), .rows(var stack))
    where node.type == "Concat" && node.inputs.count == 2 && node.inputs[1] == name:
      stack.splitSigmoid()
      return .rows(stack)
    default: throw Reason("it is no part of a dense network")
    }
  }

  private func constant(_ node: ONNX.Node) throws(Reason) -> ONNX.Tensor {
    for attribute in node.attributes {
      switch attribute.content {
      case .tensor(let tensor): return tensor
      case .float(let value): return ONNX.Tensor(node.name, [value], shape: [])
      case .floats(let values): return ONNX.Tensor(node.name, values, shape: [values.count])
      case .integer(let value): return ONNX.Tensor(node.name, integers: [value], shape: [])
      case .integers(let values): return ONNX.Tensor(node.name, integers: values, shape: [values.count])
      default: break
      }
    }
    throw Reason("it holds no numbers")
  }

  private func changed(_ tensor: ONNX.Tensor, _ node: ONNX.Node) throws(Reason) -> ONNX.Tensor {
    switch node.type {
    case "Identity", "Cast": return tensor
    case "Transpose":
      let (values, rows, columns) = try table(tensor)
      if case .integers(let order) = node["perm"], order == [0, 1] { return tensor }
      var turned = values
      for row in 0..<rows {
        for column in 0..<columns { turned[column * rows + row] = values[row * columns + column] }
      }
      return ONNX.Tensor(tensor.name, doubles: turned, shape: [columns, rows])
    default: throw Reason("it is no part of a dense network")
    }
  }

  /// Operators on rows alone.
  private func apply(_ node: ONNX.Node, to stack: inout ONNXStack) throws(Reason) {
    guard stack.activation != "softmax" || ["Identity", "Cast", "Flatten", "Dropout"].contains(node.type)
    else {
      throw Reason("it comes behind a softmax")
    }
    switch node.type {
    case "Relu": try stack.activate("relu")
    case "Tanh": try stack.activate("tanh")
    case "Sigmoid": try stack.activate("sigmoid")
    case "Softmax":
      let axis = integer(node["axis"], or: -1)
      guard axis == -1 || axis == 1 else { throw Reason("its axis is \(axis), not that of the features") }
      try stack.activate("softmax")
    case "Identity", "Dropout": break
    case "Cast":
      let type = ONNX.ElementType(rawValue: Int32(truncatingIfNeeded: integer(node["to"], or: 1)))
      guard type == .float || type == .double else { throw Reason("it makes \(type)s of the rows") }
    case "Flatten":
      let axis = integer(node["axis"], or: 1)
      guard axis == 1 else { throw Reason("its axis is \(axis), not 1") }
      stack.flatten()
    case "Scaler":
      guard case .floats(let offset) = node["offset"] ?? .floats([0]),
        case .floats(let scale) = node["scale"] ?? .floats([1]), !offset.isEmpty, !scale.isEmpty
      else { throw Reason("it has no numbers to scale by") }
      try stack.scale(mean: offset.map { Double($0) }, inverse: scale.map { Double($0) })
    default: throw Reason("it is no part of a dense network")
    }
  }

  /// Operators on rows and numbers of the file.
  private func apply(
    _ node: ONNX.Node, _ tensor: ONNX.Tensor, _ third: Known?, to stack: inout ONNXStack
  ) throws(Reason) {
    switch node.type {
    // What it drops, it drops in training only.
    case "Dropout":
      if case .constant(let isTraining) = third, try numbers(isTraining) != [0] {
        throw Reason("it drops features")
      }
      return
    case "Reshape":
      let sizes = try numbers(tensor)
      if sizes.count == 2, sizes[0] <= 0, sizes[1] == -1 || stack.width.map(Double.init) == sizes[1] {
        stack.flatten()
      } else if sizes == [-1, 1] {
        // So skl2onnx writes several outputs of a regression, one below the other: nothing can come behind that.
        stack.stand()
      } else {
        throw Reason("it gives the rows another shape: \(sizes)")
      }
      return
    default: break
    }
    guard stack.activation != "softmax" else { throw Reason("it comes behind a softmax") }
    switch node.type {
    case "Add": try stack.scale(mean: try vector(tensor).map { -$0 }, inverse: [1])
    case "Sub": try stack.scale(mean: try vector(tensor), inverse: [1])
    case "Mul": try stack.scale(mean: [0], inverse: try vector(tensor))
    case "Div": try stack.scale(mean: [0], inverse: try vector(tensor).map { 1 / $0 })
    case "MatMul":
      let (kernel, inputs, units) = try table(tensor)
      try stack.multiply(kernel: kernel, inputs: inputs, units: units)
    case "Gemm":
      guard integer(node["transA"], or: 0) == 0 else { throw Reason("it transposes the rows") }
      var (kernel, inputs, units) = try table(tensor)
      if integer(node["transB"], or: 0) != 0 {
        let given = kernel
        for row in 0..<inputs {
          for column in 0..<units { kernel[column * inputs + row] = given[row * units + column] }
        }
        swap(&inputs, &units)
      }
      let alpha = number(node["alpha"])
      if alpha != 1 { kernel = kernel.map { $0 * alpha } }
      try stack.multiply(kernel: kernel, inputs: inputs, units: units)
      switch third {
      case nil: break
      case .constant(let bias):
        let beta = number(node["beta"])
        try stack.scale(mean: try vector(bias).map { -$0 * beta }, inverse: [1])
      default: throw Reason("its bias is not in the file")
      }
    default: throw Reason("it is no part of a dense network")
    }
  }

  /// Operators on numbers of the file and rows.
  private func apply(_ node: ONNX.Node, from tensor: ONNX.Tensor, to stack: inout ONNXStack) throws(Reason) {
    guard stack.activation != "softmax" else { throw Reason("it comes behind a softmax") }
    switch node.type {
    case "Add": try stack.scale(mean: try vector(tensor).map { -$0 }, inverse: [1])
    case "Mul": try stack.scale(mean: [0], inverse: try vector(tensor))
    // c − x = (x − c) · −1
    case "Sub": try stack.scale(mean: try vector(tensor), inverse: [-1])
    default: throw Reason("it is no part of a dense network")
    }
  }

  // MARK: Numbers

  private func integer(_ content: ONNX.Attribute.Content?, or otherwise: Int64) -> Int64 {
    if case .integer(let value) = content { value } else { otherwise }
  }

  private func number(_ content: ONNX.Attribute.Content?) -> Double {
    if case .float(let value) = content { Double(value) } else { 1 }
  }

  private func numbers(_ tensor: ONNX.Tensor) throws(Reason) -> [Double] {
    do throws(MaquetteError) {
      return try tensor.doubles()
    } catch {
      throw Reason(error.message)
    }
  }

  /// One number, or one for each column.
  private func vector(_ tensor: ONNX.Tensor) throws(Reason) -> [Double] {
    let values = try numbers(tensor)
    guard values.count == tensor.shape.last ?? 1, !values.isEmpty else {
      throw Reason("\(quoted(tensor.name)) of the shape \(tensor.shape) is no number for each feature")
    }
    return values
  }

  private func table(_ tensor: ONNX.Tensor) throws(Reason) -> (values: [Double], rows: Int, columns: Int) {
    guard tensor.shape.count == 2 else {
      throw Reason("\(quoted(tensor.name)) of the shape \(tensor.shape) is no table of weights")
    }
    return (try numbers(tensor), tensor.shape[0], tensor.shape[1])
  }
}
