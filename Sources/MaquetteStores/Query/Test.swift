import MaquetteFormats

/// What a field must meet.
indirect enum Test: Sendable {
  case all([Test])
  case not(Test)
  case equals(Operand)
  case isOneOf(Choices)
  /// Of the same type as the value, and on one of those sides of it.
  case compares(Operand, Set<JSONOrder>)

  /// - Parameter values: what the field's name leads to; none where there is no such field.
  func matches(_ values: [JSON]) -> Bool {
    switch self {
    case .all(let tests): tests.allSatisfy { $0.matches(values) }
    case .not(let test): !test.matches(values)
    case .equals(let expected):
      expected.isNull && values.isEmpty || Self.any(values) { expected.isSame(as: $0) }
    case .isOneOf(let choices):
      choices.holdsNull && values.isEmpty || Self.any(values) { choices.contains($0) }
    case .compares(let bound, let sides):
      Self.any(values) { value in bound.order(of: value).map { sides.contains($0) } ?? false }
    }
  }

  /// Whether it holds for one of the values, or for an element of one that is an array.
  private static func any(_ values: [JSON], _ holds: (JSON) -> Bool) -> Bool {
    values.contains { value in
      if holds(value) { return true }
      guard case .array(let elements) = value else { return false }
      return elements.contains(where: holds)
    }
  }

  /// ``matches(_:)`` for the one value that is a date.
  ///
  /// - Parameter date: milliseconds since 1970.
  func matches(date: Int64) -> Bool {
    switch self {
    case .all(let tests): tests.allSatisfy { $0.matches(date: date) }
    case .not(let test): !test.matches(date: date)
    case .equals(let expected): expected.moment == date
    case .isOneOf(let choices): choices.operands.contains { $0.moment == date }
    case .compares(let bound, let sides): bound.moment.map { sides.contains(.compare(date, $0)) } ?? false
    }
  }
}

/// The values of an `$in`, of which there may be thousands.
struct Choices: Sendable {
  let operands: [Operand]
  let holdsNull: Bool
  private let texts: Set<ExactText>
  private let numbers: Set<Double>
  /// What is neither a plain text nor a number.
  private let others: [Operand]

  init(_ values: [JSON]) {
    operands = values.map { Operand($0) }
    holdsNull = operands.contains { $0.isNull }
    texts = Set(
      operands.filter { $0.rank == JSONOrder.textRank }.compactMap { $0.json.string.map(ExactText.init) })
    numbers = Set(operands.compactMap(\.json.number))
    others = operands.filter { $0.rank != JSONOrder.textRank && $0.rank != JSONOrder.numberRank }
  }

  func contains(_ value: JSON) -> Bool {
    switch value {
    case .number(let number): return numbers.contains(number)
    case .string(let text) where texts.contains(ExactText(text)): return true
    default: return others.contains { $0.isSame(as: value) }
    }
  }
}
