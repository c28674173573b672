public import MaquetteFormats
public import MaquetteSystem

extension Service {
  /// A page of the documents that match the query.
  ///
  /// A store in a file looks only at what an index leads to, for conditions on `id`, `name`, and, with an index, on
  /// `y` and the dates; see ``createIndex(on:)``. Else it takes time in proportion to the documents of the service
  /// where the query has conditions or an order, and to those it passes over where it has none.
  ///
  /// - Throws: ``MaquetteError/Code/unsupported`` for a query with `$distinct`, which gives no page; see
  ///   ``answer(_:)``.
  public func find(_ query: Query = Query()) throws(MaquetteError) -> Page { try find(query, in: nil) }

  /// What the query asks for, as Marcelle's stores answer: a page, or with `$distinct` the array of different values.
  public func answer(_ query: Query) throws(MaquetteError) -> JSON { try answer(query, in: nil) }

  /// How many documents match the query, whatever page of them it asks for.
  public func count(_ query: Query = Query()) throws(MaquetteError) -> Int { try count(query, in: nil) }

  /// The different values of a field in the documents that match.
  ///
  /// They come in the order of the query, of equals the first seen; documents without the field do not count. A dotted
  /// name that leads through an array gives all the values it leads to; a value that is an array is one value. All
  /// documents are looked at, not a page: a `$limit` and a `$skip` are about the values.
  public func distinct(_ field: String, _ query: Query = Query()) throws(MaquetteError) -> [JSON] {
    try distinct(field, query, in: nil)
  }

  // MARK: In a dataset

  func find(_ query: Query, in dataset: String?) throws(MaquetteError) -> Page {
    try query.requireDocuments()
    let (total, records) = try read { (session) throws(MaquetteError) in try session.page(query, in: dataset)
    }
    return Page(
      total: total, limit: query.pageLimit, skip: query.skip,
      data: records.map { $0.document(selecting: query.select) })
  }

  func answer(_ query: Query, in dataset: String?) throws(MaquetteError) -> JSON {
    guard let field = query.distinct else { return try find(query, in: dataset).json }
    return .array(try distinct(field, query, in: dataset))
  }

  func count(_ query: Query, in dataset: String?) throws(MaquetteError) -> Int {
    try query.requireDocuments()
    let condition = query.condition
    return try read { (session) throws(MaquetteError) in try session.count(of: condition, in: dataset) }
  }

  func distinct(_ field: String, _ query: Query, in dataset: String?) throws(MaquetteError) -> [JSON] {
    let path = FieldPath(field)
    let needed = RecordParts(toRead: path.root)
    let most = query.limit.map { Int(clamping: $0.magnitude) } ?? .max
    return try read { (session) throws(MaquetteError) in
      var seen = SeenValues()
      var values: [JSON] = []
      func look(_ record: Record) {
        for value in path.values(in: record) where seen.insert(value) { values.append(value) }
      }
      if query.sort.isEmpty {
        try session.scan(
          dataset, query.condition.parts.union(needed), matching: query.condition, behind: .min
        ) { record in
          if query.condition.matches(record) { look(record) }
          return true
        }
      } else {
        for match in try session.matches(of: query, in: dataset) {
          if let record = try session.record(at: match.place, needed) { look(record) }
        }
      }
      return Array(values.dropFirst(max(0, query.skip)).prefix(most))
    }
  }
}

/// Tells values that were there before.
private struct SeenValues {
  private var texts: Set<ExactText> = []
  private var numbers: Set<Double> = []
  private var dates: Set<Timestamp> = []
  private var others: Set<ExactText> = []

  mutating func insert(_ value: JSON) -> Bool {
    switch value {
    case .string(let text):
      if let date = Timestamp(text) {
        dates.insert(date).inserted
      } else {
        texts.insert(ExactText(text)).inserted
      }
    case .number(let number): numbers.insert(number).inserted
    default: others.insert(ExactText(value.uniform.description)).inserted
    }
  }
}

extension JSON {
  /// The one of all values that are the same to a query: members in the order of their names, dates in one spelling, no
  /// -0.
  fileprivate var uniform: JSON {
    switch self {
    case .null, .bool: self
    case .number(let number): .number(number == 0 ? 0 : number)
    // A prefix keeps dates apart from texts that look like them.
    case .string(let text): .string(Timestamp(text).map { "d\($0)" } ?? "t" + text)
    case .array(let elements): .array(elements.map(\.uniform))
    case .object(let object):
      .object(
        JSONObject(
          object.members.sorted { JSONOrder.compare(texts: $0.name, $1.name) == .before }
            .map { ($0.name, $0.value.uniform) }))
    }
  }
}
