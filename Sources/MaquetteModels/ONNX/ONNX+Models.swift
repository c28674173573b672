import MaquetteFormats
import MaquetteKernels
import MaquetteSystem

// Models as graphs of ONNX's operators: opset 13, so that also older engines read them.

extension ModelArchive {
  /// The kinds of which ``onnx(kind:)`` makes a graph.
  static let onnxKinds = [
    MLPClassifier.kind, MLPRegressor.kind, KNNClassifier.kind, KNNRegressor.kind, KMeansClustering.kind,
    PCA.kind,
  ]

  /// The archived model as an ONNX file: input `x` [batch, features]; of classifiers outputs `label` (the index of the
  /// label) and `probabilities`, of a clustering `cluster` and `confidences`, of others `y`.
  ///
  /// - Throws: ``MaquetteError/Code/unsupported`` for a kind that can't be said so; ``MaquetteError/Code/badFormat``.
  func onnx(kind: String) throws(MaquetteError) -> [UInt8] {
    switch kind {
    case MLPClassifier.kind, MLPRegressor.kind: try onnxNetwork(kind)
    case KNNClassifier.kind, KNNRegressor.kind: try onnxNeighbours(kind)
    case KMeansClustering.kind: try onnxClusters()
    case PCA.kind: try onnxComponents()
    default:
      throw MaquetteError(
        .unsupported,
        "a \(kind) can't be written as ONNX, whose operators can't say what it does; these can: "
          + Self.onnxKinds.joined(separator: ", "), name: kind)
    }
  }

  private func onnxNetwork(_ kind: String) throws(MaquetteError) -> [UInt8] {
    let network = try layersModel()
    guard let first = network.layers.first, let last = network.layers.last else {
      throw MaquetteError(.badFormat, "the stored network has no layers")
    }
    let isClassifier = kind == MLPClassifier.kind
    var graph = ONNXGraph(kind: kind, features: first.inputs)
    var rows = ONNXGraph.input
    if let normalization = network.normalization {
      let shape = [first.inputs]
      rows = graph.node("Sub", rows, graph.tensor("mean", normalization.mean, shape: shape))
      rows = graph.node("Mul", rows, graph.tensor("inverse", normalization.inverse, shape: shape))
    }
    let operators = ["relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid", "softmax": "Softmax"]
    for (index, layer) in network.layers.enumerated() {
      let result = index + 1 < network.layers.count ? nil : isClassifier ? "probabilities" : "y"
      let kernel = graph.tensor(layer.name + "/kernel", layer.kernel, shape: [layer.inputs, layer.units])
      let bias = graph.tensor(layer.name + "/bias", layer.bias, shape: [layer.units])
      let activation = operators[layer.activation]
      rows = graph.node("Gemm", rows, kernel, bias, to: activation == nil ? result : nil)
      guard let activation else { continue }
      let axis = activation == "Softmax" ? [ONNX.Attribute("axis", .integer(1))] : []
      rows = graph.node(activation, rows, attributes: axis, to: result)
    }
    if isClassifier {
      graph.finishClassifier(rows, labels: last.units)
    } else {
      graph.output("y", .float, width: last.units)
    }
    return try graph.bytes(of: self, kind: kind)
  }

  private func onnxClusters() throws(MaquetteError) -> [UInt8] {
    let file = try SafeTensors(parsing: try file("model.safetensors"), as: "model.safetensors")
    let centers = try file.matrix("centers")
    var graph = ONNXGraph(kind: KMeansClustering.kind, features: centers.columns)
    // The squared distances to all centers, in doubles, as exact as they are here.
    let given = graph.tensor("centers", centers)
    let rows = graph.unsqueeze(graph.cast(ONNXGraph.input, to: .double), axis: 1)
    let difference = graph.node("Sub", rows, graph.cast(given, to: .double))
    let distances = graph.sum(graph.node("Mul", difference, difference), axis: 2)
    // least / distance, and 1 at a center; divided by their sum.
    let (isZero, divisors) = graph.zeros(of: distances)
    let ratios = graph.node("Div", graph.reduce("ReduceMin", distances, axis: 1, keepingAxis: true), divisors)
    let shares = graph.node("Add", isZero, ratios)
    let memberships = graph.node("Div", shares, graph.sum(shares, axis: 1, keepingAxis: true))
    let confidences = graph.cast(memberships, to: .float, to: "confidences")
    _ = graph.argMax(confidences, to: "cluster")
    graph.output("cluster", .int64, width: nil)
    graph.output("confidences", .float, width: centers.rows)
    return try graph.bytes(
      of: self, kind: KMeansClustering.kind,
      extra: [
        "counts": .array((file["counts"]?.doubles ?? []).map { JSON($0) }),
        "inertia": JSON(file["inertia"]?.doubles?.first ?? 0),
      ])
  }

  private func onnxComponents() throws(MaquetteError) -> [UInt8] {
    let file = try SafeTensors(parsing: try file("model.safetensors"), as: "model.safetensors")
    let components = try file.matrix("components")
    let mean = try file.matrix("mean")
    let variances = try file.matrix("explainedVariance")
    guard mean.rows == 1, variances.rows == 1, variances.columns == components.rows else {
      throw MaquetteError(.badFormat, "the stored pca must hold a mean, and a variance for each component")
    }
    let isWhite = metadata["whiten"]?.bool ?? false
    var graph = ONNXGraph(kind: PCA.kind, features: components.columns)
    let centered = graph.node(
      "Sub", ONNXGraph.input, graph.tensor("mean", mean[row: 0], shape: [mean.columns]))
    let directions = graph.tensor("components", components)
    let scores = graph.node(
      "Gemm", centered, directions, attributes: [ONNX.Attribute("transB", .integer(1))],
      to: isWhite ? nil : "y")
    if isWhite {
      // A direction without any variance says nothing.
      let factors = variances[row: 0].map { $0 > 0 ? 1 / $0.squareRoot() : 0 }
      graph.node("Mul", scores, graph.tensor("factors", factors, shape: [factors.count]), to: "y")
    }
    graph.output("y", .float, width: components.rows)
    return try graph.bytes(
      of: self, kind: PCA.kind,
      extra: [
        "explainedVariance": .array(variances[row: 0].map { JSON(Double($0)) }),
        "totalVariance": JSON(file["totalVariance"]?.doubles?.first ?? 0),
      ])
  }
}

extension ONNXGraph {
  mutating func finishClassifier(_ probabilities: String, labels: Int) {
    _ = argMax(probabilities, to: "label")
    output("label", .int64, width: nil)
    output("probabilities", .float, width: labels)
  }

  /// 1 where a number is 0, and 0 elsewhere; and the numbers with that added, to divide by.
  mutating func zeros(of numbers: String) -> (isZero: String, divisors: String) {
    let isZero = cast(node("Equal", numbers, double("zero", 0)), to: .double)
    return (isZero, node("Add", numbers, isZero))
  }
}
