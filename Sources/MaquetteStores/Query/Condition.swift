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
    case .field(let path, let test):
      if path.isMember("createdAt") {
        test.matches(date: record.createdAt)
      } else if path.isMember("updatedAt") {
        test.matches(date: record.updatedAt)
      } else {
        test.matches(path.values(in: record))
      }
    }
  }

  /// Whether everything matches, so that nothing needs to be looked at.
  var isEmpty: Bool {
    if case .all(let conditions) = self { conditions.allSatisfy(\.isEmpty) } else { false }
  }

  /// What must be read of a record to tell whether it matches.
  var parts: RecordParts {
    switch self {
    case .all(let conditions), .any(let conditions): conditions.reduce(into: []) { $0.formUnion($1.parts) }
    case .not(let condition): condition.parts
    case .field(let path, _): RecordParts(toRead: path.root)
    }
  }

  /// The id that anything that matches has; nil where it may be another.
  var requiredID: String? {
    switch self {
    case .all(let conditions):
      for condition in conditions {
        if let id = condition.requiredID { return id }
      }
      return nil
    case .field(let path, .equals(let operand)) where path.isMember("id") || path.isMember("_id"):
      return operand.json.string
    case .field(let path, .all(let tests)):
      for test in tests {
        if let id = Condition.field(path, test).requiredID { return id }
      }
      return nil
    default: return nil
    }
  }
}
