import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteSystem
import TestSupport
import Testing

@testable import MaquetteModels

/// What every kind of regressor keeps to beside what every kind does.
@Suite struct `Every regressor` {
  static let kinds = Kinds.names(for: .regression)

  /// 40 instances; the numbers to be learnt are what `y` makes of them.
  private func dataset(_ name: String, in store: DataStore, y: (Double) -> JSON) throws -> Dataset {
    let dataset = try Dataset(name, in: store)
    for row in 0..<40 {
      let x = Double(row) / 20 - 1
      _ = try dataset.create(["x": [JSON(x), JSON(x * x)], "y": y(3 * x + 1)])
    }
    return dataset
  }

  private func predictions(_ kind: String, _ dataset: Dataset) throws -> Matrix {
    let model = try Kinds.make(kind)
    try model.train(on: dataset)
    try model.wait()
    return try model.predictions(of: Matrix([[0.5, 0.25], [-1, 1], [0, 0]]))
  }

  @Test(arguments: kinds)
  func `learns a number and an array of one alike, and several like each (Marcelle's fault 1)`(
    kind: String
  ) throws {
    let store = try DataStore("memory:")
    let scalar = try predictions(kind, dataset("scalar", in: store) { JSON($0) })
    #expect(try predictions(kind, dataset("array", in: store) { [JSON($0)] }) == scalar)
    #expect(scalar.columns == 1)
    // Not the mean of a mini-batch for all.
    #expect(scalar[0, 0] - scalar[1, 0] > 0.1)
    let pair = try predictions(kind, dataset("pair", in: store) { [JSON($0), JSON(-$0)] })
    #expect(pair.rows == 3 && pair.columns == 2)
  }

  @Test(arguments: kinds)
  func `refuses rows without numbers, of mixed width, or too large for a float, and stays as it was`(
    kind: String
  ) throws {
    let store = try DataStore("memory:")
    let samples = try Kinds.samples(30)
    let model = try Kinds.trained(kind, on: samples)
    let before = try model.predictions(of: samples.features)
    let cases: [(String, (Double) -> JSON, MaquetteError.Code)] = [
      ("mixed", { $0 > 2 ? [JSON($0), 1] : [JSON($0)] }, .badShape),
      ("scalar and pair", { $0 > 2 ? [JSON($0), 1] : JSON($0) }, .badShape),
      ("text", { $0 > 2 ? "much" : JSON($0) }, .badShape), ("empty", { _ in [] }, .badShape),
      ("null", { $0 > 2 ? .null : JSON($0) }, .notFound),
      ("large", { $0 > 2 ? 1e39 : JSON($0) }, .notFinite),
    ]
    for (name, y, expected) in cases {
      let error = failure {
        try model.train(on: dataset(name, in: store, y: y))
        try model.wait()
      }
      #expect(error?.code == expected, "\(name): \(error?.message ?? "nothing")")
      #expect(model.training.phase == .error)
    }
    let features = samples.features
    let narrow = InstanceTable(features: features, targets: try Matrix(rows: 29, columns: 1) { _ in })
    let none = InstanceTable(features: features, targets: try Matrix(rows: 30, columns: 0, []))
    #expect(code { try model.learn(narrow) } == .badShape)
    #expect(code { try model.learn(none) } == .badShape)
    #expect(code { try model.learn(InstanceTable(features: features)) } == .notFound)
    // On top of rows with two numbers each.
    let one = InstanceTable(features: features, targets: try Matrix(rows: 30, columns: 1) { _ in })
    #expect(code { try model.learn(one, mode: .partial) } == .badShape)
    #expect(try model.predictions(of: samples.features) == before)
  }
}
