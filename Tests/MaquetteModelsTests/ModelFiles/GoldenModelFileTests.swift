import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteSystem
import TestSupport
import Testing

@testable import MaquetteModels

/// Files that Tests/Fixtures/make_model_files.py wrote once, and what they predict.
struct GoldenModel: CustomTestStringConvertible, Sendable {
  let kind: String
  let paths: [String]
  let labels: [String]?
  let parameters: JSONObject
  let queries: [[Float]]
  let predictions: [[Float]]
  var testDescription: String { paths.first?.fileName ?? "" }

  static let folder =
    "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/") + "/Fixtures/models/"
  static let own = read("1/")
  static let others = read("others/")

  private static func read(_ name: String) -> [GoldenModel] {
    guard let bytes = readFile(folder + name + "expected.json"), let json = try? JSON(parsing: bytes) else {
      return []
    }
    func numbers(_ json: JSON?) -> [[Float]] {
      (json?.array ?? []).map { ($0.array ?? []).map { Float($0.number ?? .nan) } }
    }
    return (json["models"]?.array ?? []).map { model in
      GoldenModel(
        kind: model["kind"]?.string ?? "",
        paths: (model["files"]?.array ?? []).map { folder + name + ($0.string ?? "") },
        labels: model["labels"]?.array?.compactMap(\.string), parameters: model["parameters"]?.object ?? [:],
        queries: numbers(json["queries"]), predictions: numbers(model["predictions"]))
    }
  }
}

@Suite struct `Golden model files` {
  @Test(arguments: GoldenModel.own)
  func `of this version and those before predict what they did`(golden: GoldenModel) throws {
    let model = try ModelKinds.make(golden.kind)
    #expect(try model.upload(from: golden.paths).document["metadata"]?["note"] == "golden")
    for (name, value) in golden.parameters.members {
      #expect(model.parameterValues[name] == value, "\(name)")
    }
    let answers = try model.predictions(of: Matrix(golden.queries))
    #expect(try answers.difference(from: Matrix(golden.predictions)) < 1e-5)
  }

  @Test(arguments: GoldenModel.others)
  func `of other programs predict what they do there`(golden: GoldenModel) throws {
    let model = try ModelKinds.model(from: ModelFiles(reading: golden.paths))
    #expect(type(of: model).kind == golden.kind)
    let answers = try model.predictions(of: Matrix(golden.queries))
    #expect(try answers.difference(from: Matrix(golden.predictions)) < 1e-5)
    if let labels = golden.labels { #expect((model as? any Classifier)?.labels == labels) }
    // The first file alone leads to the others.
    let same = try ModelKinds.model(from: ModelFiles(reading: [golden.paths[0]]))
    #expect(try same.predictions(of: Matrix(golden.queries)) == answers)
    // What was read can be written, and taught.
    let copy = try ModelKinds.make(golden.kind)
    try copy.upload(model.downloaded())
    #expect(try copy.predictions(of: Matrix(golden.queries)) == answers)
  }

  @Test func `are there`() {
    #expect(GoldenModel.own.count == 14 && GoldenModel.others.count == 15)
  }

  @Test func `of FluCoMa's DataSet go into a dataset`() throws {
    let dataset = try Dataset("points", in: DataStore("memory:"))
    #expect(try dataset.upload(from: GoldenModel.folder + "others/flucoma-dataset.json") == 5)
    let page = try dataset.find(Query())
    #expect(page.data.first?["identifier"] == "point-0" && page.data.first?["x"]?.array?.count == 4)
  }
}
