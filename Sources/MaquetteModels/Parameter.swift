public import MaquetteFormats
public import MaquetteStreams
public import MaquetteSystem

/// A setting of a model: `model.epochs` is the value, `model.$epochs` its stream, and its description is what a host
/// builds a form from.
///
/// Setting it from Swift takes any value of the type; it is checked when it is used, by the training or the
/// prediction. Setting it from JSON checks at once.
@propertyWrapper
public struct Parameter<Value: ParameterValue>: Sendable {
  public let projectedValue: Stream<Value>
  public let name: String
  /// One sentence for people.
  public let summary: String
  public let bounds: ParameterBounds
  public let defaultValue: Value

  public init(
    wrappedValue: Value, _ name: String, _ bounds: ParameterBounds = .init(), _ summary: String
  ) {
    projectedValue = Stream(wrappedValue)
    defaultValue = wrappedValue
    self.name = name
    self.bounds = bounds
    self.summary = summary
  }

  public var wrappedValue: Value {
    get { projectedValue.value ?? defaultValue }
    nonmutating set { projectedValue.set(newValue) }
  }
}

/// What numbers a parameter may have; for a list, each of its elements.
public struct ParameterBounds: Sendable {
  public var minimum: Double?
  public var maximum: Double?
  /// Numbers outside are taken as the nearest inside, instead of being refused.
  public var isClamping = false
  /// How many elements a list may have.
  public var maximumCount: Int?

  public init() {}

  public init(_ range: ClosedRange<Double>, clamping: Bool = false, maximumCount: Int? = nil) {
    minimum = range.lowerBound
    maximum = range.upperBound
    isClamping = clamping
    self.maximumCount = maximumCount
  }
}

/// A type that parameters can have.
public protocol ParameterValue: Sendable, Equatable {
  /// As in a model's schema: `boolean`, `integer`, `number`, `integers`, `choice`,
  /// `text`, `texts`, `classWeights` or `centers`.
  static var typeName: String { get }
  /// What may be chosen from; empty for numbers.
  static var choices: [String] { get }
  init?(json: JSON)
  var json: JSON { get }
  /// The numbers in it that must keep to the bounds.
  var numbers: [Double] { get }
  func clamped(to bounds: ParameterBounds) -> Self
}

extension ParameterValue {
  public static var choices: [String] { [] }
  public func clamped(to bounds: ParameterBounds) -> Self { self }
}

extension Int: ParameterValue {
  public static var typeName: String { "integer" }
  public init?(json: JSON) {
    guard let value = json.integer else { return nil }
    self = value
  }
  public var json: JSON { JSON(self) }
  public var numbers: [Double] { [Double(self)] }
}

extension Double: ParameterValue {
  public static var typeName: String { "number" }
  public init?(json: JSON) {
    guard let value = json.number else { return nil }
    self = value
  }
  public var json: JSON { JSON(self) }
  public var numbers: [Double] { [self] }
  public func clamped(to bounds: ParameterBounds) -> Double {
    isNaN ? self : Swift.min(Swift.max(self, bounds.minimum ?? self), bounds.maximum ?? self)
  }
}

extension Bool: ParameterValue {
  public static var typeName: String { "boolean" }
  public init?(json: JSON) {
    guard let value = json.bool else { return nil }
    self = value
  }
  public var json: JSON { .bool(self) }
  public var numbers: [Double] { [] }
}

extension String: ParameterValue {
  public static var typeName: String { "text" }
  public init?(json: JSON) {
    guard let text = json.string else { return nil }
    self = text
  }
  public var json: JSON { .string(self) }
  public var numbers: [Double] { [] }
}

/// A type of which parameters can have lists.
public protocol ParameterElement: ParameterValue {
  static var listTypeName: String { get }
}

extension Int: ParameterElement {
  public static var listTypeName: String { "integers" }
}

extension String: ParameterElement {
  public static var listTypeName: String { "texts" }
}

extension Array: ParameterValue where Element: ParameterElement {
  public static var typeName: String { Element.listTypeName }
  public init?(json: JSON) {
    guard let elements = json.array else { return nil }
    let values = elements.compactMap { Element(json: $0) }
    guard values.count == elements.count else { return nil }
    self = values
  }
  public var json: JSON { .array(map(\.json)) }
  public var numbers: [Double] { flatMap(\.numbers) }
}

/// One of a few words, such as a metric.
public protocol ParameterChoice: ParameterValue, RawRepresentable, CaseIterable where RawValue == String {}

extension ParameterChoice {
  public static var typeName: String { "choice" }
  public static var choices: [String] { allCases.map(\.rawValue) }
  public init?(json: JSON) {
    guard let word = json.string else { return nil }
    self.init(rawValue: word)
  }
  public var json: JSON { .string(rawValue) }
  public var numbers: [Double] { [] }
}

// MARK: Checking

extension Parameter {
  /// The value, if it may be used.
  ///
  /// - Throws: ``MaquetteError/Code/badParameter`` naming the parameter, the value and what it may be.
  public func checked() throws(MaquetteError) -> Value { try check(wrappedValue) }

  private func check(_ value: Value) throws(MaquetteError) -> Value {
    let value = bounds.isClamping ? value.clamped(to: bounds) : value
    guard value.numbers.count <= bounds.maximumCount ?? .max else { throw refusal(of: value.json) }
    for number in value.numbers {
      guard number >= bounds.minimum ?? number, number <= bounds.maximum ?? number else {
        throw refusal(of: value.json)
      }
    }
    return value
  }

  private func refusal(of json: JSON) -> MaquetteError {
    var text = json.description
    if text.utf8.count > 80 { text = String(text.prefix(80)) + "…" }
    return MaquetteError(.badParameter, "\(name) can't be \(text): it must be \(expectation)", name: name)
  }

  private var expectation: String {
    let choices = Value.choices.map { "\"\($0)\"" }.joined(separator: " or ")
    if Value.typeName == "classWeights" { return choices + ", or an object of labels and numbers from 0" }
    if Value.typeName == "centers" {
      return choices + ", or an array of centers, arrays of numbers of one length"
    }
    if !choices.isEmpty { return choices }
    let type =
      switch Value.typeName {
      case "boolean": "true or false"
      case "integer": "a whole number"
      case "integers": "an array of whole numbers, each"
      case "text": "a string"
      case "texts": "an array of strings"
      default: "a number"
      }
    guard let minimum = bounds.minimum, let maximum = bounds.maximum, !bounds.isClamping else { return type }
    return "\(type) from \(JSON(minimum)) to \(JSON(maximum))"
      + (bounds.maximumCount.map { ", at most \($0) of them" } ?? "")
  }
}

// MARK: Any parameter

/// A parameter of whatever type, as hosts without Swift see it.
public protocol AnyParameter: Sendable {
  var name: String { get }
  /// The present value.
  var json: JSON { get }
  /// Name, type, bounds, default and a sentence.
  var schema: JSON { get }

  /// Checks and sets the value.
  ///
  /// - Throws: ``MaquetteError/Code/badParameter``.
  func set(_ json: JSON) throws(MaquetteError)

  /// Checks a value without setting it.
  ///
  /// - Throws: ``MaquetteError/Code/badParameter``.
  func check(_ json: JSON) throws(MaquetteError)

  /// The stream of the values, as JSON.
  var stream: any JSONStream { get }
}

extension Parameter: AnyParameter {
  public var json: JSON { wrappedValue.json }

  public var schema: JSON {
    var object: JSONObject = ["name": .string(name), "type": .string(Value.typeName)]
    if let minimum = bounds.minimum { object["minimum"] = JSON(minimum) }
    if let maximum = bounds.maximum { object["maximum"] = JSON(maximum) }
    if let count = bounds.maximumCount { object["maximumCount"] = JSON(count) }
    if !Value.choices.isEmpty { object["values"] = .array(Value.choices.map { .string($0) }) }
    object["default"] = defaultValue.json
    object["description"] = .string(summary)
    return .object(object)
  }

  private func value(of json: JSON) throws(MaquetteError) -> Value {
    guard let value = Value(json: json) else { throw refusal(of: json) }
    return try check(value)
  }

  public func check(_ json: JSON) throws(MaquetteError) { _ = try value(of: json) }

  public func set(_ json: JSON) throws(MaquetteError) {
    projectedValue.set(try value(of: json))
  }

  public var stream: any JSONStream {
    JSONValueStream(projectedValue, set: { (json) throws(MaquetteError) in try self.set(json) }) { $0.json }
  }
}
