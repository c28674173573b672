public import MaquetteFormats
public import MaquetteSystem

extension Service {
  /// Puts a document, with files, in the place of the one of that id, in one transaction; Feathers' `update`.
  ///
  /// The id and `createdAt` stay, `updatedAt` moves. The old files go, unless no new ones come and the document's
  /// `files` still names one of them.
  ///
  /// - Parameter query: what the document that is there must match as well.
  /// - Returns: the document as it is stored.
  /// - Throws: ``MaquetteError/Code/notFound``, and what ``create(_:files:)`` throws.
  public func replace(
    _ id: String, matching query: Query = Query(), with document: JSONObject, files: [StoredFile] = []
  ) throws(MaquetteError) -> JSONObject {
    try replace(id, matching: query, with: document, files: files, in: nil)
  }

  func replace(
    _ id: String, matching query: Query = Query(), with document: JSONObject, files: [StoredFile],
    in dataset: String?
  ) throws(MaquetteError) -> JSONObject {
    let folder = try Folder(files)
    let given = try Record(document, id: try Self.identifier(id))
    return try write { (session) throws(MaquetteError) in
      var writing = Writing(session)
      let old = try Self.target(id, query, query.parts.union(.fields), dataset, session)
      try writing.change(old, to: given, as: .updated, folder)
      return try writing.carryOut()
    }[0].document(selecting: query.select)
  }

  /// Changes members of a document, with files, in one transaction.
  ///
  /// The members given take the place of those of their names, whole (what is nested is not merged); the others stay, and
  /// so do the id and `createdAt`, whatever is given. `updatedAt` moves. The old files go if new ones come, or if `files`
  /// is given and names none of them.
  ///
  /// - Parameter query: what the document that is there must match as well.
  /// - Returns: the document as it is stored.
  /// - Throws: ``MaquetteError/Code/notFound``, and what ``create(_:files:)`` throws.
  public func patch(
    _ id: String, matching query: Query = Query(), with changes: JSONObject, files: [StoredFile] = []
  ) throws(MaquetteError) -> JSONObject {
    try patch(id, matching: query, with: changes, files: files, in: nil)
  }

  func patch(
    _ id: String, matching query: Query, with changes: JSONObject, files: [StoredFile], in dataset: String?
  ) throws(MaquetteError) -> JSONObject {
    let folder = try Folder(files)
    let patch = try Patch(changes)
    return try write { (session) throws(MaquetteError) in
      var writing = Writing(session)
      let old = try Self.target(id, query, .all, dataset, session)
      try writing.change(old, to: try patch.applied(to: old), as: .patched, folder)
      return try writing.carryOut()
    }[0].document(selecting: query.select)
  }

  /// Changes members of all documents that match a query, in one transaction and with an event for each: all of them, or
  /// none. See ``patch(_:matching:with:files:)``.
  ///
  /// - Returns: the documents as they are stored, in the order the query asks for.
  /// - Throws: ``MaquetteError/Code/invalidArgument`` for a query with `$limit` or `$skip`, which no store heeds here;
  ///   what ``create(_:files:)`` throws.
  public func patch(
    matching query: Query, with changes: JSONObject
  ) throws(MaquetteError) -> [JSONObject] {
    try patch(matching: query, with: changes, in: nil)
  }

  func patch(
    matching query: Query, with changes: JSONObject, in dataset: String?
  ) throws(MaquetteError) -> [JSONObject] {
    let patch = try Patch(changes)
    try Self.requireAll(query)
    return try write { (session) throws(MaquetteError) -> ([Record], [ServiceEvent]) in
      var writing = Writing(session)
      for old in try Self.targets(query, dataset, session) {
        try writing.change(old, to: try patch.applied(to: old), as: .patched, nil)
      }
      return try writing.carryOut()
    }.map { $0.document(selecting: query.select) }
  }

  // MARK: What is meant

  /// The document of an id, if it matches the query.
  ///
  /// - Throws: ``MaquetteError/Code/notFound`` with the id as its name.
  static func target(
    _ id: String, _ query: Query, _ parts: RecordParts, _ dataset: String?, _ session: any Session
  ) throws(MaquetteError) -> Record {
    guard let record = try session.record(try identifier(id), parts),
      dataset == nil || isSame(record.dataset, dataset), query.condition.matches(record)
    else { throw missing(id) }
    return record
  }

  /// All documents that match a query, whole, in its order.
  static func targets(
    _ query: Query, _ dataset: String?, _ session: any Session
  ) throws(MaquetteError) -> [Record] {
    var records: [Record] = []
    for match in try session.matches(of: query, in: dataset) {
      if let record = try session.record(at: match.place, .all) { records.append(record) }
    }
    return records
  }

  /// - Throws: ``MaquetteError/Code/invalidArgument`` for a query that asks for some of what matches only: Feathers would
  ///   change the others too, which nobody means.
  static func requireAll(_ query: Query) throws(MaquetteError) {
    try query.requireDocuments()
    guard query.limit == nil, query.skip == 0 else {
      let name = query.limit == nil ? "$skip" : "$limit"
      throw MaquetteError(
        .invalidArgument,
        "\(name) is of no use where all documents that match are changed; find them first, and change each by its id",
        name: name)
    }
  }
}

/// Members that take the place of those of a document.
private struct Patch {
  private let changes: JSONObject

  /// - Throws: ``MaquetteError/Code/notFinite``, ``MaquetteError/Code/invalidArgument`` for what can't be stored.
  init(_ changes: JSONObject) throws(MaquetteError) {
    // Checked without any document too, so that a patch that is wrong fails whatever matches.
    var trial = Record(id: DocumentID(high: 0, low: 0))
    try trial.set(changes)
    self.changes = changes
  }

  func applied(to old: Record) throws(MaquetteError) -> Record {
    var record = old.flattened
    try record.set(changes)
    return record
  }
}
