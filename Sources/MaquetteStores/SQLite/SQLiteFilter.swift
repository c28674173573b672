import MaquetteFormats
import MaquetteSystem

/// A condition, or as much of it as SQL can say, on the rows of a service's table. Every value is bound to a parameter;
/// the text holds names of columns only.
///
/// `datasetName`, `name` and `y` have columns where they are texts, or numbers; where such a column is NULL the document
/// has none, or something else among its fields. Those rows, see ``odd``, SQL can't decide about.
struct SQLiteFilter {
  /// True for all rows that match, but for the odd ones; for no others where ``isComplete``. It gives no NULL where
  /// that would matter.
  private(set) var sql = "1"
  private(set) var values: [SQLiteValue] = []
  /// Whether all of the condition is in it.
  private(set) var isComplete = true
  /// The columns it looks at.
  private(set) var columns: Set<Column> = []
  /// The columns that hold something, and something like what is asked for, wherever it is true.
  private(set) var required: Set<Column> = []
  private var atoms = 0

  enum Column: String {
    case id, name, createdAt, updatedAt, y
    case dataset = "datasetName"

    /// Whether it is NULL where the document has no such member, or has one of another type.
    var canBeNull: Bool { self == .name || self == .y || self == .dataset }
    var isDate: Bool { self == .createdAt || self == .updatedAt }

    init?(_ path: FieldPath) {
      guard let column = Column(rawValue: path.text == "_id" ? "id" : path.text) else { return nil }
      self = column
    }
  }

  /// Values of one list that are bound one by one; a longer one is not for SQL.
  private static let mostChoices = 16384
  /// Comparisons in all: SQLite's own limit is a depth of 1,000.
  private static let mostAtoms = 200

  /// - Parameter hasLabels: whether `y` is what the column of that name holds: in a service of predictions it is not.
  init(_ condition: Condition, hasLabels: Bool) {
    guard let found = Self.translate(condition, hasLabels: hasLabels, isNegated: false),
      found.atoms <= Self.mostAtoms
    else {
      isComplete = false
      return
    }
    self = found
  }

  private init(
    _ sql: String, _ values: [SQLiteValue], isComplete: Bool, _ columns: Set<Column>, _ required: Set<Column>,
    atoms: Int
  ) {
    self.sql = sql
    self.values = values
    self.isComplete = isComplete
    self.columns = columns
    self.required = required
    self.atoms = atoms
  }

  /// True for the rows that ``sql`` can't decide about; nil where there can be none.
  var odd: String? {
    let parts = columns.filter(\.canBeNull).map(\.rawValue).sorted().map { column in
      "(\(column) IS NULL AND fields IS NOT NULL)"
    }
    let all = parts + (columns.contains(.y) ? ["y >= x''"] : [])
    return all.isEmpty ? nil : "(" + all.joined(separator: " OR ") + ")"
  }

  /// ``sql`` for the rows that are not odd.
  var sqlOfOthers: String {
    let open = columns.filter { $0.canBeNull && !required.contains($0) }
    guard !open.isEmpty, let odd else { return sql }
    return "(\(sql)) AND NOT ifnull(\(odd), 0)"
  }

  // MARK: Conditions

  /// - Returns: nil where SQL can say nothing.
  private static func translate(
    _ condition: Condition, hasLabels: Bool, isNegated: Bool
  ) -> SQLiteFilter? {
    switch condition {
    case .field(let path, let test):
      guard let column = Column(path), column != .y || hasLabels else { return nil }
      return field(column, test, isNegated: isNegated)
    case .not(let condition):
      guard let inner = translate(condition, hasLabels: hasLabels, isNegated: true), inner.isComplete else {
        return nil
      }
      return SQLiteFilter(
        "NOT (\(inner.sql))", inner.values, isComplete: true, inner.columns, [], atoms: inner.atoms + 1)
    case .all(let conditions):
      let parts = conditions.compactMap { translate($0, hasLabels: hasLabels, isNegated: isNegated) }
      guard !parts.isEmpty else {
        return conditions.isEmpty ? SQLiteFilter("1", [], isComplete: true, [], [], atoms: 0) : nil
      }
      var joined = join(parts, " AND ")
      joined.isComplete = joined.isComplete && parts.count == conditions.count
      joined.required = parts.reduce(into: []) { $0.formUnion($1.required) }
      return joined
    case .any(let conditions):
      let parts = conditions.compactMap { translate($0, hasLabels: hasLabels, isNegated: isNegated) }
      guard let first = parts.first, parts.count == conditions.count else { return nil }
      var joined = join(parts, " OR ")
      joined.required = parts.reduce(first.required) { $0.intersection($1.required) }
      return joined
    }
  }

  private static func join(_ parts: [SQLiteFilter], _ word: String) -> SQLiteFilter {
    SQLiteFilter(
      parts.count == 1 ? parts[0].sql : parts.map { "(\($0.sql))" }.joined(separator: word),
      parts.flatMap(\.values), isComplete: parts.allSatisfy(\.isComplete),
      parts.reduce(into: []) { $0.formUnion($1.columns) }, [],
      atoms: parts.reduce(parts.count) { $0 + $1.atoms })
  }

  private static func field(_ column: Column, _ test: Test, isNegated: Bool) -> SQLiteFilter? {
    guard var found = self.test(column, test) else { return nil }
    found.columns = [column]
    guard column.canBeNull else {
      if column == .id, isStrict(test) { found.required = [.id] }
      return found
    }
    if test.matches([]) {
      found.sql = "\(column.rawValue) IS NULL OR (\(found.sql))"
    } else if isStrict(test) {
      found.required = [column]
      // Elsewhere NULL is as good as false.
      if isNegated { found.sql = "\(column.rawValue) IS NOT NULL AND (\(found.sql))" }
    } else {
      found.sql = "\(column.rawValue) IS NOT NULL AND (\(found.sql))"
    }
    return found
  }

  /// Whether the test in SQL is never true of NULL, nor of a blob.
  private static func isStrict(_ test: Test) -> Bool {
    switch test {
    case .equals, .isOneOf, .compares: true
    case .all(let tests): tests.contains { isStrict($0) }
    case .not: false
    }
  }

  // MARK: Tests

  /// What a value that is there must meet.
  private static func test(_ column: Column, _ test: Test) -> SQLiteFilter? {
    switch test {
    case .all(let tests):
      let parts = tests.compactMap { self.test(column, $0) }
      guard parts.count == tests.count else { return nil }
      return parts.isEmpty ? constant(true) : join(parts, " AND ")
    case .not(let test):
      guard let inner = self.test(column, test) else { return nil }
      return atom("NOT (\(inner.sql))", inner.values, atoms: inner.atoms + 1)
    case .equals(let operand): return equals(column, operand)
    case .isOneOf(let choices): return isOneOf(column, choices)
    case .compares(let bound, let sides): return compares(column, bound, sides)
    }
  }

  private static func atom(_ sql: String, _ values: [SQLiteValue], atoms: Int = 1) -> SQLiteFilter {
    SQLiteFilter(sql, values, isComplete: true, [], [], atoms: atoms)
  }

  private static func constant(_ value: Bool) -> SQLiteFilter { atom(value ? "1" : "0", []) }

  private static func equals(_ column: Column, _ operand: Operand) -> SQLiteFilter {
    let name = column.rawValue
    if let moment = operand.moment {
      if column.isDate { return atom("\(name) = ?", [.integer(moment)]) }
      return column == .id
        ? constant(false) : atom("ifnull(maquette_moment(\(name)) = ?, 0)", [.integer(moment)])
    }
    switch operand.json {
    case .string(let text) where !column.isDate: return atom("\(name) = ?", [.text(text)])
    case .number(let number) where column == .y: return atom("\(name) = ?", [.number(number)])
    default: return constant(false)
    }
  }

  private static func isOneOf(_ column: Column, _ choices: Choices) -> SQLiteFilter? {
    let name = column.rawValue
    var plain: [SQLiteValue] = []
    var moments: [SQLiteValue] = []
    for operand in choices.operands {
      if let moment = operand.moment {
        if column != .id { moments.append(.integer(moment)) }
      } else {
        switch operand.json {
        case .string(let text) where !column.isDate: plain.append(.text(text))
        case .number(let number) where column == .y: plain.append(.number(number))
        default: break
        }
      }
    }
    guard plain.count <= mostChoices, moments.count <= mostChoices / 2 else { return nil }
    var parts: [SQLiteFilter] = []
    if let list = list(plain) { parts.append(atom("\(name) IN \(list.sql)", list.values)) }
    if let list = list(moments) {
      parts.append(
        column.isDate
          ? atom("\(name) IN \(list.sql)", list.values)
          : atom("ifnull(maquette_moment(\(name)) IN \(list.sql), 0)", list.values))
    }
    return parts.isEmpty ? constant(false) : join(parts, " OR ")
  }

  /// A list of parameters, as many as the next power of two, so that there are few different statements.
  private static func list(_ values: [SQLiteValue]) -> (sql: String, values: [SQLiteValue])? {
    guard let last = values.last else { return nil }
    var count = 1
    while count < values.count { count *= 2 }
    let marks = String(repeating: "?,", count: count - 1) + "?"
    return ("(\(marks))", values + Array(repeating: last, count: count - values.count))
  }

  private static func compares(
    _ column: Column, _ bound: Operand, _ sides: Set<JSONOrder>
  ) -> SQLiteFilter {
    let name = column.rawValue
    let isUpper = sides.contains(.before)
    let sign = (isUpper ? "<" : ">") + (sides.contains(.same) ? "=" : "")
    if let moment = bound.moment {
      if column.isDate { return atom("\(name) \(sign) ?", [.integer(moment)]) }
      return column == .id
        ? constant(false) : atom("ifnull(maquette_moment(\(name)) \(sign) ?, 0)", [.integer(moment)])
    }
    switch bound.json {
    case .string(let text) where column == .id: return atom("\(name) \(sign) ?", [.text(text)])
    case .string(let text) where !column.isDate:
      // SQLite orders numbers, texts, blobs; and a date is no text.
      let others = column == .y ? (isUpper ? " AND y >= ''" : " AND y < x''") : ""
      return atom(
        "\(name) \(sign) ?\(others) AND maquette_moment(\(name)) IS NULL", [.text(text)], atoms: 3)
    case .number(let number) where column == .y:
      return atom("y \(sign) ?" + (isUpper ? "" : " AND y < ''"), [.number(number)], atoms: 2)
    default: return constant(false)
    }
  }
}
