import MaquetteFormats
import MaquetteSystem

extension PostgreSQLSession {
  func scan(
    _ dataset: String?, _ parts: RecordParts, matching condition: Condition, behind position: Int64,
    _ body: (Record) throws(MaquetteError) -> Bool
  ) throws(MaquetteError) {
    let rows = Rows(
      columns: columns(parts), dataset: dataset, filter: PostgreSQLFilter(condition).possibly,
      position: position)
    try each(rows) { (result, row) throws(MaquetteError) in try body(try record(result, row)) }
  }

  /// The server counts what surely matches; only what it can't decide about comes here.
  func count(of condition: Condition, in dataset: String?) throws(MaquetteError) -> Int {
    if condition.isEmpty { return try count(dataset) }
    let filter = PostgreSQLFilter(condition)
    guard condition.requiredID == nil, let surely = filter.surely else {
      return try countByLooking(condition, in: dataset)
    }
    var values: [PostgreSQLValue] = []
    var conditions: [String] = []
    if let dataset {
      values.append(.text(dataset))
      conditions.append("\"datasetName\" = $1")
    }
    conditions.append(surely.sql(&values))
    let counted = try connection.run(
      "SELECT count(*)::bigint FROM \(table.name) WHERE \(conditions.joined(separator: " AND "))", values)
    var count = Int(try counted.integer(0, 0))
    let open = [filter.possibly, .not(surely)].compactMap { $0 }
    let rows = Rows(columns: columns(condition.parts), dataset: dataset, filter: .all(open))
    try each(rows) { (result, row) throws(MaquetteError) in
      if condition.matches(try record(result, row)) { count += 1 }
      return true
    }
    return count
  }

  func page(_ query: Query, in dataset: String?) throws(MaquetteError) -> (total: Int, records: [Record]) {
    if query.sort.isEmpty, query.condition.isEmpty { return try pageOfAll(query, in: dataset) }
    guard query.sort.isEmpty, query.condition.requiredID == nil,
      PostgreSQLFilter(query.condition).surely != nil
    else { return try pageByLooking(query, in: dataset) }
    let limit = query.pageLimit
    var records: [Record] = []
    var toSkip = max(0, query.skip)
    if limit > 0 {
      let parts = query.selectedParts.union(query.condition.parts)
      try scan(dataset, parts, matching: query.condition, behind: .min) { record in
        guard query.condition.matches(record) else { return true }
        if toSkip > 0 {
          toSkip -= 1
          return true
        }
        records.append(record)
        return records.count < limit
      }
    }
    return (try count(of: query.condition, in: dataset), records)
  }
}
