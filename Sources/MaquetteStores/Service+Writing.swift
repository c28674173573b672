public import MaquetteFormats
import MaquetteKernels
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
    return try write { (session) throws(MaquetteError) in
      var record = given
      guard try session.record(record.id, []) == nil else {
        throw MaquetteError(
          .conflict, "there is a document with the id '\(record.id.text)' already", name: record.id.text)
      }
      try Self.checkWidth(record, session)
      record.updatedAt = try Self.date(record, after: nil, session)
      record.createdAt = record.updatedAt
      record = try session.store(record, with: folder)
      return (record, [ServiceEvent(.created, try Self.source(record, session))])
    }.document
  }

  /// Puts a document, with files, in the place of the one of that id, in one transaction.
  ///
  /// The id and `createdAt` stay, `updatedAt` moves. The old files go, unless no new ones come and the document's
  /// `files` still names one of them.
  ///
  /// - Returns: the document as it is stored.
  /// - Throws: ``MaquetteError/Code/notFound``, and what ``create(_:files:)`` throws.
  public func replace(
    _ id: String, with document: JSONObject, files: [StoredFile] = []
  ) throws(MaquetteError) -> JSONObject {
    try replace(id, with: document, files: files, in: nil)
  }

  func replace(
    _ id: String, with document: JSONObject, files: [StoredFile], in dataset: String?
  ) throws(MaquetteError) -> JSONObject {
    let folder = try Folder(files)
    let given = try Record(document, id: try Self.identifier(id))
    return try write { (session) throws(MaquetteError) in
      var record = given
      guard let old = try session.record(record.id, .fields), dataset == nil || old.dataset == dataset else {
        throw Self.missing(id)
      }
      try Self.checkWidth(record, session)
      record.createdAt = old.createdAt
      record.updatedAt = try Self.date(record, after: old, session)
      record = try session.replace(old, with: record, and: folder)
      return (record, [ServiceEvent(.updated, try Self.source(record, old: old, session))])
    }.document
  }

  /// Removes a document and its files.
  ///
  /// - Returns: the document as it was.
  /// - Throws: ``MaquetteError/Code/notFound`` with the id as its name.
  public func remove(_ id: String) throws(MaquetteError) -> JSONObject { try remove(id, in: nil) }

  func remove(_ id: String, in dataset: String?) throws(MaquetteError) -> JSONObject {
    let identifier = try Self.identifier(id)
    return try write { (session) throws(MaquetteError) in
      guard let record = try session.record(identifier, .all), dataset == nil || record.dataset == dataset
      else {
        throw Self.missing(id)
      }
      try session.deleteFiles(of: identifier)
      try session.delete(record)
      return (record, [ServiceEvent(.removed, try Self.source(record, session))])
    }.document
  }

  /// Now, but later than anything it must be newer than, so that "the newest" has one answer however coarse or wrong
  /// the clock is.
  static func date(_ record: Record, after old: Record?, _ session: any Session) throws(MaquetteError)
    -> Int64
  {
    var date = Timestamp.now().milliseconds
    if let old { date = max(date, later(old)) }
    if let name = record.name, let newest = try session.newest(named: name, []) {
      date = max(date, later(newest))
    }
    return date
  }

  private static func later(_ record: Record) -> Int64 {
    let (date, overflow) = record.updatedAt.addingReportingOverflow(1)
    return overflow ? record.updatedAt : date
  }

  private static func checkWidth(_ record: Record, _ session: any Session) throws(MaquetteError) {
    guard let dataset = record.dataset, let width = record.features?.width else { return }
    // Only where there is a record to leave out does it matter which.
    let isKnown = try session.record(record.id, []) != nil
    guard let present = try session.width(dataset, except: isKnown ? record.id : nil), present != width else {
      return
    }
    throw wrongWidth(dataset, present, width)
  }

  static func wrongWidth(_ dataset: String, _ present: Int, _ given: Int) -> MaquetteError {
    MaquetteError(
      .badShape,
      "the instances of dataset '\(dataset)' have \(present) features, not \(given); clear it to change that",
      name: dataset)
  }

  static func source(
    _ record: Record, old: Record? = nil, _ session: any Session
  ) throws(MaquetteError) -> EventSource {
    var counts: [String: Int] = [:]
    for dataset in [record.dataset, old?.dataset] {
      if let dataset { counts[dataset] = try session.count(dataset) }
    }
    return EventSource(.record(record), oldDataset: old?.dataset, counts: counts, session)
  }
}
