public import MaquetteFormats
public import MaquetteSystem

extension Service {
  /// Removes a document and its files.
  ///
  /// - Parameter query: what the document must match as well.
  /// - Returns: the document as it was.
  /// - Throws: ``MaquetteError/Code/notFound`` with the id as its name.
  public func remove(_ id: String, matching query: Query = Query()) throws(MaquetteError) -> JSONObject {
    try remove(id, matching: query, in: nil)
  }

  func remove(_ id: String, matching query: Query, in dataset: String?) throws(MaquetteError) -> JSONObject {
    try write { (session) throws(MaquetteError) in
      var writing = Writing(session)
      let record = try Self.target(id, query, .all, dataset, session)
      writing.remove(record)
      return try writing.carryOut()
    }[0].document(selecting: query.select)
  }

  /// Removes all documents that match a query, and their files, in one transaction and with an event for each.
  ///
  /// - Returns: the documents as they were, in the order the query asks for.
  /// - Throws: ``MaquetteError/Code/invalidArgument`` for a query with `$limit` or `$skip`, which no store heeds here; or
  ///   what writing meets.
  public func remove(matching query: Query) throws(MaquetteError) -> [JSONObject] {
    try remove(matching: query, in: nil)
  }

  func remove(matching query: Query, in dataset: String?) throws(MaquetteError) -> [JSONObject] {
    try Self.requireAll(query)
    return try write { (session) throws(MaquetteError) -> ([Record], [ServiceEvent]) in
      var writing = Writing(session)
      let records = try Self.targets(query, dataset, session)
      for record in records { writing.remove(record) }
      return try writing.carryOut()
    }.map { $0.document(selecting: query.select) }
  }
}
