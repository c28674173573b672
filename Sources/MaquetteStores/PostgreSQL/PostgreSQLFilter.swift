import MaquetteFormats

/// A condition as PostgreSQL can see to it: which rows surely match, and which may.
///
/// What columns can't tell, because a document has something else under that name among its fields, is looked at in
/// the documents. Every value is bound to a parameter; the text holds names of columns only.
struct PostgreSQLFilter: Sendable {
  /// Only rows that match; nil where there may be others that can't be told apart.
  let surely: Predicate?
  /// All rows that match, and maybe others; nil where that is all.
  let possibly: Predicate?

  /// Something that is true or false of every row, never NULL.
  indirect enum Predicate: Sendable {
    case all([Predicate])
    case any([Predicate])
    case not(Predicate)
    /// SQL with `?` for each value.
    case column(String, [PostgreSQLValue])

    /// The text, its parameters numbered behind those that are in `values` already.
    func sql(_ values: inout [PostgreSQLValue]) -> String {
      switch self {
      case .all(let parts): return Self.join(parts, " AND ", "true", &values)
      case .any(let parts): return Self.join(parts, " OR ", "false", &values)
      case .not(let part): return "NOT \(part.sql(&values))"
      case .column(let text, let given):
        var rest = given[...]
        var sql = ""
        for character in text {
          if character == "?", let value = rest.popFirst() {
            values.append(value)
            sql += "$\(values.count)"
          } else {
            sql.append(character)
          }
        }
        return "((\(sql)) IS TRUE)"
      }
    }

    private static func join(
      _ parts: [Predicate], _ word: String, _ empty: String, _ values: inout [PostgreSQLValue]
    ) -> String {
      if parts.isEmpty { return empty }
      var texts: [String] = []
      for part in parts { texts.append(part.sql(&values)) }
      return "(" + texts.joined(separator: word) + ")"
    }
  }

  /// Values of one list that are bound one by one; a longer one is looked at in the documents.
  private static let mostChoices = 64

  private init(_ surely: Predicate?, _ possibly: Predicate?) {
    self.surely = surely
    self.possibly = possibly
  }

  private static let unknown = PostgreSQLFilter(nil, nil)

  init(_ condition: Condition) {
    switch condition {
    case .all(let conditions): self = .all(conditions.map { PostgreSQLFilter($0) })
    case .any(let conditions):
      let parts = conditions.map { PostgreSQLFilter($0) }
      let possibly = parts.compactMap(\.possibly)
      let surely = parts.compactMap(\.surely)
      self.init(
        surely.isEmpty && !parts.isEmpty ? nil : .any(surely),
        possibly.count == parts.count ? .any(possibly) : nil)
    case .not(let condition): self = .not(PostgreSQLFilter(condition))
    case .field(let path, let test): self = .field(path, test)
    }
  }

  private static func all(_ parts: [PostgreSQLFilter]) -> PostgreSQLFilter {
    let surely = parts.compactMap(\.surely)
    let possibly = parts.compactMap(\.possibly)
    return PostgreSQLFilter(
      surely.count == parts.count ? .all(surely) : nil,
      possibly.isEmpty && !parts.isEmpty ? nil : .all(possibly))
  }

  private static func not(_ part: PostgreSQLFilter) -> PostgreSQLFilter {
    PostgreSQLFilter(part.possibly.map { .not($0) }, part.surely.map { .not($0) })
  }

  // MARK: Fields

  private static func field(_ path: FieldPath, _ test: Test) -> PostgreSQLFilter {
    switch test {
    case .all(let tests): return all(tests.map { field(path, $0) })
    case .not(let test): return not(field(path, test))
    case .isOneOf(let choices):
      guard choices.operands.count <= mostChoices else { return unknown }
      let parts = choices.operands.map { field(path, .equals($0)) }
      let possibly = parts.compactMap(\.possibly)
      let surely = parts.compactMap(\.surely)
      guard possibly.count == parts.count, surely.count == parts.count else { return unknown }
      return PostgreSQLFilter(.any(surely), .any(possibly))
    case .equals(let operand): return compares(path, operand, "=")
    case .compares(let operand, let sides):
      let sign: String
      switch sides {
      case [.before]: sign = "<"
      case [.before, .same]: sign = "<="
      case [.after]: sign = ">"
      case [.same, .after]: sign = ">="
      default: return unknown
      }
      return compares(path, operand, sign)
    }
  }

  private static func compares(_ path: FieldPath, _ operand: Operand, _ sign: String) -> PostgreSQLFilter {
    for column in ["createdAt", "updatedAt"] where path.isMember(column) {
      // Nothing but a moment is like a date.
      guard let moment = operand.moment else { return PostgreSQLFilter(.any([]), .any([])) }
      let exact = Predicate.column("\"\(column)\" \(sign) ?", [.integer(moment)])
      return PostgreSQLFilter(exact, exact)
    }
    if path.isMember("y") { return label(operand, sign) }
    for column in ["datasetName", "name"] where path.isMember(column) {
      guard sign == "=", operand.rank == JSONOrder.textRank, let text = operand.json.string else {
        return unknown
      }
      return PostgreSQLFilter(
        .column("\"\(column)\" = ?", [.text(text)]),
        .column("\"\(column)\" = ? OR \"\(column)\" IS NULL", [.text(text)]))
    }
    return unknown
  }

  /// A label that is no text or number is among the fields, or an array of numbers; a prediction has none.
  private static func label(_ operand: Operand, _ sign: String) -> PostgreSQLFilter {
    let (column, value): (String, PostgreSQLValue)
    switch operand.json {
    case .number(let number): (column, value) = ("\"yNumber\"", .number(number))
    // Texts are ordered by their bytes, which is not the order of the column.
    case .string(let text) where operand.rank == JSONOrder.textRank && sign == "=":
      (column, value) = ("y", .text(text))
    default: return unknown
    }
    return PostgreSQLFilter(
      .column("\(column) \(sign) ? AND prediction IS NULL", [value]),
      .column("\(column) \(sign) ? OR y IS NULL AND \"yNumber\" IS NULL", [value]))
  }
}
