import MaquetteFormats
import MaquetteSystem

/// Work on one service of a server, request by request.
final class RemoteSession: Session {
  let backend: RemoteBackend
  let service: RemoteService
  let version: StoreVersion

  /// What is to be done once all else has been: a document goes before its files, so that none is without them.
  var foldersToDelete: [String] = []
  /// What the predictions of the service are like, once somebody wanted to know.
  private var form: PredictionForm??
  /// The ids of the records that were scanned, by their places.
  var scanned: [DocumentID] = []
  /// How many records came before each of them.
  var ranks: [Int] = []
  /// The record that was read last.
  private var last: Record?

  init(_ backend: RemoteBackend, _ service: RemoteService) {
    self.backend = backend
    self.service = service
    version = service.version
  }

  var client: FeathersClient { backend.client }

  func requirePresence() {}

  /// Whether anything has changed is told by how many documents there are, and by the latest date among them.
  func currentVersion() throws(MaquetteError) -> StoreVersion { service.note(try stamp()) }

  func stamp() throws(MaquetteError) -> RemoteStamp {
    var query = QueryString()
    query.add(["$sort", "updatedAt"], "-1")
    query.add("$limit", "1")
    query.add("$select", ["updatedAt"])
    let page = try client.find(service.name, query)
    var newest: Int64 = 0
    if let document = page.documents.first {
      newest = Record(remote: document, id: try backend.ids.id(of: document, in: service.name)).updatedAt
    }
    return RemoteStamp(total: page.total, updatedAt: newest)
  }

  // MARK: Documents as records

  func record(of document: JSONObject) throws(MaquetteError) -> Record {
    var known: PredictionForm?
    if document[Record.instanceDate] != nil { known = try predictionForm() }
    let record = Record(remote: document, id: try backend.ids.id(of: document, in: service.name), form: known)
    if service.name == RemoteFiles.uploadService { backend.noteUploads(of: record) }
    return record
  }

  private func predictionForm() throws(MaquetteError) -> PredictionForm? {
    if let form { return form }
    let found = try predictionRun()?.form
    form = .some(found)
    return found
  }

  func forgetPredictionForm() { form = nil }

  /// The members that must come from the server; nil for all.
  static func members(_ parts: RecordParts) -> [String]? {
    if parts.contains(.fields) { return nil }
    return ["createdAt", "updatedAt", "datasetName", "name"] + (parts.contains(.label) ? ["y"] : [])
      + (parts.contains(.features) ? ["x"] : [])
  }

  func record(_ id: DocumentID, _ parts: RecordParts) throws(MaquetteError) -> Record? {
    if let last, last.id == id { return last }
    var query = QueryString()
    if let members = Self.members(parts) { query.add("$select", members) }
    var document = try client.get(service.name, backend.ids.text(id), query)
    if document == nil, let other = backend.ids.otherText(id) {
      document = try client.get(service.name, other, query)
    }
    guard let document else { return nil }
    let record = try record(of: document)
    // Whoever changes a document reads it more than once.
    last = parts.contains(.fields) ? record : nil
    return record
  }

  func forgetRecord() { last = nil }

  func record(at place: Int64, _ parts: RecordParts) throws(MaquetteError) -> Record? {
    guard let index = Int(exactly: place), scanned.indices.contains(index) else { return nil }
    var record = try record(scanned[index], parts)
    record?.place = place
    return record
  }

  /// The records of ids, in any order; those that are gone are left out.
  func records(_ ids: [DocumentID], selecting members: [String]?) throws(MaquetteError) -> [DocumentID:
    Record]
  {
    var records: [DocumentID: Record] = [:]
    // More elements than 20 a server's parser may take for an object.
    for start in stride(from: 0, to: ids.count, by: 20) {
      var query = QueryString()
      for id in ids[start...].prefix(20) { query.add(["_id", "$in", ""], backend.ids.text(id)) }
      if let members { query.add("$select", members) }
      var pages = PageWalk(client, service.name, query)
      while let documents = try pages.next() {
        for document in documents {
          let record = try record(of: document)
          records[record.id] = record
        }
      }
    }
    return records
  }

  func newest(named name: String, _ parts: RecordParts) throws(MaquetteError) -> Record? {
    var query = QueryString()
    if let members = Self.members(parts) { query.add("$select", members) }
    guard ServerFilter.isPlain(name) else {
      var newest: Record?
      try walk(ServerFilter(), selecting: Self.members(parts)) { record in
        if isSame(record.name, name), newest.map({ $0.updatedAt <= record.updatedAt }) ?? true {
          newest = record
        }
        return true
      }
      return newest
    }
    query.add("name", name)
    query.add(["$sort", "updatedAt"], "-1")
    query.add(["$sort", "createdAt"], "-1")
    query.add(["$sort", "_id"], "-1")
    query.add("$limit", "1")
    guard let document = try client.find(service.name, query).documents.first else { return nil }
    return try record(of: document)
  }

  // MARK: Predictions

  /// What the predictions of a service have in common is a file of no document.
  private var runFolder: String { "run-" + service.name }

  func predictionRun() throws(MaquetteError) -> PredictionRun? {
    guard let bytes = try backend.files.files(in: runFolder).last?.bytes else { return nil }
    guard let run = (try? JSON(parsing: bytes)).flatMap({ PredictionRun($0) }) else {
      throw MaquetteError(
        .badFormat, "what is known of the predictions in '\(service.name)' is damaged", name: service.name)
    }
    return run
  }

  func predictions(_ form: PredictionForm) throws(MaquetteError) -> PredictionTable {
    var builder = PredictionBuilder(form, capacity: 0)
    try walk(ServerFilter(), selecting: nil) { (record) throws(MaquetteError) in
      try builder.add(record)
      return true
    }
    return try builder.table()
  }

  func begin(_ run: PredictionRun?) throws(MaquetteError) {
    try removeAll(ServerFilter(), in: nil)
    try backend.files.deleteAll(owner: service.name)
    forgetPredictionForm()
    guard let run else { return }
    let file = StoredFile(name: "run.json", bytes: Array(run.json.description.utf8))
    try backend.files.insert(Folder(name: runFolder, file), owner: service.name)
  }
}
