/// A JSON value. Objects keep the order of their members.
public enum JSON: Sendable, Equatable {
  case null
  case bool(Bool)
  /// Every number is a double, as in JavaScript; whole ones up to 2⁵³ are exact and written without a fraction.
  case number(Double)
  case string(String)
  case array([JSON])
  case object(JSONObject)
}

extension JSON {
  public var isNull: Bool { self == .null }

  public var bool: Bool? {
    if case .bool(let value) = self { value } else { nil }
  }

  public var number: Double? {
    if case .number(let value) = self { value } else { nil }
  }

  /// A number without a fraction that an `Int` holds exactly.
  public var integer: Int? {
    if case .number(let value) = self { Int(exactly: value) } else { nil }
  }

  public var string: String? {
    if case .string(let value) = self { value } else { nil }
  }

  public var array: [JSON]? {
    if case .array(let value) = self { value } else { nil }
  }

  public var object: JSONObject? {
    if case .object(let value) = self { value } else { nil }
  }

  /// The member of that name; nil where there is none, or where this is no object.
  public subscript(name: String) -> JSON? { object?[name] }

  /// What kind of value this is, for messages: "a number", "an array", …
  public var kind: String {
    switch self {
    case .null: "null"
    case .bool: "a boolean"
    case .number: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
  ExpressibleByBooleanLiteral, ExpressibleByNilLiteral, ExpressibleByArrayLiteral,
  ExpressibleByDictionaryLiteral
{
  public init(stringLiteral value: String) { self = .string(value) }
  public init(integerLiteral value: Int) { self = .number(Double(value)) }
  public init(floatLiteral value: Double) { self = .number(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(nilLiteral: ()) { self = .null }
  public init(arrayLiteral elements: JSON...) { self = .array(elements) }
  public init(dictionaryLiteral elements: (String, JSON)...) { self = .object(JSONObject(elements)) }
}

extension JSON {
  public init(_ value: Int) { self = .number(Double(value)) }
  /// NaN and the infinities, which JSON can't say, become null.
  public init(_ value: Double) { self = value.isFinite ? .number(value) : .null }
}
