import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteSystem
import Synchronization
import TestSupport
import Testing

@testable import MaquetteModels

@Suite struct `A model in ONNX Runtime` {
  static let canRun = (try? ONNXRuntimeLibrary.load()) != nil

  @Test func `needs it, and says so where it is not`() throws {
    for (name, reason) in [("/nowhere/libonnxruntime.so", "not here"), ("libc.so.6", "OrtGetApiBase")] {
      let error = failure { _ = try ONNXRuntimeLibrary([name]) }
      #expect(error?.code == .unsupported && error?.name == name)
      #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
    }
  }

  @Test(
    .enabled(if: canRun),
    arguments: ONNXFixture.names.filter { !["sklearn-binary", "sklearn-integers"].contains($0) })
  func `predicts what it predicts elsewhere`(name: String) throws {
    let fixture = try ONNXFixture(name)
    let model = try ONNXModel(fixture.bytes)
    #expect(try model.predict(fixture.rows).difference(from: fixture.predictions) < 1e-6)
    #expect(model.fittedModel?.features == fixture.rows.columns)
    #expect(model.fittedModel?.outputs == fixture.predictions.columns)
  }

  @Test(.enabled(if: canRun)) func `is a classifier with the labels that it is given`() throws {
    let fixture = try ONNXFixture("torch-logits-script")
    let model = try ONNXModel(fixture.bytes, classLabels: ["a", "b", "c"], softmax: true)
    let row = try Matrix([fixture.rows[row: 0]])
    let logits = fixture.predictions[row: 0]
    let answer = try model.readyModel().json(of: row)[0]
    let best = try #require(logits.indices.max { logits[$0] < logits[$1] })
    #expect(answer["label"]?.string == ["a", "b", "c"][best])
    let confidences = (answer["confidences"]?.object?.members ?? []).compactMap(\.value.number)
    #expect(abs(confidences.reduce(0, +) - 1) < 1e-6)
    // Taken away, they are numbers again.
    try model.setParameters(["classLabels": [], "softmax": false])
    #expect(try model.readyModel().json(of: row)[0].array?.count == 3)
    #expect(try model.predict(row).difference(from: Matrix([logits])) < 1e-6)
  }

  @Test(.enabled(if: canRun)) func `has the labels that a file of ours brings`() throws {
    let samples = try Kinds.samples()
    let classifier = try Kinds.trained("mlp-classifier", on: samples)
    let model = ONNXModel()
    try model.upload(classifier.downloaded(as: "onnx"))
    #expect(model.labels == (classifier as? any Classifier)?.labels)
    #expect(
      try model.predict(samples.features).difference(from: classifier.predictions(of: samples.features))
        < 1e-5)
  }

  @Test(.enabled(if: canRun)) func `takes only what goes with the file`() throws {
    let bytes = try ONNXFixture("torch-softmax-script").bytes
    for (parameters, name) in [
      (["output": "label"], "output"), (["input": "nothing"], "input"),
      (["classLabels": ["a", "b"]], "classLabels"),
      (["classLabels": ["a", "b", "b"]], "classLabels"),
    ] as [(JSONObject, String)] {
      let model = ONNXModel()
      try model.setParameters(parameters)
      let error = failure { try model.read(bytes) }
      #expect(error?.code == .badParameter && error?.name == name, "\(error?.message ?? "")")
      #expect(model.fittedModel == nil)
      // Set later, they have no effect, and the log says so.
      let other = try ONNXModel(bytes)
      try other.setParameters(parameters)
      #expect(other.fittedModel?.outputs == 3)
    }
    let model = ONNXModel()
    try model.setParameters(["input": "rows", "output": "out"])
    try model.read(bytes)
    let zipMap = failure { _ = try ONNXModel(ONNXFixture("sklearn-binary").bytes) }
    #expect(zipMap?.code == .unsupported && zipMap?.message.contains("zipmap") == true)
  }

  @Test(.enabled(if: canRun)) func `refuses graphs that do not take rows of numbers`() throws {
    func error(_ inputs: [ONNX.Value], _ node: ONNX.Node = ONNX.Node("Relu", ["x"], ["y"])) -> MaquetteError?
    {
      var file = ONNX.Model()
      file.graph.name = "g"
      file.graph.nodes = [node]
      file.graph.inputs = inputs
      file.graph.outputs = [ONNX.Value("y", .float, [.dynamic("n"), .size(2)])]
      return failure { _ = try ONNXModel(file.bytes) }
    }
    func x(_ type: ONNX.ElementType, _ shape: [ONNX.Value.Dimension]?) -> ONNX.Value {
      ONNX.Value("x", type, shape)
    }
    #expect(error([x(.float, [.dynamic("n"), .size(2)])]) == nil)
    #expect(error([x(.float, [.size(1), .size(2)])]) == nil)
    #expect(error([x(.int64, [.dynamic("n"), .size(2)])])?.message.contains("int64s") == true)
    #expect(error([x(.float, [.size(8), .size(2)])])?.message.contains("8 rows at once") == true)
    #expect(error([x(.float, [.dynamic("n"), .dynamic("m")])])?.message.contains("any width") == true)
    #expect(error([x(.float, [.dynamic("n"), .size(.max), .size(.max)])])?.code == .unsupported)
    #expect(error([x(.float, nil)])?.message.contains("no shape") == true)
    #expect(error([])?.message.contains("0 inputs") == true)
    #expect(
      error([x(.float, [.dynamic("n"), .size(2)])], ONNX.Node("Nonsense", ["x"], ["y"]))?.code == .badFormat)
  }

  @Test(.enabled(if: canRun)) func `predicts in many threads at once`() throws {
    let fixture = try ONNXFixture("torch-softmax-script")
    let model = try ONNXModel(fixture.bytes)
    let wrong = Atomic<Int>(0)
    try Workers.forEachBlock(of: 1, rows: 64) { _ in
      if (try? model.predict(fixture.rows).difference(from: fixture.predictions) < 1e-6) != true {
        wrong.add(1, ordering: .relaxed)
      }
    }
    #expect(wrong.load(ordering: .relaxed) == 0)
  }
}
