import Glibc
import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteSystem
import TestSupport
import Testing

@testable import MaquetteModels

@Suite struct `A model in an ONNX file` {
  static let variants: [(kind: String, parameters: JSONObject)] = [
    ("mlp-classifier", [:]),
    ("mlp-classifier", ["standardize": true, "activation": "tanh", "layers": [5, 4]]),
    ("mlp-regressor", ["activation": "sigmoid"]), ("mlp-regressor", ["standardize": true]),
    ("knn-classifier", [:]), ("knn-classifier", ["metric": "euclidean", "weights": "distance", "k": 5]),
    ("knn-classifier", ["metric": "manhattan", "rejectDistance": 2]), ("knn-regressor", ["k": 100]),
    ("kmeans-clustering", [:]), ("pca", [:]), ("pca", ["whiten": true]),
  ]

  @Test(arguments: variants)
  func `comes back as what it was`(kind: String, parameters: JSONObject) throws {
    let samples = try Kinds.samples()
    let model = try Kinds.trained(kind, on: samples, parameters)
    let files = try model.downloaded(as: "onnx", metadata: ["note": "mine"])
    #expect(files.map(\.name) == [kind + ".onnx"])
    let copy = try ModelKinds.model(from: ModelFiles(files))
    #expect(type(of: copy).kind == kind)
    #expect(copy.parameterValues == model.parameterValues)
    // As the stored model: nothing of it is rounded.
    #expect(try copy.predictions(of: samples.features) == model.predictions(of: samples.features))
    #expect(try copy.downloaded(as: "onnx", metadata: ["note": "mine"]) == files)
    #expect((copy as? any Classifier)?.labels == (model as? any Classifier)?.labels)
    for other in Kinds.names where other != kind {
      #expect(code { try Kinds.make(other).upload(files) } == .badFormat, "a \(other) took a \(kind)")
    }
  }

  @Test func `goes on learning where its kind can`() throws {
    let samples = try Kinds.samples()
    for kind in ["mlp-classifier", "knn-classifier", "kmeans-clustering"] {
      let model = try Kinds.trained(kind, on: samples)
      let copy = try Kinds.make(kind)
      try copy.upload(model.downloaded(as: "onnx"))
      try copy.learn(Kinds.table(kind, samples), mode: .partial)
      #expect(copy.training.phase == .success)
    }
  }

  @Test func `can't be one of an embedding, whose operators there are not`() throws {
    let model = try Kinds.trained("umap", on: Kinds.samples(30))
    let error = failure { _ = try model.downloaded(as: "onnx") }
    #expect(error?.code == .unsupported && error?.name == "onnx")
    #expect(error?.message.contains("umap") == true)
  }

  // MARK: Files of others

  @Test(arguments: ONNXFixture.networks)
  func `of PyTorch or scikit-learn predicts what ONNX Runtime predicts with it`(name: String) throws {
    let fixture = try ONNXFixture(name)
    let model = try ModelKinds.make(fixture.kind)
    try model.read(fixture.bytes)
    var expected = fixture.predictions
    if name.contains("logits") {
      // What PyTorch leaves to the loss.
      expected = try Matrix(
        (0..<expected.rows).map { row in
          let powers = expected[row: row].map { exp($0) }
          return powers.map { $0 / powers.reduce(0, +) }
        })
    }
    #expect(try model.predictions(of: fixture.rows).difference(from: expected) < 1e-5)
    if let classifier = model as? any Classifier {
      #expect(classifier.labels == fixture.labels ?? (0..<expected.columns).map { String($0) })
    }
    if !name.contains("logits") {
      // Without being told its kind.
      let files = try ModelFiles([StoredFile(name: "f", bytes: fixture.bytes)])
      #expect(type(of: try ModelKinds.model(from: files)).kind == fixture.kind)
    }
  }

  @Test func `with an operator that no dense network has is refused, naming it and its place`() throws {
    let fixture = try ONNXFixture("torch-convolution")
    let error = failure { try MLPClassifier().read(fixture.bytes) }
    #expect(error?.code == .unsupported && error?.name == "Conv")
    #expect(error?.message.contains("node 0") == true)
  }

  /// A graph of one input of 2 features and one output of floats.
  private func file(
    _ nodes: [ONNX.Node], _ tensors: [ONNX.Tensor] = [], width: ONNX.Value.Dimension = .size(2)
  ) -> [UInt8] {
    var model = ONNX.Model()
    model.graph.nodes = nodes
    model.graph.initializers = tensors
    model.graph.inputs = [ONNX.Value("x", .float, [.dynamic("batch"), width])]
    model.graph.outputs = [ONNX.Value("y", .float, nil)]
    return model.bytes
  }

  @Test func `scales and shifts wherever it likes`() throws {
    let kernel = ONNX.Tensor("k", [1, 2, 3, 4], shape: [2, 2])
    let shift = ONNX.Tensor("s", [1, -1], shape: [1, 2])
    let factor = ONNX.Tensor("f", doubles: [2], shape: [])
    // 2 · (relu(((x − s) · 2) K + s) · 2 − s) / s
    let bytes = file(
      [
        ONNX.Node("Sub", ["x", "s"], ["a"]), ONNX.Node("Mul", ["f", "a"], ["b"]),
        ONNX.Node("MatMul", ["b", "k"], ["c"]), ONNX.Node("Add", ["s", "c"], ["d"]),
        ONNX.Node("Relu", ["d"], ["e"]), ONNX.Node("Mul", ["e", "f"], ["g"]),
        ONNX.Node("Sub", ["g", "s"], ["h"]),
        ONNX.Node("Transpose", ["k"], ["t"]), ONNX.Node("MatMul", ["h", "t"], ["i"]),
        ONNX.Node("Sub", ["f", "i"], ["j"]), ONNX.Node("Tanh", ["j"], ["l"]),
        ONNX.Node("Div", ["l", "s"], ["y"]),
      ], [kernel, shift, factor])
    let model = MLPRegressor()
    try model.read(bytes)
    let rows: [[Float]] = [[0, 0], [1, -1], [0.25, 0.5], [-3, 2]]
    for row in rows {
      let b = [(row[0] - 1) * 2, (row[1] + 1) * 2]
      let e = [max(0, b[0] + 3 * b[1] + 1), max(0, 2 * b[0] + 4 * b[1] - 1)]
      let h = [2 * e[0] - 1, 2 * e[1] + 1]
      let expected = zip([2 - (h[0] + 2 * h[1]), 2 - (3 * h[0] + 4 * h[1])], [1, -1] as [Float]).map {
        tanh($0) / $1
      }
      #expect(zip(try model.predict(row), expected).allSatisfy { abs($0 - $1) < 1e-5 }, "\(row)")
    }
  }

  @Test func `that is no network of dense layers is refused, whatever is wrong with it`() throws {
    let kernel = ONNX.Tensor("k", [1, 2, 3, 4], shape: [2, 2])
    let product = ONNX.Node("MatMul", ["x", "k"], ["h"])
    let wide = ONNX.Tensor("w", [1, 2, 3], shape: [3])
    let huge = ONNX.Value.Dimension.size(.max)
    for (nodes, tensors, width, reason) in [
      ([ONNX.Node("Relu", ["x"], ["y"])], [], huge, "layer of its own"),
      ([ONNX.Node("Relu", ["x"], ["y"])], [], .dynamic("n"), "layer of its own"),
      ([product], [kernel], .size(2), "does not come from"),
      ([ONNX.Node("MatMul", ["x", "k"], ["y"])], [kernel], .size(3), "weights are for 2"),
      ([ONNX.Node("MatMul", ["x", "gone"], ["y"])], [kernel], .size(2), "not there"),
      ([ONNX.Node("MatMul", ["k", "x"], ["y"])], [kernel], .size(2), "no part"),
      ([product, ONNX.Node("Add", ["h", "w"], ["y"])], [kernel, wide], .size(2), "3 numbers"),
      ([product, ONNX.Node("Add", ["h", "x"], ["y"])], [kernel], .size(2), "no part"),
      (
        [product, ONNX.Node("Softmax", ["h"], ["s"]), ONNX.Node("Mul", ["s", "k"], ["y"])], [kernel],
        .size(2), "softmax"
      ),
      (
        [ONNX.Node("Gemm", ["x", "k"], ["y"], [ONNX.Attribute("transA", .integer(1))])], [kernel], .size(2),
        "transposes"
      ),
      ([ONNX.Node("LSTM", ["y"], ["y"])], [], .size(2), "LSTM"),
      ([], [], .size(2), "does not come from"),
    ] as [([ONNX.Node], [ONNX.Tensor], ONNX.Value.Dimension, String)] {
      let error = failure { try MLPRegressor().read(file(nodes, tensors, width: width)) }
      #expect(error?.code == .unsupported, "\(reason): \(error?.message ?? "read")")
      #expect(error?.message.contains(reason) == true, "\(error?.message ?? "read")")
    }
  }

  @Test(arguments: ["mlp-classifier", "knn-classifier", "kmeans-clustering", "pca"])
  func `with any bit turned, or cut off, is an error or another model, and no more`(kind: String) throws {
    let parameters: JSONObject = ["mlp-classifier", "pca"].contains(kind) ? [:] : ["k": 2]
    let model = try Kinds.trained(kind, on: Kinds.samples(8, features: 2, labels: 2), parameters)
    let bytes = try model.downloaded(as: "onnx")[0].bytes
    let other = try Kinds.make(kind)
    var random = Random(seed: 1)
    for step in 0..<3000 {
      var damaged = bytes
      if step % 10 == 0 {
        damaged = Array(bytes.prefix(Int(random.next() % UInt64(bytes.count))))
      } else {
        damaged[Int(random.next() % UInt64(bytes.count))] ^= 1 << UInt8(random.next() % 8)
      }
      let error = failure { try other.read(damaged) }
      #expect(error == nil || [.badFormat, .unsupported].contains(error?.code), "\(error?.message ?? "")")
    }
  }
}
