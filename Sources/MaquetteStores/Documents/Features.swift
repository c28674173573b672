import MaquetteFormats
import MaquetteSystem

/// The numbers of one instance: flat, with the shape they had as nested arrays.
struct Features: Sendable, Equatable {
  /// The lengths of the nested arrays, from the outside in; their product is the number of values, at least 1.
  let shape: [Int]
  let values: [Float]

  /// How many numbers a row of the dataset has.
  var width: Int { values.count }

  /// Reads a rectangular array of numbers, nested at will; nil for JSON of any other form.
  ///
  /// - Throws: ``MaquetteError/Code/notFinite`` for a number that no 32-bit float holds.
  init?(_ json: JSON, of id: @autoclosure () -> String) throws(MaquetteError) {
    var shape: [Int] = []
    var level = json
    while case .array(let elements) = level {
      guard let first = elements.first else { return nil }
      shape.append(elements.count)
      level = first
    }
    guard !shape.isEmpty, case .number = level else { return nil }
    var values: [Float] = []
    guard Self.collect(json, shape[...], into: &values) else { return nil }
    if let odd = values.firstIndex(where: { !$0.isFinite }) {
      throw MaquetteError(
        .notFinite,
        "value \(odd) of the x of instance \(id()) is not a finite 32-bit number: features must lie within ±3.4e38",
        name: "x")
    }
    self.shape = shape
    self.values = values
  }

  init(shape: [Int], values: [Float]) {
    self.shape = shape
    self.values = values
  }

  private static func collect(_ json: JSON, _ shape: ArraySlice<Int>, into values: inout [Float]) -> Bool {
    guard let length = shape.first else {
      guard case .number(let value) = json else { return false }
      values.append(Float(value))
      return true
    }
    guard case .array(let elements) = json, elements.count == length else { return false }
    return elements.allSatisfy { collect($0, shape.dropFirst(), into: &values) }
  }

  /// The numbers as the nested arrays they came from.
  var json: JSON {
    var place = 0
    func build(_ shape: ArraySlice<Int>) -> JSON {
      guard let length = shape.first else {
        defer { place += 1 }
        return place < values.count ? .number(Double(values[place])) : .null
      }
      return .array((0..<length).map { _ in build(shape.dropFirst()) })
    }
    return build(shape[...])
  }
}

extension Features {
  /// The shape as a store keeps it beside the numbers: nil for a flat row, whose length says it all.
  var shapeText: String? {
    shape.count == 1 ? nil : JSON.array(shape.map { JSON($0) }).description
  }

  /// Reads what ``shapeText`` gave; nil unless it fits `count` numbers.
  static func shape(_ text: String?, count: Int) -> [Int]? {
    guard let text else { return [count] }
    guard let lengths = (try? JSON(parsing: text))?.array, !lengths.isEmpty, lengths.count <= 256 else {
      return nil
    }
    var shape: [Int] = []
    var product = 1
    for length in lengths {
      guard let length = length.integer, length > 0 else { return nil }
      let (next, overflow) = product.multipliedReportingOverflow(by: length)
      guard !overflow else { return nil }
      product = next
      shape.append(length)
    }
    return product == count ? shape : nil
  }
}
