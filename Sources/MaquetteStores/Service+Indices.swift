public import MaquetteSystem

extension Service {
  /// Makes an index, so that queries about a member need not look at every document; where there is one already,
  /// nothing happens.
  ///
  /// An index is kept in the store, and with every document that is written: adding 100,000 instances at once takes
  /// about one and a half times as long with one on `y`. It pays where queries about a label, or about dates, come
  /// again and again. Answers are the same with and without. A store in memory takes note of nothing.
  ///
  /// - Parameter field: `y`, `createdAt`, `updatedAt` or `datasetName`; `id` and `name` have theirs from the start.
  /// - Throws: ``MaquetteError/Code/unsupported`` for another member, and what writing meets.
  public func createIndex(on field: String) throws(MaquetteError) {
    let field = try IndexedField(field)
    try write { (session) throws(MaquetteError) in (try session.createIndex(on: field), []) }
  }
}

extension Dataset {
  /// Makes an index for the instances of this dataset, and of others in its service; see ``Service/createIndex(on:)``.
  public func createIndex(on field: String) throws(MaquetteError) { try service.createIndex(on: field) }
}

extension Session {
  /// A store that looks at everything needs no index.
  func createIndex(on field: IndexedField) throws(MaquetteError) {}
}
