import MaquetteFormats
import MaquetteSystem

/// How one JSON value stands to another in the order of Marcelle's stores: first by type (missing, null, number,
/// string, boolean, date, array, object), then by value.
///
/// A date is a string that is an ISO 8601 moment; dates compare as moments. Strings compare byte by byte, arrays element
/// by element, objects member by member in the order of the names, however they were written.
enum JSONOrder: Sendable {
  case before, same, after

  static let nullRank = 1
  static let numberRank = 2
  static let textRank = 3
  static let boolRank = 4
  static let dateRank = 5
  static let arrayRank = 6
  static let objectRank = 7

  /// The place of a value's type; nil stands for a value that isn't there.
  static func rank(_ value: JSON?) -> Int {
    switch value {
    case nil: 0
    case .null: nullRank
    case .number: numberRank
    case .string(let text): Timestamp(text) == nil ? textRank : dateRank
    case .bool: boolRank
    case .array: arrayRank
    case .object: objectRank
    }
  }

  init(_ left: JSON?, to right: JSON?) {
    switch (left, right) {
    case (.number(let left), .number(let right)): self = Self.compare(left, right)
    case (.bool(let left), .bool(let right)): self = Self.compare(left ? 1 : 0, right ? 1 : 0)
    case (.string(let left), .string(let right)):
      switch (Timestamp(left), Timestamp(right)) {
      case (let left?, let right?): self = Self.compare(left, right)
      case (nil, nil): self = Self.compare(texts: left, right)
      case (nil, _?): self = .before
      case (_?, nil): self = .after
      }
    case (.array(let left), .array(let right)):
      for (left, right) in zip(left, right) {
        let order = JSONOrder(left, to: right)
        if order != .same {
          self = order
          return
        }
      }
      self = Self.compare(left.count, right.count)
    case (.object(let left), .object(let right)): self = Self.compare(members: left, right)
    default: self = Self.compare(Self.rank(left), Self.rank(right))
    }
  }

  private static func compare(members left: JSONObject, _ right: JSONObject) -> JSONOrder {
    for (left, right) in zip(left.ordered, right.ordered) {
      let names = compare(texts: left.name, right.name)
      if names != .same { return names }
      let values = JSONOrder(left.value, to: right.value)
      if values != .same { return values }
    }
    return compare(left.count, right.count)
  }

  /// Whether two values are one and the same to a query.
  static func same(_ left: JSON, _ right: JSON) -> Bool {
    switch (left, right) {
    case (.number(let left), .number(let right)): return left == right
    case (.string(let left), .string(let right)):
      if isSame(left, right) { return true }
      guard let left = Timestamp(left), let right = Timestamp(right) else { return false }
      return left == right
    default: return JSONOrder(left, to: right) == .same
    }
  }

  static func compare<Value: Comparable>(_ left: Value, _ right: Value) -> JSONOrder {
    left < right ? .before : left == right ? .same : .after
  }

  static func compare(texts left: String, _ right: String) -> JSONOrder {
    if left.utf8.lexicographicallyPrecedes(right.utf8) { return .before }
    return right.utf8.lexicographicallyPrecedes(left.utf8) ? .after : .same
  }
}

extension JSONObject {
  /// The members in the order of their names.
  fileprivate var ordered: [(name: String, value: JSON)] {
    members.count < 2 ? members : members.sorted { JSONOrder.compare(texts: $0.name, $1.name) == .before }
  }

  /// The member whose name has exactly those bytes.
  func member(_ name: String) -> JSON? { members.first { isSame($0.name, name) }?.value }
}

/// A value of a query, looked at once and not at every document.
struct Operand: Sendable {
  let json: JSON
  let rank: Int
  /// Milliseconds since 1970, where the value is a date.
  let moment: Int64?

  init(_ json: JSON) {
    self.json = json
    moment = json.string.flatMap { Timestamp($0)?.milliseconds }
    rank = moment == nil && json.string != nil ? JSONOrder.textRank : JSONOrder.rank(json)
  }

  var isNull: Bool { rank == JSONOrder.nullRank }

  func isSame(as value: JSON) -> Bool {
    if case .string(let text) = json, moment == nil, case .string(let other) = value {
      return MaquetteStores.isSame(text, other)
    }
    return JSONOrder.same(value, json)
  }

  /// How a value stands to this one; nil where it has another type.
  func order(of value: JSON) -> JSONOrder? {
    switch (value, json) {
    case (.number, .number), (.bool, .bool), (.array, .array), (.object, .object), (.null, .null):
      return JSONOrder(value, to: json)
    case (.string(let text), .string(let bound)):
      if let moment { return Timestamp(text).map { JSONOrder.compare($0.milliseconds, moment) } }
      return Timestamp(text) == nil ? JSONOrder.compare(texts: text, bound) : nil
    default: return nil
    }
  }
}
