import MaquetteFormats
import MaquetteSystem

/// What models learn from, read out of one record.
extension Record {
  /// The features of the instance.
  ///
  /// - Parameter width: how many there must be; nil: any number.
  /// - Throws: ``MaquetteError/Code/badShape`` naming the instance.
  func featureValues(width: Int?) throws(MaquetteError) -> [Float] {
    if let values = features?.values, values.count == width ?? values.count { return values }
    let reason: String
    switch (features, self["x"]) {
    case (let features?, _): reason = "has \(features.width) features, others have another number"
    case (nil, let x?): reason = "has \(x.kind) as x that is not an array of numbers"
    case (nil, nil): reason = "has no x"
    }
    throw MaquetteError(
      .badShape, "\(title) \(reason): training needs a row of numbers from each instance", name: id.text)
  }

  /// The features of the instance out of another field than `x`.
  ///
  /// - Parameters:
  ///   - field: dots lead into objects and arrays.
  ///   - width: how many there must be; nil: any number.
  /// - Throws: ``MaquetteError/Code/badShape`` or ``MaquetteError/Code/notFinite`` naming the instance.
  func featureValues(of field: String, width: Int?) throws(MaquetteError) -> [Float] {
    guard let value = FieldPath(field).value(in: self) else {
      throw MaquetteError(
        .badShape, "\(title) has no \(quoted(field)): an array of numbers is needed from each", name: id.text)
    }
    guard let features = try Features(value, of: id.text) else {
      throw MaquetteError(
        .badShape, "\(title) has \(value.kind) as \(quoted(field)) that is not an array of numbers",
        name: id.text)
    }
    guard features.width == width ?? features.width else {
      throw MaquetteError(
        .badShape, "\(title) has \(features.width) numbers as \(quoted(field)), others have \(width ?? 0)",
        name: id.text)
    }
    return features.values
  }

  /// `y` as the numbers to be learnt: a number is one of them.
  ///
  /// - Parameter width: how many there must be; nil: any number.
  /// - Throws: ``MaquetteError/Code/badShape``, ``MaquetteError/Code/notFound`` where there is no `y`,
  ///   ``MaquetteError/Code/notFinite``; all name the instance.
  func targetValues(width: Int?) throws(MaquetteError) -> [Float] {
    let values: [Float]
    switch label {
    case .numbers(let numbers): values = numbers
    case .number(let number): values = [Float(number)]
    case .text(let text): throw noNumbers("has the label \(quoted(text)) as y")
    case nil:
      guard let y = fields["y"], !y.isNull else {
        throw MaquetteError(
          .notFound, "\(title) has no y: training needs a number, or an array of them, from each instance",
          name: id.text)
      }
      guard let numbers = Self.numbers(y) else {
        throw noNumbers(
          "has \(y.kind) as y" + (y.array == nil ? "" : " that holds other things than numbers, or nothing"))
      }
      values = numbers
    }
    guard values.count == width ?? values.count else {
      throw MaquetteError(
        .badShape, "targets of mixed width: \(title) has \(values.count), others have \(width ?? 0)",
        name: id.text)
    }
    guard values.allSatisfy(\.isFinite) else {
      throw MaquetteError(
        .notFinite, "the y of \(title) is not within ±3.4e38, as 32-bit floats must be", name: id.text)
    }
    return values
  }

  /// The numbers of a JSON number or a flat array of them; nil for anything else.
  static func numbers(_ y: JSON) -> [Float]? {
    if let number = y.number { return [Float(number)] }
    guard let elements = y.array, !elements.isEmpty else { return nil }
    var numbers: [Float] = []
    numbers.reserveCapacity(elements.count)
    for element in elements {
      guard let number = element.number else { return nil }
      numbers.append(Float(number))
    }
    return numbers
  }

  private var title: String { "instance \(id.text) of dataset \(quoted(dataset ?? ""))" }

  private func noNumbers(_ reason: String) -> MaquetteError {
    MaquetteError(
      .badShape, "\(title) \(reason): numbers are needed, one or an array of them, from each instance",
      name: id.text)
  }
}
