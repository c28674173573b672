import MaquetteFormats
import MaquetteSystem

/// What a store does that keeps things as they are given.
extension Session {
  func currentVersion() throws(MaquetteError) -> StoreVersion { version }

  func store(_ record: Record, with folder: Folder?) throws(MaquetteError) -> Record {
    var record = record
    if let folder { record.fields["files"] = folder.json }
    try insert(record)
    if let folder { try insert(folder, of: record.id) }
    return record
  }

  func replace(
    _ old: Record, with record: Record, and folder: Folder?
  ) throws(MaquetteError) -> Record {
    var record = record
    if folder != nil || !Folder.isShared(old.fields["files"], record.fields["files"]) {
      try deleteFiles(of: record.id)
    }
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
