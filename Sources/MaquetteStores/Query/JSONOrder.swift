import MaquetteFormats
import MaquetteSystem

/// How one JSON value stands to another in the order of Marcelle's stores: first by type (missing, null, number,
/// string, boolean, date, array, object), then by value. A date is a string that is an ISO 8601 moment; dates
/// compare as moments.
enum JSONOrder: Sendable {
  case before, same, after

  static let textRank = 3
  static let dateRank = 5

  /// The place of a value's type; nil stands for a value that isn't there.
  static func rank(_ value: JSON?) -> Int {
    switch value {
    case nil: 0
    case .null: 1
    case .number: 2
    case .string(let text): Timestamp(text) == nil ? textRank : dateRank
    case .bool: 4
    case .array: 6
    case .object: 7
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
    case (.object(let left), .object(let right)): self = Self.compare(texts: left.sortText, right.sortText)
    default: self = Self.compare(Self.rank(left), Self.rank(right))
    }
  }

  static func same(_ left: JSON, _ right: JSON) -> Bool {
    left == right || rank(left) == dateRank && rank(right) == dateRank && JSONOrder(left, to: right) == .same
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
  /// The members in the order of their names, so that the order they were written in does not matter.
  fileprivate var sortText: String {
    JSON.object(JSONObject(members.sorted { $0.name < $1.name }.map { ($0.name, $0.value) })).description
  }
}
