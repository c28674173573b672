public import MaquetteFormats
public import MaquetteSystem

extension Query {
  /// Reads a query.
  ///
  /// - Throws: ``MaquetteError/Code/invalidArgument`` naming the parameter that is unknown or has a value it can't
  ///   have.
  public init(_ json: JSON) throws(MaquetteError) {
    guard case .object(let object) = json else {
      throw MaquetteError(.invalidArgument, "a query must be an object, not \(json.kind)")
    }
    guard !json.isNested(deeperThan: 256) else {
      throw MaquetteError(.invalidArgument, "a query must not be nested deeper than 256 levels")
    }
    var conditions: [Condition] = []
    for (name, value) in object.members {
      switch name {
      case "$limit": limit = try Query.whole(value, name)
      case "$skip":
        skip = try Query.whole(value, name)
        guard skip >= 0 else { throw Query.bad(name, "a whole number from 0", value) }
      case "$sort": sort = try Query.sortKeys(value)
      case "$select": select = try Query.names(value)
      case "$distinct":
        guard let field = value.string else { throw Query.bad(name, "the name of a field", value) }
        distinct = field
      default: conditions.append(try Condition(name, value, depth: 1))
      }
    }
    condition = .all(conditions)
  }

  fileprivate static func bad(_ name: String, _ expected: String, _ value: JSON) -> MaquetteError {
    MaquetteError(
      .invalidArgument,
      "Invalid value of query parameter \(name): \(value.description.prefix(60)) is not \(expected)",
      name: name)
  }

  /// A whole number, or a text of one: what came in an address is text.
  private static func whole(_ value: JSON, _ name: String) throws(MaquetteError) -> Int {
    guard let number = value.integer ?? value.string.flatMap({ Int($0) }) else {
      throw bad(name, "a whole number", value)
    }
    return number
  }

  private static func names(_ value: JSON) throws(MaquetteError) -> [String] {
    guard let elements = value.array else { throw bad("$select", "a list of names", value) }
    var names: [String] = []
    for element in elements {
      guard let name = element.string else { throw bad("$select", "a list of names", value) }
      names.append(name)
    }
    return names
  }

  private static func sortKeys(_ value: JSON) throws(MaquetteError) -> [SortKey] {
    guard let object = value.object else { throw bad("$sort", "an object of fields, each 1 or -1", value) }
    var keys: [SortKey] = []
    for (field, direction) in object.members {
      guard let direction = direction.integer ?? direction.string.flatMap({ Int($0) }),
        direction == 1 || direction == -1
      else { throw bad("$sort", "an object of fields, each 1 or -1", value) }
      keys.append(SortKey(field, ascending: direction == 1))
    }
    return keys
  }
}

extension Condition {
  private static let deepest = 64

  /// Reads one member of a query.
  fileprivate init(_ name: String, _ value: JSON, depth: Int) throws(MaquetteError) {
    guard depth <= Self.deepest else {
      throw MaquetteError(
        .invalidArgument, "a query must not be nested deeper than \(Self.deepest) levels", name: name)
    }
    switch name {
    case "$or": self = .any(try Self.list(name, value, depth))
    case "$and": self = .all(try Self.list(name, value, depth))
    case "$not": self = .not(try Condition(query: name, value, depth))
    case _ where name.hasPrefix("$"): throw Self.unknown(name)
    default: self = .field(FieldPath(name), try Test(value, depth: depth))
    }
  }

  fileprivate static func unknown(_ name: String) -> MaquetteError {
    MaquetteError(.invalidArgument, "Invalid query parameter \(name)", name: name)
  }

  private init(query name: String, _ value: JSON, _ depth: Int) throws(MaquetteError) {
    guard let object = value.object else { throw Query.bad(name, "a query", value) }
    var conditions: [Condition] = []
    for (name, value) in object.members { conditions.append(try Condition(name, value, depth: depth + 1)) }
    self = .all(conditions)
  }

  private static func list(_ name: String, _ value: JSON, _ depth: Int) throws(MaquetteError) -> [Condition] {
    guard let elements = value.array, !elements.isEmpty else {
      throw Query.bad(name, "a list of at least one query", value)
    }
    var conditions: [Condition] = []
    for element in elements { conditions.append(try Condition(query: name, element, depth)) }
    return conditions
  }
}

extension Test {
  /// Reads what a field is to meet: a value, or operators.
  fileprivate init(_ value: JSON, depth: Int) throws(MaquetteError) {
    guard let object = value.object, object.names.contains(where: { $0.hasPrefix("$") }) else {
      self = .equals(Operand(value))
      return
    }
    guard depth <= 64 else {
      throw MaquetteError(.invalidArgument, "a query must not be nested deeper than 64 levels")
    }
    var tests: [Test] = []
    for (name, value) in object.members {
      switch name {
      case "$ne": tests.append(.not(.equals(Operand(value))))
      case "$in": tests.append(.isOneOf(Choices(try Self.list(name, value))))
      case "$nin": tests.append(.not(.isOneOf(Choices(try Self.list(name, value)))))
      case "$lt": tests.append(.compares(Operand(value), [.before]))
      case "$lte": tests.append(.compares(Operand(value), [.before, .same]))
      case "$gt": tests.append(.compares(Operand(value), [.after]))
      case "$gte": tests.append(.compares(Operand(value), [.after, .same]))
      case "$not": tests.append(.not(try Test(value, depth: depth + 1)))
      case _ where name.hasPrefix("$"): throw Condition.unknown(name)
      default:
        throw MaquetteError(
          .invalidArgument, "'\(name)' stands among operators: a field has either operators or a value",
          name: name)
      }
    }
    self = .all(tests)
  }

  private static func list(_ name: String, _ value: JSON) throws(MaquetteError) -> [JSON] {
    guard let elements = value.array else { throw Query.bad(name, "a list of values", value) }
    return elements
  }
}

extension JSON {
  fileprivate func isNested(deeperThan levels: Int) -> Bool {
    switch self {
    case .array(let elements): levels == 0 || elements.contains { $0.isNested(deeperThan: levels - 1) }
    case .object(let object):
      levels == 0 || object.members.contains { $0.value.isNested(deeperThan: levels - 1) }
    case .null, .bool, .number, .string: false
    }
  }
}
