import MaquetteFormats

/// What documents must meet to match a query.
indirect enum Condition: Sendable {
  case all([Condition])
  case any([Condition])
  case not(Condition)
  case field(FieldPath, Test)

  func matches(_ record: Record) -> Bool {
    switch self {
    case .all(let conditions): conditions.allSatisfy { $0.matches(record) }
    case .any(let conditions): conditions.contains { $0.matches(record) }
    case .not(let condition): !condition.matches(record)
    case .field(let path, let test): test.matches(path.values(in: record))
    }
  }

  /// Whether everything matches, so that nothing needs to be looked at.
  var isEmpty: Bool {
    if case .all(let conditions) = self { conditions.isEmpty } else { false }
  }

  /// What must be read of a record to tell whether it matches.
  var parts: RecordParts {
    switch self {
    case .all(let conditions), .any(let conditions): conditions.reduce(into: []) { $0.formUnion($1.parts) }
    case .not(let condition): condition.parts
    case .field(let path, _): RecordParts(toRead: path.root)
    }
  }

  /// The text that field must be for anything to match; nil where it may be something else.
  func text(requiredOf field: String) -> String? {
    switch self {
    case .all(let conditions):
      for condition in conditions {
        if let text = condition.text(requiredOf: field) { return text }
      }
      return nil
    case .field(let path, .equals(.string(let text))): return path.text == field ? text : nil
    default: return nil
    }
  }
}

extension Condition {
  /// The `y` that anything that matches has, or has among several; nil where it may be something else.
  var requiredLabel: Label? {
    switch self {
    case .all(let conditions):
      for condition in conditions {
        if let label = condition.requiredLabel { return label }
      }
      return nil
    case .field(let path, .equals(let value)) where path.text == "y":
      switch value {
      case .number(let number): return .number(number)
      // Dates and accented letters can be written in several ways that match all the same.
      case .string(let text)
      where JSONOrder.rank(value) == JSONOrder.textRank && text.utf8.allSatisfy { $0 < 128 }:
        return .text(text)
      default: return nil
      }
    default: return nil
    }
  }
}

/// What a field must meet.
indirect enum Test: Sendable {
  case all([Test])
  case not(Test)
  case equals(JSON)
  case isOneOf([JSON])
  /// Of the same type as the value, and on one of those sides of it.
  case compares(JSON, Set<JSONOrder>)

  /// - Parameter values: what the field's name leads to; none where there is no such field.
  func matches(_ values: [JSON]) -> Bool {
    switch self {
    case .all(let tests): tests.allSatisfy { $0.matches(values) }
    case .not(let test): !test.matches(values)
    case .equals(let expected): Self.equal(values, expected)
    case .isOneOf(let expected): expected.contains { Self.equal(values, $0) }
    case .compares(let bound, let sides):
      values.contains { value in
        Self.compare(value, bound, sides) || (value.array ?? []).contains { Self.compare($0, bound, sides) }
      }
    }
  }

  private static func equal(_ values: [JSON], _ expected: JSON) -> Bool {
    if expected.isNull && values.isEmpty { return true }
    return values.contains { value in
      JSONOrder.same(value, expected) || (value.array ?? []).contains { JSONOrder.same($0, expected) }
    }
  }

  private static func compare(_ value: JSON, _ bound: JSON, _ sides: Set<JSONOrder>) -> Bool {
    JSONOrder.rank(value) == JSONOrder.rank(bound) && sides.contains(JSONOrder(value, to: bound))
  }
}

/// The dotted name of a field.
struct FieldPath: Sendable {
  let text: String
  let root: String
  private let rest: [String]

  init(_ text: String) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    self.text = text
    root = parts.first ?? text
    rest = Array(parts.dropFirst())
  }

  /// What the name leads to in a document; several values where it leads through an array, none where it leads
  /// nowhere.
  func values(in record: Record) -> [JSON] {
    guard let value = record[root] else { return [] }
    return rest.isEmpty ? [value] : Self.descend(value, rest[...])
  }

  /// The first of ``values(in:)``.
  func value(in record: Record) -> JSON? { values(in: record).first }

  private static func descend(_ value: JSON, _ names: ArraySlice<String>) -> [JSON] {
    guard let name = names.first else { return [value] }
    switch value {
    case .object(let object): return object[name].map { descend($0, names.dropFirst()) } ?? []
    case .array(let elements):
      if let index = Int(name) {
        return elements.indices.contains(index) ? descend(elements[index], names.dropFirst()) : []
      }
      return elements.flatMap { $0.object == nil ? [] : descend($0, names) }
    default: return []
    }
  }
}
