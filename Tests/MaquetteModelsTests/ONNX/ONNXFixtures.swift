import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteSystem
import TestSupport
import Testing

@testable import MaquetteModels

/// What Tests/Fixtures/make_onnx_fixtures.py wrote down: files of PyTorch's and scikit-learn's exporters, and what ONNX
/// Runtime predicts with them.
struct ONNXFixture {
  let name: String
  let kind: String
  let bytes: [UInt8]
  let rows: Matrix
  let predictions: Matrix
  let labels: [String]?

  private static let folder =
    "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/") + "/Fixtures/onnx/"

  private static let expected =
    readFile(folder + "expected.json").flatMap { try? JSON(parsing: $0, as: "expected.json") }?.object ?? [:]

  static let names = expected.names
  static let networks = names.filter { expected[$0]?["kind"]?.string != "onnx-model" }

  init(_ name: String) throws {
    let entry = try #require(Self.expected[name])
    self.name = name
    kind = try #require(entry["kind"]?.string)
    bytes = try #require(readFile(Self.folder + name + ".onnx"))
    func matrix(_ json: JSON?) throws -> Matrix {
      try Matrix((json?.array ?? []).map { ($0.array ?? []).map { Float($0.number ?? .nan) } })
    }
    rows = try matrix(entry["rows"])
    predictions = try matrix(entry["predictions"])
    labels = entry["labels"]?.array?.compactMap(\.string)
  }
}

extension Model {
  /// The model in an ONNX file.
  func read(_ bytes: [UInt8]) throws {
    try upload([StoredFile(name: "model.onnx", bytes: bytes)])
  }
}
