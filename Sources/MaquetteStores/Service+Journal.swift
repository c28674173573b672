package import MaquetteFormats
package import MaquetteSystem

/// Documents that grow while something goes on: each small piece goes into the document's journal, which costs the same
/// however much is there, and now and then the document takes up what its journal holds.
///
/// A journal is a folder of files beside the document: it goes when the document goes, and in one transaction with the
/// change of the document that takes it up. Documents that have one are found without looking at the others, which makes
/// its first piece a place for who writes the document.
extension Service {
  private static let journalPrefix = "journal-"

  static func journal(of id: DocumentID) -> String { journalPrefix + id.text }

  /// An id for a document that is to be created, greater than all this process made before.
  package static func newID() -> String { DocumentID.make().text }

  /// Stores a new document with the name `base-N`, N one above the greatest of the documents that are named so, from 1.
  ///
  /// Finding the number and storing the document are one transaction: two processes never get the same.
  ///
  /// - Parameter piece: the first of a journal; nil: the document has none.
  /// - Throws: as ``create(_:files:)``.
  package func create(
    _ document: JSONObject, numberedAfter base: String, journal piece: StoredFile? = nil
  ) throws(MaquetteError) -> JSONObject {
    let given = try Record(document)
    return try write { (session) throws(MaquetteError) in
      guard try session.record(given.id, []) == nil else {
        throw MaquetteError(
          .conflict, "there is a document with the id '\(given.id.text)' already", name: given.id.text)
      }
      var greatest = 0
      try session.scan(nil, [], skip: 0) { record in
        greatest = max(greatest, Self.number(record.name, after: base) ?? 0)
        return true
      }
      var record = given
      record.name = "\(base)-\(greatest + 1)"
      record.updatedAt = try Self.date(record, after: nil, session)
      record.createdAt = record.updatedAt
      record = try session.store(record, bringsID: document["id"] != nil)
      if let piece {
        try session.insert(Folder(name: Self.journal(of: record.id), piece), of: record.id)
      }
      return (record, [ServiceEvent(.created, try Self.source(record, session))])
    }.document
  }

  /// The N of `base-N`; nil for any other name.
  private static func number(_ name: String?, after base: String) -> Int? {
    guard let name, name.utf8.starts(with: base.utf8) else { return nil }
    let rest = name.utf8.dropFirst(base.utf8.count)
    // More digits than anybody counts to might not fit.
    guard rest.first == UInt8(ascii: "-"), (2...16).contains(rest.count) else { return nil }
    var number = 0
    for digit in rest.dropFirst() {
      guard (48...57).contains(digit) else { return nil }
      number = number * 10 + Int(digit) - 48
    }
    return number
  }

  /// Adds a piece to the journal of a document. The document itself stays as it is, and so does its `updatedAt`.
  ///
  /// This does not wait for the disk: the piece survives the death of the process at once, and a loss of power with
  /// whatever is written next that does wait.
  ///
  /// - Parameter name: of the piece, which no other piece that is still there has.
  /// - Throws: ``MaquetteError/Code/notFound`` with the id as its name.
  package func add(_ piece: [UInt8], named name: String, toJournalOf id: String) throws(MaquetteError) {
    let identifier = try Self.identifier(id)
    let folder = Folder(name: Self.journal(of: identifier), StoredFile(name: name, bytes: piece))
    try writeAhead { (session) throws(MaquetteError) in
      guard try session.record(identifier, []) != nil else { throw Self.missing(id) }
      try session.insert(folder, of: identifier)
    }
  }

  /// A document and the pieces of its journal, in the order they came; no pieces where it has none.
  ///
  /// - Throws: ``MaquetteError/Code/notFound`` with the id as its name.
  package func getWithJournal(
    _ id: String
  ) throws(MaquetteError) -> (document: JSONObject, journal: [[UInt8]]) {
    let identifier = try Self.identifier(id)
    let (record, journal) = try read { (session) throws(MaquetteError) in
      (try session.record(identifier, .all), try session.files(in: Self.journal(of: identifier)))
    }
    guard let record else { throw Self.missing(id) }
    return (record.document, journal.map(\.bytes))
  }

  /// The ids of the documents that have a journal.
  package func idsWithJournal() throws(MaquetteError) -> [String] {
    try read { (session) throws(MaquetteError) in try session.folders(beginning: Self.journalPrefix) }
      .map { String($0.dropFirst(Self.journalPrefix.count)) }
  }

  /// Changes a document in one transaction, and ends its journal, which the change takes up.
  ///
  /// The id, `createdAt` and the files stay, `updatedAt` moves.
  ///
  /// - Parameters:
  ///   - piece: what the journal begins anew with; nil: the document has none any more.
  ///   - body: gets the document as it is and the pieces of its journal. Returns whether to go on; where it doesn't,
  ///     nothing changes.
  /// - Returns: the document as it is stored now.
  /// - Throws: ``MaquetteError/Code/notFound`` with the id as its name; what `body` throws; as ``replace(_:with:files:)``.
  @discardableResult
  package func change(
    _ id: String, leaving piece: StoredFile? = nil,
    _ body: @escaping @Sendable (inout JSONObject, [[UInt8]]) throws(MaquetteError) -> Bool
  ) throws(MaquetteError) -> JSONObject {
    let identifier = try Self.identifier(id)
    let beginning = piece.map { Folder(name: Self.journal(of: identifier), $0) }
    return try write { (session) throws(MaquetteError) in
      guard let old = try session.record(identifier, .all) else { throw Self.missing(id) }
      let folder = Self.journal(of: identifier)
      let journal = try session.files(in: folder)
      var document = old.document
      guard try body(&document, journal.map(\.bytes)) else { return (old, []) }
      var record = try Record(document, id: identifier)
      record.createdAt = old.createdAt
      record.updatedAt = try Self.date(record, after: old, session)
      // The document comes first: where there are no transactions, nothing is lost in between.
      record = try session.replace(old, with: record, nil, dropsFiles: false)
      if !journal.isEmpty { try session.delete(folder: folder, of: identifier) }
      if let beginning { try session.insert(beginning, of: identifier) }
      return (record, [ServiceEvent(.updated, try Self.source(record, old: old, session))])
    }.document
  }
}
