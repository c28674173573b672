import MaquetteFormats
import MaquetteKernels
import MaquetteSystem

extension RemoteSession {
  /// Documents of one request, and bytes of its body, of which servers usually take 100 kB.
  private static let mostDocuments = 256
  private static let mostBytes = 80_000

  func store(_ records: [NewRecord]) throws(MaquetteError) -> [Record] {
    var stored: [Record] = []
    stored.reserveCapacity(records.count)
    while stored.count < records.count {
      // What brings its id goes alone: its place among others is when it came.
      let plain = records[stored.count...].prefix { $0.folder == nil && !$0.bringsID }
      if plain.count > 1 {
        stored += try create(plain.map(\.record.remoteMembers))
      } else {
        stored.append(try store(records[stored.count]))
      }
    }
    return stored
  }

  private func store(_ new: NewRecord) throws(MaquetteError) -> Record {
    var record = new.record
    if let folder = new.folder { try keep(folder, in: &record) }
    var document = record.remoteMembers
    if new.bringsID { document["_id"] = .string(backend.ids.text(record.id)) }
    let given = document
    forgetRecord()
    let stored = try self.record(
      of: try service.spaced { () throws(MaquetteError) in try client.create(service.name, given) })
    service.withWatch { $0.noteOwn(stored, isNew: true) }
    return stored
  }

  /// Stores files, before the document that names them.
  private func keep(_ folder: Folder, in record: inout Record) throws(MaquetteError) {
    record.fields["files"] = folder.json
    if service.name == RemoteFiles.uploadService, folder.files.allSatisfy({ Self.isOfModel($0.name) }),
      let places = try client.upload(folder.files, to: service.name)
    {
      record.fields["files"] = .array(places.map { .array([.string($0.name), .string($0.place)]) })
      return
    }
    try backend.files.insert(folder, owner: service.name)
  }

  /// Whether a Marcelle backend takes a file of that name.
  private static func isOfModel(_ name: String) -> Bool {
    if name == "model.json" || name == "model.weights.bin" { return true }
    // Not `contains("shard")`: that links the regular expressions, 1.3 MB.
    return name.hasSuffix(".bin") && name.indices.contains { name[$0...].hasPrefix("shard") }
  }

  /// Stores documents in requests of many.
  private func create(_ documents: [JSONObject]) throws(MaquetteError) -> [Record] {
    var records: [Record] = []
    records.reserveCapacity(documents.count)
    while records.count < documents.count {
      var batch: [JSONObject] = []
      var bytes = 0
      for document in documents[records.count...].prefix(Self.mostDocuments) {
        bytes += JSON.object(document).description.utf8.count + 1
        if !batch.isEmpty && bytes > Self.mostBytes { break }
        batch.append(document)
      }
      let given = batch
      let stored = try service.spaced { () throws(MaquetteError) in try client.create(service.name, given) }
      for document in stored { records.append(try record(of: document)) }
    }
    service.withWatch { watch in
      for record in records { watch.noteOwn(record, isNew: true) }
    }
    return records
  }

  func insert(_ record: Record) throws(MaquetteError) { _ = try store(NewRecord(record: record)) }

  func insert(_ rows: BulkRows) throws(MaquetteError) { _ = try store(rows) }

  func insert(_ predictions: BulkPredictions) throws(MaquetteError) { _ = try store(predictions) }

  func store(_ rows: BulkRows) throws(MaquetteError) -> EventSource.Content {
    .records(try storeInBlocks(rows.ids.count) { rows.record($0) })
  }

  func store(_ predictions: BulkPredictions) throws(MaquetteError) -> EventSource.Content {
    _ = try storeInBlocks(predictions.count) { predictions.record($0) }
    // Whoever follows a batch takes it from the matrix; the ids in it are not those of the documents.
    return .predictions(predictions)
  }

  /// As documents, rows take much more memory than as a matrix.
  private func storeInBlocks(_ count: Int, _ row: (Int) -> Record) throws(MaquetteError) -> [Record] {
    var records: [Record] = []
    for start in stride(from: 0, to: count, by: 1024) {
      records += try create((start..<min(start + 1024, count)).map { row($0).remoteMembers })
    }
    return records
  }

  // MARK: Changing

  func update(_ record: Record) throws(MaquetteError) {
    guard let old = try self.record(record.id, .all) else { return }
    _ = try replace(old, with: record, nil, dropsFiles: false)
  }

  func replace(
    _ old: Record, with record: Record, _ folder: Folder?, dropsFiles: Bool
  ) throws(MaquetteError) -> Record {
    var record = record
    if dropsFiles { foldersToDelete += Self.folders(old) }
    if let folder { try keep(folder, in: &record) }
    let (before, after) = (old.remoteMembers, record.remoteMembers)
    let id = backend.ids.text(record.id)
    forgetRecord()
    let document = try service.spaced { () throws(MaquetteError) in
      // A patch leaves the server's own date of creation as it is, but can't take a member away.
      if before.names.allSatisfy({ after[$0] != nil }) {
        let changed = after.members.filter { before[$0.name] != $0.value }.map { ($0.name, $0.value) }
        return try client.patch(service.name, id, JSONObject(changed))
      }
      var whole = after
      whole["createdAt"] = .string(Timestamp(milliseconds: old.createdAt).description)
      return try client.update(service.name, id, whole)
    }
    let stored = try self.record(of: document)
    service.withWatch { $0.noteOwn(stored, isNew: false) }
    return stored
  }

  // MARK: Removing

  func delete(_ record: Record) throws(MaquetteError) {
    let id = backend.ids.text(record.id)
    forgetRecord()
    try service.spaced { () throws(MaquetteError) in try client.remove(service.name, id) }
    service.withWatch { $0.noteRemoved([record.id]) }
  }

  func clear(_ dataset: String) throws(MaquetteError) -> Int {
    if try backend.files.hasAny(owner: service.name) {
      try walk(ServerFilter(in: dataset), selecting: ["datasetName", "files"]) { record in
        if isSame(record.dataset, dataset) { foldersToDelete += Self.folders(record) }
        return true
      }
    }
    return try removeAll(ServerFilter(in: dataset), in: dataset)
  }

  /// Removes what matches, in one request where the server can tell what that is.
  @discardableResult
  func removeAll(_ filter: ServerFilter, in dataset: String?) throws(MaquetteError) -> Int {
    forgetRecord()
    if filter.isWhole {
      var query = filter.query
      query.add("$select", ["_id"])
      let all = query
      do throws(MaquetteError) {
        var ids: [DocumentID] = []
        for document in try service.spaced({ () throws(MaquetteError) in
          try client.removeAll(service.name, all)
        }) {
          ids.append(try backend.ids.id(of: document, in: service.name))
        }
        let removed = ids
        service.withWatch { $0.noteRemoved(removed) }
        return ids.count
      } catch  where error.code == .unsupported {
        // This server removes one after the other only.
      }
    }
    var ids: [DocumentID] = []
    try walk(filter, selecting: ["datasetName"]) { record in
      if dataset == nil || isSame(record.dataset, dataset) { ids.append(record.id) }
      return true
    }
    for id in ids {
      try client.remove(service.name, backend.ids.text(id))
      service.withWatch { $0.noteRemoved([id]) }
    }
    return ids.count
  }

  // MARK: Files

  func insert(_ folder: Folder, of id: DocumentID) throws(MaquetteError) {
    try backend.files.insert(folder, owner: service.name)
  }

  func deleteFiles(of id: DocumentID) throws(MaquetteError) {
    guard let record = try record(id, .fields) else { return }
    foldersToDelete += Self.folders(record)
    // Instances have no journals.
    if record.dataset == nil { foldersToDelete.append(Service.journal(of: id)) }
  }

  /// Deletes what belonged to documents that are gone, or have other files now.
  func cleanUp() throws(MaquetteError) {
    guard !foldersToDelete.isEmpty else { return }
    let folders = Array(Set(foldersToDelete)).sorted()
    foldersToDelete = []
    try backend.files.delete(folders)
  }

  private static func folders(_ record: Record) -> [String] {
    (record.fields["files"]?.array ?? []).compactMap {
      $0.array?.last?.string.flatMap { Folder.split($0)?.folder }
    }
  }

  func folders(beginning prefix: String) throws(MaquetteError) -> [String] {
    try backend.files.folders(beginning: prefix, owner: service.name)
  }

  func files(in folder: String) throws(MaquetteError) -> [StoredFile] { try backend.files.files(in: folder) }

  func delete(folder: String, of id: DocumentID) throws(MaquetteError) { try backend.files.delete([folder]) }
}
