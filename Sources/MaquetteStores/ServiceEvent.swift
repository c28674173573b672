public import MaquetteFormats
import MaquetteSystem

/// One thing that happened to the documents of a service.
public struct ServiceEvent: Sendable {
  public enum Kind: String, Sendable {
    case created, updated
    /// Some of its members changed.
    case patched
    case removed
    /// All documents of one dataset are gone, or of the service; the event's document says only of which dataset:
    /// `{"datasetName": …}`, or nothing.
    case cleared
    /// Somebody else changed more than can be told one by one: whoever mirrors the documents reads them anew. The
    /// event's document is empty.
    case reloaded
  }

  public let kind: Kind
  let source: EventSource
  let row: Int32

  init(_ kind: Kind, _ source: EventSource, row: Int32 = 0) {
    self.kind = kind
    self.source = source
    self.row = row
  }

  /// The document as it is now, or as it was when it was removed. Made anew at every call: nothing is made for
  /// events nobody looks at.
  ///
  /// Of what others did, see ``isForeign``, the document is read from the store when it is asked for; of one that is
  /// gone by then, and of one that they removed, only the `id` and the `datasetName` are known.
  public var document: JSONObject { source.document(Int(row)) }

  /// The document as the store keeps it; nil where it can't be told.
  var record: Record? {
    switch source.content {
    case .record, .rows, .records: source.record(Int(row))
    case .foreign: Record(told: document)
    case .predictions, .cleared: nil
    }
  }

  /// Whether another process did it, or another ``DataStore`` on the same file.
  public var isForeign: Bool {
    if case .foreign = source.content { true } else { false }
  }

  /// The number of the transaction it happened in, among those of this store on the service.
  package var transaction: UInt64 { source.transaction }

  /// All the predictions that were stored at once, this being one of them; nil for any other event.
  package var predictions: BulkPredictions? {
    if case .predictions(let predictions) = source.content { predictions } else { nil }
  }

  /// `{"type": "created", "document": {…}}`
  public var json: JSON { ["type": .string(kind.rawValue), "document": .object(document)] }

  /// Writes ``json``.
  func write(to text: inout JSONWriter) {
    text.beginObject()
    text.name("type")
    text.write(kind.rawValue)
    text.name("document")
    writeDocument(to: &text)
    text.endObject()
  }

  /// Writes ``document``.
  func writeDocument(to text: inout JSONWriter) {
    if let known { return known.write(to: &text) }
    text.write(.object(document))
  }

  /// What is told of the document is all of this record; nil where there is none.
  private var known: Record? { source.record(Int(row)) }
}

/// What the events of one transaction have in common.
final class EventSource: Sendable {
  enum Content: Sendable {
    case record(Record)
    case rows(BulkRows)
    /// Of one dataset, where it has any; at least one.
    case records([Record])
    case predictions(BulkPredictions)
    /// Of a dataset; nil: all documents of the service.
    case cleared(dataset: String?)
    /// What somebody else did.
    case foreign(ForeignDocuments)
  }

  let content: Content
  /// The dataset the record belonged to before.
  let oldDataset: String?
  /// How many instances the datasets it touched have now.
  let counts: DatasetCounts
  /// The number of the transaction among those of this store on the service.
  let transaction: UInt64

  init(
    _ content: Content, oldDataset: String? = nil, counts: DatasetCounts = DatasetCounts(),
    _ session: any Session
  ) {
    self.content = content
    self.oldDataset = oldDataset
    self.counts = counts
    transaction = session.version.own + 1
  }

  /// Of what somebody else did.
  init(_ documents: ForeignDocuments) {
    content = .foreign(documents)
    oldDataset = documents.change.entry.oldDataset
    counts = documents.change.counts
    transaction = documents.change.transaction
  }

  /// Of documents that were made at once.
  var consecutiveIDs: DocumentIDRange? {
    switch content {
    case .rows(let rows): rows.ids
    case .predictions(let predictions): predictions.ids
    case .record, .records, .cleared, .foreign: nil
    }
  }

  /// Of the one document it is about.
  var recordID: DocumentID? {
    if case .record(let record) = content { record.id } else { nil }
  }

  var dataset: String? {
    switch content {
    case .record(let record): record.dataset
    case .rows(let rows): rows.dataset
    case .records(let records): records.first?.dataset
    case .predictions: nil
    case .cleared(let dataset): dataset
    case .foreign(let documents): documents.change.entry.dataset
    }
  }

  /// The record of a document; nil where there is none, or not all of it is known.
  func record(_ row: Int) -> Record? {
    switch content {
    case .record(let record): record
    case .rows(let rows): rows.record(row)
    case .records(let records): records[row]
    case .predictions(let predictions): predictions.record(row)
    case .cleared: nil
    case .foreign(let documents): documents.record(row)
    }
  }

  func document(_ row: Int) -> JSONObject {
    if let record = record(row) { return record.document }
    if case .foreign(let documents) = content { return documents.remains(row) }
    return dataset.map { ["datasetName": .string($0)] } ?? [:]
  }
}
