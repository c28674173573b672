import MaquetteFormats
import MaquetteKernels
import MaquetteSystem

/// What a store does that keeps things as they are given.
extension Session {
  func currentVersion() throws(MaquetteError) -> StoreVersion { version }

  func read(_ dataset: String, into features: FloatBuffer) throws(MaquetteError) -> LabelColumn? { nil }

  func store(_ records: [NewRecord]) throws(MaquetteError) -> [Record] {
    var stored: [Record] = []
    stored.reserveCapacity(records.count)
    for new in records {
      var record = new.record
      if let folder = new.folder { record.fields["files"] = folder.json }
      try insert(record)
      if let folder = new.folder { try insert(folder, of: record.id) }
      stored.append(record)
    }
    return stored
  }

  /// Stores one new record without files.
  func store(_ record: Record, bringsID: Bool) throws(MaquetteError) -> Record {
    try store([NewRecord(record: record, bringsID: bringsID)]).first ?? record
  }

  func replace(
    _ old: Record, with record: Record, _ folder: Folder?, dropsFiles: Bool
  ) throws(MaquetteError) -> Record {
    var record = record
    if dropsFiles { try deleteFiles(of: record.id) }
    if let folder {
      record.fields["files"] = folder.json
      try insert(folder, of: record.id)
    }
    try update(record)
    return record
  }

  func store(_ rows: BulkRows) throws(MaquetteError) -> EventSource.Content {
    try insert(rows)
    return .rows(rows)
  }

  func store(_ predictions: BulkPredictions) throws(MaquetteError) -> EventSource.Content {
    try insert(predictions)
    return .predictions(predictions)
  }
}
