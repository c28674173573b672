import MaquetteFormats
import MaquetteKernels
import MaquetteSystem

final class MemorySession: Session {
  let content: MemoryContent
  let backend: MemoryBackend

  init(_ content: MemoryContent, _ backend: MemoryBackend) {
    self.content = content
    self.backend = backend
  }

  var version: StoreVersion { content.version }

  func requirePresence() {}

  func record(_ id: DocumentID, _ parts: RecordParts) -> Record? {
    content.place(of: id).flatMap { record(at: Int64($0), parts) }
  }

  func record(at place: Int64, _ parts: RecordParts) -> Record? {
    guard let index = Int(exactly: place) else { return nil }
    var record = content.record(at: index, parts)
    record?.place = place
    return record
  }

  func position(of record: Record) -> Int64 { content.position(at: Int(record.place)) }

  func scan(
    _ dataset: String?, _ parts: RecordParts, behind position: Int64, skip: Int,
    _ body: (Record) throws(MaquetteError) -> Bool
  ) throws(MaquetteError) {
    var toSkip = skip
    for place in content.place(after: position)..<content.endOfPlaces {
      guard var record = content.record(at: place, parts), dataset == nil || isSame(record.dataset, dataset)
      else {
        continue
      }
      if toSkip > 0 {
        toSkip -= 1
        continue
      }
      record.place = Int64(place)
      if try !body(record) { return }
    }
  }

  func count(_ dataset: String?) -> Int {
    guard let dataset else { return content.count }
    return content.tally(of: dataset)?.count ?? 0
  }

  func width(_ dataset: String, except id: DocumentID?) -> Int? {
    guard let tally = content.tally(of: dataset) else { return nil }
    guard let id else { return tally.widths.first { $0.value > 0 }?.key }
    var widths = tally.widths
    if let record = record(id, .features), isSame(record.dataset, dataset), let width = record.features?.width
    {
      widths[width, default: 0] -= 1
    }
    return widths.first { $0.value > 0 }?.key
  }

  func newest(named name: String, _ parts: RecordParts) -> Record? {
    var newest: Record?
    for place in 0..<content.endOfPlaces {
      guard let record = content.record(at: place, parts), isSame(record.name, name) else { continue }
      if newest.map({ $0.updatedAt < record.updatedAt }) ?? true { newest = record }
    }
    return newest
  }

  func table(_ dataset: String, _ target: TargetKind) throws(MaquetteError) -> InstanceTable {
    var builder = TableBuilder(
      target, capacity: count(dataset), width: width(dataset, except: nil), keepsIDs: false)
    try scan(dataset, .all, skip: 0) { (record) throws(MaquetteError) in
      try builder.add(record)
      return true
    }
    return try builder.table()
  }

  func block(_ request: BlockRequest) throws(MaquetteError) -> Block {
    var builder = TableBuilder(
      request.target, capacity: max(1, min(request.rows, count(request.dataset))),
      width: request.width ?? (request.field == "x" ? width(request.dataset, except: nil) : nil),
      targetWidth: request.targetWidth, labels: request.labels, keepsIDs: true, field: request.field,
      keepsTruth: request.keepsTruth)
    var next = request
    var place = content.place(after: request.position)
    while place < content.endOfPlaces, builder.count < builder.capacity {
      if let record = content.record(at: place), isSame(record.dataset, request.dataset) {
        try builder.add(record)
        next.position = content.position(at: place)
      }
      place += 1
    }
    next.width = builder.width
    next.targetWidth = builder.targetWidth
    next.labels = builder.labels
    return Block(table: try builder.table(), next: next)
  }

  func insert(_ record: Record) { content.add(record) }

  func insert(_ rows: BulkRows) { content.add(rows) }

  func update(_ record: Record) {
    guard let place = content.place(of: record.id) else { return }
    content.replace(at: place, by: record)
  }

  func delete(_ record: Record) { content.remove(record.id) }

  func clear(_ dataset: String) -> Int {
    var removed = 0
    for place in 0..<content.endOfPlaces {
      guard let record = content.record(at: place, []), isSame(record.dataset, dataset) else { continue }
      content.leaveGap(at: place, record.id)
      backend.dropFiles(of: record.id, in: content)
      removed += 1
    }
    content.dropTally(of: dataset)
    content.closeGaps()
    return removed
  }

  func insert(_ folder: Folder, of id: DocumentID) { backend.keep(folder, of: id, in: content) }

  func deleteFiles(of id: DocumentID) { backend.dropFiles(of: id, in: content) }

  func folders(beginning prefix: String) -> [String] {
    content.folders.values.joined().filter { $0.hasPrefix(prefix) }.sorted()
  }

  func files(in folder: String) -> [StoredFile] { backend.files(in: folder) }

  func delete(folder: String, of id: DocumentID) { backend.drop(folder, of: id, in: content) }
}
