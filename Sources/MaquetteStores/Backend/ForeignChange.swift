import MaquetteSystem

/// What somebody else, in this process or another, did to a service.
struct ForeignChange: Sendable {
  var entry: ChangeEntry
  /// How many instances the datasets it touched have now.
  var counts = DatasetCounts()
  /// Its number among the transactions on the service: ``StoreVersion/own`` counts it in.
  var transaction: UInt64 = 0
}

/// Whom a backend tells what others do to a service.
struct ChangeReceiver: Sendable {
  /// Takes changes in, in their order and before any transaction of this store that comes later. It must not call the
  /// store.
  let receive: @Sendable ([ForeignChange]) -> Void
  /// Hands out what was taken in; to be called on a thread that holds no lock and is not the store's.
  let handOut: @Sendable () -> Void
}

/// A line of the log that a transaction leaves for others: one thing that happened to one document or to many.
struct ChangeEntry: Sendable, Equatable {
  var kind: ServiceEvent.Kind
  /// Of the documents; none where a dataset or the whole service is meant.
  var ids = ChangedIDs()
  /// What the documents belong to now, or belonged to when they were removed.
  var dataset: String?
  /// What they belonged to before.
  var oldDataset: String?
}

/// The ids of documents in the order of what happened to them.
struct ChangedIDs: Sendable, Equatable {
  /// The first of consecutive ones; else all.
  private let ids: [DocumentID]
  let count: Int

  init(_ ids: [DocumentID] = []) {
    self.ids = ids
    count = ids.count
  }

  init(_ range: DocumentIDRange) {
    ids = range.count > 0 ? [range[0]] : []
    count = range.count
  }

  /// What ``bytes`` and ``count`` gave; nil for what they can't have given.
  init?(bytes: UnsafeRawBufferPointer, count: Int) {
    guard count >= 0, bytes.count % DocumentID.bytes == 0 else { return nil }
    let ids = (0..<bytes.count / DocumentID.bytes).map { DocumentID(bytes: bytes, at: $0 * DocumentID.bytes) }
    guard ids.count == count || ids.count == 1 && count > 0 else { return nil }
    self.ids = ids
    self.count = count
  }

  /// 12 bytes for each id; for consecutive ones those of the first.
  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    for id in ids { id.append(to: &bytes) }
    return bytes
  }

  /// One of them; only below ``count``.
  subscript(index: Int) -> DocumentID {
    ids.count == count ? ids[index] : DocumentIDRange(from: ids[0], count: count)[index]
  }
}

extension ChangeEntry {
  /// The most documents of one entry, where they are listed.
  private static let mostListed = 256
  /// The most entries of one transaction.
  static let most = 64

  /// What a transaction leaves in the log. One that did too many different things says only that much happened.
  static func entries(of events: [ServiceEvent]) -> [ChangeEntry] {
    var entries: [ChangeEntry] = []
    var place = 0
    while place < events.count {
      let event = events[place]
      if let ids = event.source.consecutiveIDs {
        entries.append(ChangeEntry(kind: event.kind, ids: ChangedIDs(ids), dataset: event.source.dataset))
        place += ids.count
      } else {
        var ids: [DocumentID] = []
        while place < events.count, ids.count < mostListed, events[place].isLike(event),
          let id = events[place].source.recordID
        {
          ids.append(id)
          place += 1
        }
        if ids.isEmpty { place += 1 }
        entries.append(
          ChangeEntry(
            kind: event.kind, ids: ChangedIDs(ids), dataset: event.source.dataset,
            oldDataset: event.source.oldDataset))
      }
      if entries.count > most { return [ChangeEntry(kind: .reloaded)] }
    }
    return entries
  }
}

extension ServiceEvent {
  /// Whether it can stand in one entry with the other.
  fileprivate func isLike(_ other: ServiceEvent) -> Bool {
    kind == other.kind && source.recordID != nil && source.dataset == other.source.dataset
      && source.oldDataset == other.source.oldDataset
  }
}
