public import MaquetteFormats
public import MaquetteSystem

extension Service {
  /// Stores a new document, with files, in one transaction.
  ///
  /// The document gets an id unless it brings one, and both dates. With files its `files` becomes
  /// `[["model.json", "<folder>/model.json"], …]`, for ``file(at:)``.
  ///
  /// - Returns: the document as it is stored.
  /// - Throws: ``MaquetteError/Code/conflict`` when there is a document of its id, ``MaquetteError/Code/badShape`` for
  ///   an instance of another width than its dataset has, ``MaquetteError/Code/notFinite``,
  ///   ``MaquetteError/Code/invalidArgument``, or what writing meets.
  public func create(_ document: JSONObject, files: [StoredFile] = []) throws(MaquetteError) -> JSONObject {
    let folder = try Folder(files)
    let given = try Record(document)
    let bringsID = Self.bringsID(document)
    return try write { (session) throws(MaquetteError) in
      var writing = Writing(session)
      try writing.create(given, folder, bringsID: bringsID)
      return try writing.carryOut()
    }[0].document
  }

  /// Stores new documents in one transaction, with an event for each: all of them, or none.
  ///
  /// - Returns: the documents as they are stored, in their order.
  /// - Throws: as ``create(_:files:)``; the message says which of the documents it is about, counted from 0.
  public func create(_ documents: [JSONObject]) throws(MaquetteError) -> [JSONObject] {
    guard !documents.isEmpty else { return [] }
    var given: [(record: Record, bringsID: Bool)] = []
    given.reserveCapacity(documents.count)
    for (place, document) in documents.enumerated() {
      do throws(MaquetteError) {
        given.append((try Record(document), Self.bringsID(document)))
      } catch { throw Self.explain(error, place, of: documents.count) }
    }
    let checked = given
    return try write { (session) throws(MaquetteError) -> ([Record], [ServiceEvent]) in
      var writing = Writing(session)
      for (place, (record, bringsID)) in checked.enumerated() {
        do throws(MaquetteError) {
          try writing.create(record, nil, bringsID: bringsID)
        } catch { throw Self.explain(error, place, of: checked.count) }
      }
      return try writing.carryOut()
    }.map(\.document)
  }

  private static func bringsID(_ document: JSONObject) -> Bool {
    document["id"].map { !$0.isNull } ?? false
  }

  private static func explain(_ error: MaquetteError, _ place: Int, of count: Int) -> MaquetteError {
    MaquetteError(error.code, "document \(place) of \(count): \(error.message)", name: error.name)
  }
}
