package import MaquetteFormats
package import MaquetteSystem

/// Documents of one name: the newest counts, those before are its history.
extension Service {
  /// What becomes of a document that is to be stored.
  package enum Placement: Sendable {
    /// It becomes a new document.
    case beside
    /// It takes the place of the one of that id.
    case inPlaceOf(String)
    /// It is not stored.
    case nowhere
  }

  /// Stores a document with files, and removes those of its name that are too many, in one transaction.
  ///
  /// - Parameters:
  ///   - kept: how many of its name stay, the newest; nil: all.
  ///   - decide: gets the newest of its name before, nil where there is none.
  /// - Returns: the document as it is stored; nil if it isn't.
  /// - Throws: as ``create(_:files:)`` and ``replace(_:with:files:)``, and what `decide` throws.
  package func store(
    _ document: JSONObject, files: [StoredFile], keeping kept: Int?,
    _ decide: @escaping @Sendable (JSONObject?) throws(MaquetteError) -> Placement
  ) throws(MaquetteError) -> JSONObject? {
    let folder = try Folder(files)
    let given = try Record(document)
    return try write { (session) throws(MaquetteError) -> (Record?, [ServiceEvent]) in
      let newest = try given.name.map { (name) throws(MaquetteError) in
        try session.newest(named: name, .all)
      }
      let placement = try decide(newest.flatMap { $0 }?.document)
      var (record, events) = (given, [ServiceEvent]())
      switch placement {
      case .nowhere: return (nil, [])
      case .beside:
        guard try session.record(record.id, []) == nil else {
          throw MaquetteError(
            .conflict, "there is a document with the id '\(record.id.text)' already", name: record.id.text)
        }
        try Self.date(&record, after: nil, folder, session)
        try session.insert(record)
        events.append(ServiceEvent(.created, try Self.source(record, session)))
      case .inPlaceOf(let id):
        record = try Record(document, id: try Self.identifier(id))
        guard let old = try session.record(record.id, .fields) else { throw Self.missing(id) }
        try Self.date(&record, after: old, folder, session)
        try session.deleteFiles(of: record.id)
        try session.update(record)
        events.append(ServiceEvent(.updated, try Self.source(record, old: old, session)))
      }
      if let folder { try session.insert(folder, of: record.id) }
      if let kept, let name = record.name {
        events += try Self.removeVersions(of: name, behind: kept, session)
      }
      return (record, events)
    }?.document
  }

  private static func date(
    _ record: inout Record, after old: Record?, _ folder: Folder?, _ session: any Session
  ) throws(MaquetteError) {
    record.updatedAt = try date(record, after: old, session)
    record.createdAt = old?.createdAt ?? record.updatedAt
    if let folder { record.fields["files"] = folder.json }
  }

  private static func removeVersions(
    of name: String, behind kept: Int, _ session: any Session
  ) throws(MaquetteError) -> [ServiceEvent] {
    var events: [ServiceEvent] = []
    for version in try versions(of: name, [], session).dropFirst(max(1, kept)) {
      guard let record = try session.record(version.id, .all) else { continue }
      try session.deleteFiles(of: record.id)
      try session.delete(record)
      events.append(ServiceEvent(.removed, try source(record, session)))
    }
    return events
  }

  /// The records of a name, the newest first; of all names for nil.
  private static func versions(
    of name: String?, _ parts: RecordParts, _ session: any Session
  ) throws(MaquetteError) -> [Record] {
    var versions: [Record] = []
    try session.scan(nil, parts, skip: 0) { record in
      if name == nil || record.name == name { versions.append(record) }
      return true
    }
    // Of two with one date the later created comes first, as for ``newest(named:)``.
    return versions.enumerated().sorted {
      ($0.element.updatedAt, $0.offset) > ($1.element.updatedAt, $1.offset)
    }.map(\.element)
  }

  /// The documents of a name, the newest first; of all names for nil.
  package func versions(of name: String?) throws(MaquetteError) -> [JSONObject] {
    try read { (session) throws(MaquetteError) in try Self.versions(of: name, .all, session) }.map(\.document)
  }

  /// Removes a document with its files, or all documents of a name, in one transaction.
  ///
  /// - Returns: those that were removed; none where there is neither.
  package func removeVersions(_ idOrName: String) throws(MaquetteError) -> [JSONObject] {
    try write { (session) throws(MaquetteError) -> ([Record], [ServiceEvent]) in
      var records: [Record] = []
      if let id = DocumentID(idOrName), let record = try session.record(id, .all) {
        records = [record]
      } else {
        for version in try Self.versions(of: idOrName, [], session) {
          if let record = try session.record(version.id, .all) { records.append(record) }
        }
      }
      var events: [ServiceEvent] = []
      for record in records {
        try session.deleteFiles(of: record.id)
        try session.delete(record)
        events.append(ServiceEvent(.removed, try Self.source(record, session)))
      }
      return (records, events)
    }.map(\.document)
  }
}
