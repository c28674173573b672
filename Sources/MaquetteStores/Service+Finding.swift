public import MaquetteFormats
public import MaquetteSystem

extension Service {
  /// A page of the documents that match the query.
  ///
  /// Takes time in proportion to the documents of the service where the query has conditions or an order, else to
  /// those it passes over.
  public func find(_ query: Query = Query()) throws(MaquetteError) -> Page {
    try find(query, in: nil)
  }

  func find(_ query: Query, in dataset: String?) throws(MaquetteError) -> Page {
    let required = query.condition.text(requiredOf: "datasetName")
    let dataset = dataset ?? required
    let (total, records) = try read { (session) throws(MaquetteError) in
      try query.sort.isEmpty && query.condition.isEmpty
        ? Self.page(session, query, dataset) : Self.matches(session, query, dataset)
    }
    return Page(
      total: total, limit: query.pageLimit, skip: query.skip,
      data: records.map { $0.document(selecting: query.select) })
  }

  /// A page of everything.
  private static func page(
    _ session: any Session, _ query: Query, _ dataset: String?
  ) throws(MaquetteError) -> (Int, [Record]) {
    let limit = query.pageLimit
    var records: [Record] = []
    if limit > 0 {
      try session.scan(dataset, query.selectedParts, label: nil, skip: max(0, query.skip)) { record in
        records.append(record)
        return records.count < limit
      }
    }
    return (try session.count(dataset), records)
  }

  /// A page of what matches, in order: first only what the query asks about is read, then the page's records whole.
  private static func matches(
    _ session: any Session, _ query: Query, _ dataset: String?
  ) throws(MaquetteError) -> (Int, [Record]) {
    let found = try session.matches(of: query, in: dataset)
    var records: [Record] = []
    for match in found.dropFirst(max(0, query.skip)).prefix(query.pageLimit) {
      if let record = try session.record(at: match.place, query.selectedParts) { records.append(record) }
    }
    return (found.count, records)
  }

  /// The different values of a field in the documents that match, the first seen first; documents without the field
  /// do not count. All documents are looked at, not a page.
  public func distinct(_ field: String, _ query: Query = Query()) throws(MaquetteError) -> [JSON] {
    try distinct(field, query, in: nil)
  }

  func distinct(_ field: String, _ query: Query, in dataset: String?) throws(MaquetteError) -> [JSON] {
    let path = FieldPath(field)
    return try read { (session) throws(MaquetteError) in
      var seen = SeenValues()
      var values: [JSON] = []
      try session.scan(
        dataset, query.parts.union(RecordParts(toRead: path.root)), label: query.condition.requiredLabel,
        skip: 0
      ) { record in
        guard query.condition.matches(record), let value = path.value(in: record) else { return true }
        if seen.insert(value) { values.append(value) }
        return true
      }
      return values
    }
  }
}

/// Tells values that were there before.
private struct SeenValues {
  private var texts: Set<String> = []
  private var numbers: Set<Double> = []
  private var others: Set<String> = []

  mutating func insert(_ value: JSON) -> Bool {
    switch value {
    case .string(let text): texts.insert(text).inserted
    case .number(let number): numbers.insert(number).inserted
    default: others.insert(value.description).inserted
    }
  }
}
