public import MaquetteFormats
import MaquetteSystem

/// One thing that happened to the documents of a service.
public struct ServiceEvent: Sendable {
  public enum Kind: String, Sendable {
    case created, updated, removed
    /// All documents of one dataset are gone; the event's document says only which: `{"datasetName": …}`.
    case cleared
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
  public var document: JSONObject { source.document(Int(row)) }

  /// `{"type": "created", "document": {…}}`
  public var json: JSON { ["type": .string(kind.rawValue), "document": .object(document)] }
}

/// What the events of one transaction have in common.
final class EventSource: Sendable {
  enum Content: Sendable {
    case record(Record)
    case rows(BulkRows)
    case cleared(dataset: String)
  }

  let content: Content
  /// The dataset the record belonged to before.
  let oldDataset: String?
  /// How many instances the datasets it touched have now.
  let counts: [String: Int]
  /// The number of the transaction among those of this store on the service.
  let transaction: UInt64

  init(_ content: Content, oldDataset: String? = nil, counts: [String: Int], _ session: any Session) {
    self.content = content
    self.oldDataset = oldDataset
    self.counts = counts
    transaction = session.version.own + 1
  }

  var dataset: String? {
    switch content {
    case .record(let record): record.dataset
    case .rows(let rows): rows.dataset
    case .cleared(let dataset): dataset
    }
  }

  func document(_ row: Int) -> JSONObject {
    switch content {
    case .record(let record): record.document
    case .rows(let rows): rows.record(row).document
    case .cleared(let dataset): ["datasetName": .string(dataset)]
    }
  }
}
