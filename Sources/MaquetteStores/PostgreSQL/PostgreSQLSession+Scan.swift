import MaquetteFormats
import MaquetteSystem

extension PostgreSQLSession {
  /// Which rows of the table are wanted, in the order they were made.
  struct Rows {
    /// The columns, as SQL; the first is the place.
    let columns: String
    var dataset: String?
    var filter: PostgreSQLFilter.Predicate?
    var position = Int64.min
    var skip = 0
    var limit = Int.max
  }

  /// How many rows are asked for first, when nobody knows yet how long they are.
  private static let firstRows = 64
  private static let mostRows = 8192
  /// How much of an answer is held in memory, about.
  private static let answerBytes = 4 << 20

  /// Calls `body` with row after row until it returns false. In between other things may be asked.
  ///
  /// Rows are asked for in pages of some megabytes, each from where the last one ended: no cursor that an engine might
  /// not have, and never more than a page in memory.
  func each(
    _ rows: Rows, _ body: (PostgreSQLResult, Int) throws(MaquetteError) -> Bool
  ) throws(MaquetteError) {
    var (position, left, skip) = (rows.position, rows.limit, rows.skip)
    var page = Self.firstRows
    while left > 0 {
      let wanted = min(left, page)
      let (sql, values) = statement(rows, position, wanted, skip)
      let found = try connection.run(sql, values)
      for row in 0..<found.rows where try !body(found, row) { return }
      guard found.rows == wanted else { return }
      position = try found.integer(found.rows - 1, 0)
      left -= found.rows
      skip = 0
      page = min(Self.mostRows, page * 16, max(1, Self.answerBytes / max(1, found.bytes / found.rows)))
    }
  }

  private func statement(
    _ rows: Rows, _ position: Int64, _ limit: Int, _ skip: Int
  ) -> (String, [PostgreSQLValue]) {
    var values: [PostgreSQLValue] = [.integer(position), .integer(Int64(limit)), .integer(Int64(skip))]
    var conditions = ["place > $1"]
    if let dataset = rows.dataset {
      values.append(.text(dataset))
      conditions.append("\"datasetName\" = $4")
    }
    if let filter = rows.filter { conditions.append(filter.sql(&values)) }
    let sql = """
      SELECT \(rows.columns) FROM \(table.name) WHERE \(conditions.joined(separator: " AND "))
      ORDER BY place LIMIT $2 OFFSET $3
      """
    return (sql, values)
  }

  func scan(
    _ dataset: String?, _ parts: RecordParts, behind position: Int64, skip: Int,
    _ body: (Record) throws(MaquetteError) -> Bool
  ) throws(MaquetteError) {
    let rows = Rows(columns: columns(parts), dataset: dataset, position: position, skip: skip)
    try each(rows) { (result, row) throws(MaquetteError) in try body(try record(result, row)) }
  }
}
