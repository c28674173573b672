import CSQLite
import MaquetteSystem

/// Queries answered by SQLite, where SQL can say them; what it can't say is left to ``Condition/matches(_:)``.
extension SQLiteSession {
  func scan(
    _ dataset: String?, _ parts: RecordParts, matching condition: Condition, behind position: Int64,
    _ body: (Record) throws(MaquetteError) -> Bool
  ) throws(MaquetteError) {
    let filter = try filter(condition)
    var clause = try Clause(dataset, self)
    if position != .min { clause.add("place > ?", [.integer(position)]) }
    // Only these lead to few rows, or to rows in their order.
    let isByLabel = try labelLeads(filter)
    let isIndexed = isByLabel || (filter.odd == nil && filter.required.contains(.id))
    if let odd = filter.odd, !isByLabel {
      clause.add("(\(filter.sql)) OR \(odd)", filter.values)
    } else if filter.sql != "1" {
      clause.add(filter.sql, filter.values)
    }
    let statement = try connection.query(
      "SELECT \(columns(parts)) FROM \(table.name) \(isIndexed ? "" : "NOT INDEXED") \(clause.sql) ORDER BY place"
    )
    defer { statement.reset() }
    try statement.bind(clause.values)
    while try statement.step() {
      if try !body(try record(statement)) { return }
    }
  }

  func count(of condition: Condition, in dataset: String?) throws(MaquetteError) -> Int {
    if condition.isEmpty { return try count(dataset) }
    guard let clause = try exact(condition, in: dataset) else {
      return try countByLooking(condition, in: dataset)
    }
    return try count(clause, of: condition)
  }

  func page(_ query: Query, in dataset: String?) throws(MaquetteError) -> (total: Int, records: [Record]) {
    if query.sort.isEmpty && query.condition.isEmpty { return try pageOfAll(query, in: dataset) }
    guard let order = Self.order(query.sort), let clause = try exact(query.condition, in: dataset) else {
      return try pageByLooking(query, in: dataset)
    }
    let total = query.condition.isEmpty ? try count(dataset) : try count(clause, of: query.condition)
    let limit = query.pageLimit
    guard limit > 0, query.skip < total else { return (total, []) }
    let statement = try connection.query(
      """
      SELECT \(columns(query.selectedParts)) FROM \(table.name) \(clause.sql)
      ORDER BY \(order) LIMIT ? OFFSET ?
      """)
    defer { statement.reset() }
    try statement.bind(clause.values + [.integer(Int64(limit)), .integer(Int64(max(0, query.skip)))])
    var records: [Record] = []
    while try statement.step() { records.append(try record(statement)) }
    return (total, records)
  }

  private func count(_ clause: Clause, of condition: Condition) throws(MaquetteError) -> Int {
    // The pages of one query need not count anew. What a transaction has written and may yet undo is not remembered.
    let isReading = sqlite3_txn_state(connection.handle, "main") == SQLITE_TXN_READ
    let changes = connection.changes
    let key =
      isReading && clause.values.count <= 16
      ? SQLiteTable.TotalKey(clause.sql, clause.values) : nil
    if let key, let total = table.total(key, after: changes) { return total }
    let statement = try connection.query("SELECT count(*) FROM \(table.name) \(clause.sql)")
    defer { statement.reset() }
    try statement.bind(clause.values)
    let total = try statement.step() ? Int(statement.integer(0)) : 0
    if let key { table.remember(total, of: key, condition, in: clause.dataset, after: changes) }
    return total
  }

  /// The order as SQL says it; nil where it can't: a member without a column, or one that may be of several types.
  private static func order(_ sort: [Query.SortKey]) -> String? {
    var keys: [String] = []
    for key in sort {
      guard let column = SQLiteFilter.Column(FieldPath(key.field)), !column.canBeNull else { return nil }
      keys.append("\(column.rawValue) \(key.isAscending ? "ASC" : "DESC")")
    }
    return (keys + ["place"]).joined(separator: ", ")
  }

  // MARK: What is exact

  /// What exactly the rows that match meet; nil where SQL can't tell, or would have to look at everything twice.
  private func exact(_ condition: Condition, in dataset: String?) throws(MaquetteError) -> Clause? {
    let filter = try filter(condition)
    guard filter.isComplete else { return nil }
    if filter.odd != nil {
      guard filter.columns.allSatisfy({ !$0.canBeNull || $0 == .y }), try hasLabelIndex(),
        try noOddRowMatches(filter, condition, in: dataset)
      else { return nil }
    }
    var clause = try Clause(dataset, self)
    if filter.sqlOfOthers != "1" { clause.add(filter.sqlOfOthers, filter.values) }
    return clause
  }

  private func filter(_ condition: Condition) throws(MaquetteError) -> SQLiteFilter {
    SQLiteFilter(condition, hasLabels: try predictionRun() == nil)
  }

  /// Whether the index on `y` leads to all rows that match.
  private func labelLeads(_ filter: SQLiteFilter) throws(MaquetteError) -> Bool {
    guard filter.required.contains(.y), filter.columns.allSatisfy({ !$0.canBeNull || $0 == .y }),
      try hasLabelIndex()
    else { return false }
    for odd in Self.oddLabels {
      if try connection.integer("SELECT 1 FROM \(table.name) WHERE \(odd) LIMIT 1") != nil { return false }
    }
    return true
  }

  /// The rows whose `y` is not what the column says, in two parts that an index leads to each.
  private static let oddLabels = ["y IS NULL AND fields IS NOT NULL", "y >= x''"]
  /// More odd rows than that are not looked at for themselves.
  private static let mostOddRows = 256

  private func noOddRowMatches(
    _ filter: SQLiteFilter, _ condition: Condition, in dataset: String?
  ) throws(MaquetteError) -> Bool {
    var count = 0
    for odd in Self.oddLabels {
      let statement = try connection.query(
        "SELECT \(columns(condition.parts)) FROM \(table.name) WHERE \(odd) LIMIT \(Self.mostOddRows + 1)")
      defer { statement.reset() }
      while try statement.step() {
        count += 1
        if count > Self.mostOddRows { return false }
        let record = try record(statement)
        if dataset == nil || isSame(record.dataset, dataset), condition.matches(record) { return false }
      }
    }
    return true
  }

  /// A WHERE that grows.
  private struct Clause {
    private var conditions: [String] = []
    private(set) var values: [SQLiteValue] = []
    /// The dataset it asks for; nil where it asks for none.
    let dataset: String?

    /// The rows of a dataset; all for nil, or where all are of that one.
    init(_ dataset: String?, _ session: SQLiteSession) throws(MaquetteError) {
      guard let dataset, try session.count(dataset) != session.count(nil) else {
        self.dataset = nil
        return
      }
      self.dataset = dataset
      add("datasetName = ?", [.text(dataset)])
    }

    mutating func add(_ condition: String, _ values: [SQLiteValue]) {
      conditions.append("(\(condition))")
      self.values += values
    }

    var sql: String { conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ") }
  }
}
