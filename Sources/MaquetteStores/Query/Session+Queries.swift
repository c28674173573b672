import MaquetteSystem

/// Queries as any session can answer them: by looking at all records that the backend can't rule out.
extension Session {
  func scan(
    _ dataset: String?, _ parts: RecordParts, matching condition: Condition, behind position: Int64,
    _ body: (Record) throws(MaquetteError) -> Bool
  ) throws(MaquetteError) {
    try scan(dataset, parts, behind: position, skip: 0, body)
  }

  func count(of condition: Condition, in dataset: String?) throws(MaquetteError) -> Int {
    try countByLooking(condition, in: dataset)
  }

  func page(_ query: Query, in dataset: String?) throws(MaquetteError) -> (total: Int, records: [Record]) {
    try query.sort.isEmpty && query.condition.isEmpty
      ? pageOfAll(query, in: dataset) : pageByLooking(query, in: dataset)
  }

  // MARK: The ways

  func countByLooking(_ condition: Condition, in dataset: String?) throws(MaquetteError) -> Int {
    if condition.isEmpty { return try count(dataset) }
    var count = 0
    try lookAt(condition, condition.parts, in: dataset) { record in
      if condition.matches(record) { count += 1 }
      return true
    }
    return count
  }

  /// A page of everything.
  func pageOfAll(_ query: Query, in dataset: String?) throws(MaquetteError) -> (total: Int, records: [Record])
  {
    let limit = query.pageLimit
    var records: [Record] = []
    if limit > 0 {
      try scan(dataset, query.selectedParts, skip: max(0, query.skip)) { record in
        records.append(record)
        return records.count < limit
      }
    }
    return (try count(dataset), records)
  }

  /// A page of what matches, in order: first only what the query asks about is read, then the page's records whole.
  func pageByLooking(
    _ query: Query, in dataset: String?
  ) throws(MaquetteError) -> (total: Int, records: [Record]) {
    let found = try matches(of: query, in: dataset)
    var records: [Record] = []
    for match in found.dropFirst(max(0, query.skip)).prefix(query.pageLimit) {
      if let record = try record(at: match.place, query.selectedParts) { records.append(record) }
    }
    return (found.count, records)
  }

  /// All that matches a query, in its order; nothing is passed over or cut off. Only what the query asks about is read.
  func matches(of query: Query, in dataset: String?) throws(MaquetteError) -> [Match] {
    let paths = query.sort.map { FieldPath($0.field) }
    var found: [Match] = []
    try lookAt(query.condition, query.parts, in: dataset) { record in
      if query.condition.matches(record) {
        found.append(
          Match(id: record.id, place: record.place, keys: paths.map { SortValue($0, in: record) }))
      }
      return true
    }
    if !paths.isEmpty { found.sort { $0.comes(before: $1, by: query.sort) } }
    return found
  }

  /// Calls `body` with the records that may match, in the order they were created, until it returns false.
  private func lookAt(
    _ condition: Condition, _ parts: RecordParts, in dataset: String?,
    _ body: (Record) throws(MaquetteError) -> Bool
  ) throws(MaquetteError) {
    guard let text = condition.requiredID else {
      try scan(dataset, parts, matching: condition, behind: .min, body)
      return
    }
    guard let id = DocumentID(text), let record = try record(id, parts),
      dataset == nil || isSame(record.dataset, dataset)
    else { return }
    _ = try body(record)
  }
}
