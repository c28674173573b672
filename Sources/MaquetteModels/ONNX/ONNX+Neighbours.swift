import MaquetteFormats
import MaquetteKernels
import MaquetteSystem

extension ModelArchive {
  /// Nearest neighbours as operators. Distances are summed in doubles and ordered as floats: what is equal here is equal
  /// there, and of equals the earlier row counts in both.
  func onnxNeighbours(_ kind: String) throws(MaquetteError) -> [UInt8] {
    let file = try SafeTensors(parsing: try file("model.safetensors"), as: "model.safetensors")
    let rows = try file.matrix("rows")
    let settings = try neighbourSettings(kind)
    var graph = ONNXGraph(kind: kind, features: rows.columns)
    let given = graph.tensor("rows", rows)
    let nearest = graph.nearest(to: given, count: min(settings.k, rows.rows), settings)
    let ids = (file["ids"]?.doubles ?? []).map { JSON($0) }

    if kind == KNNRegressor.kind {
      let targets = try file.matrix("targets")
      let known = graph.tensor("targets", targets)
      let found = graph.cast(graph.node("Gather", known, nearest.places), to: .double)
      graph.average(found, nearest, settings, to: "y")
      graph.output("y", .float, width: targets.columns)
      return try graph.bytes(of: self, kind: kind, extra: ["ids": .array(ids)])
    }

    let labels = try labels()
    guard let codes = file["labels"]?.integers else {
      throw MaquetteError(.badFormat, "the stored knn-classifier must hold a label for each row")
    }
    let known = graph.integers("codes", codes.map { Int64($0) })
    let found = graph.unsqueeze(graph.node("Gather", known, nearest.places), axis: 2)
    let every = graph.integers("every_label", labels.indices.map { Int64($0) })
    let votes = graph.cast(graph.node("Equal", found, every), to: .double)
    guard settings.rejectDistance > 0 else {
      graph.average(votes, nearest, settings, to: "probabilities")
      graph.finishClassifier("probabilities", labels: labels.count)
      return try graph.bytes(of: self, kind: kind, extra: ["ids": .array(ids)])
    }
    // Of a row that is too far all confidences are 0, and the label is −1.
    let confidences = graph.average(votes, nearest, settings)
    let least = graph.cast(
      graph.reduce("ReduceMin", nearest.distances, axis: 1, keepingAxis: true), to: .double)
    let limit = graph.double("reject_distance", settings.rejectDistance)
    let isNear = graph.node("LessOrEqual", least, limit)
    graph.node("Mul", confidences, graph.cast(isNear, to: .float), to: "probabilities")
    let one = graph.integers("one", [1])
    let known1 = graph.node("Squeeze", graph.cast(isNear, to: .int64), one)
    let label = graph.node("Mul", graph.argMax(confidences), known1)
    graph.node("Add", label, graph.node("Sub", known1, one), to: "label")
    graph.output("label", .int64, width: nil)
    graph.output("probabilities", .float, width: labels.count)
    return try graph.bytes(of: self, kind: kind, extra: ["ids": .array(ids)])
  }

  /// The settings that the archived model predicts with.
  private func neighbourSettings(_ kind: String) throws(MaquetteError) -> NeighbourSettings {
    if kind == KNNClassifier.kind {
      let model = KNNClassifier()
      try model.setParameters(try model.storedParameters(self))
      return try model.checkedSettings()
    }
    let model = KNNRegressor()
    try model.setParameters(try model.storedParameters(self))
    return try model.checkedSettings()
  }
}

/// The nearest rows to each row: [batch, k] each.
private struct Nearest {
  let places: String
  /// As 32-bit floats, as they are here.
  let distances: String
}

extension ONNXGraph {
  fileprivate mutating func nearest(
    to rows: String, count: Int, _ settings: NeighbourSettings
  ) -> Nearest {
    let k = integers("k", [Int64(count)])
    func topK(_ scores: String, largest: Bool, _ graph: inout ONNXGraph) -> (scores: String, places: String) {
      let places = "nearest"
      let attributes = [
        ONNX.Attribute("axis", .integer(1)), ONNX.Attribute("largest", .integer(largest ? 1 : 0)),
      ]
      return (graph.node("TopK", scores, k, attributes: attributes, and: [places]), places)
    }
    switch settings.metric {
    case .manhattan:
      // There is no product to tell these distances by: [batch, rows, features] numbers are held at once.
      let differences = node("Sub", unsqueeze(Self.input, axis: 1), rows)
      let (scores, places) = topK(sum(node("Abs", differences), axis: 2), largest: false, &self)
      return Nearest(places: places, distances: scores)
    case .cosine:
      let queries = unitLength(cast(Self.input, to: .double))
      let directions = unitLength(cast(rows, to: .double))
      let cosines = cast(node("MatMul", queries, node("Transpose", directions)), to: .float)
      let (scores, places) = topK(cosines, largest: true, &self)
      let one = tensor("whole", [1], shape: [])
      return Nearest(places: places, distances: node("Relu", node("Sub", one, scores)))
    case .euclidean:
      // |x|² − 2 x·r + |r|² finds the rows; how far they are is then told by their differences, exactly 0 at the place
      // of a row.
      let (queries, remembered) = (cast(Self.input, to: .double), cast(rows, to: .double))
      let products = node(
        "Mul", node("MatMul", queries, node("Transpose", remembered)), double("minus_two", -2))
      let lengths = sum(node("Mul", queries, queries), axis: 1, keepingAxis: true)
      let others = sum(node("Mul", remembered, remembered), axis: 1)
      let squares = cast(node("Add", node("Add", products, others), lengths), to: .float)
      let (_, places) = topK(squares, largest: false, &self)
      let differences = node("Sub", unsqueeze(queries, axis: 1), node("Gather", remembered, places))
      let exact = sum(node("Mul", differences, differences), axis: 2)
      return Nearest(places: places, distances: node("Sqrt", cast(exact, to: .float)))
    }
  }

  /// Rows divided by their lengths; a row of zeros stays one.
  private mutating func unitLength(_ rows: String) -> String {
    let length = node("Sqrt", sum(node("Mul", rows, rows), axis: 1, keepingAxis: true))
    return node("Div", rows, node("Max", length, double("tiny", 1e-300)))
  }

  /// The mean of what the neighbours say, [batch, k, width] doubles, weighted as the settings have it; as floats.
  @discardableResult
  fileprivate mutating func average(
    _ found: String, _ nearest: Nearest, _ settings: NeighbourSettings, to name: String? = nil
  ) -> String {
    guard settings.weights == .distance else {
      return cast(reduce("ReduceMean", found, axis: 1), to: .float, to: name)
    }
    // Where a neighbour is at the very place, those that are count alike, and no others.
    let (isZero, divisors) = zeros(of: cast(nearest.distances, to: .double))
    let one = double("unity", 1)
    let hasExact = reduce("ReduceMax", isZero, axis: 1, keepingAxis: true)
    let inverse = node("Mul", node("Div", one, divisors), node("Sub", one, hasExact))
    let weights = node("Add", inverse, node("Mul", isZero, hasExact))
    let shares = node("Div", weights, sum(weights, axis: 1, keepingAxis: true))
    return cast(sum(node("Mul", found, unsqueeze(shares, axis: 2)), axis: 1), to: .float, to: name)
  }
}
