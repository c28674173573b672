import MaquetteSystem

/// What is known of a service whose changes somebody wants to be told: enough to tell what others did.
struct RemoteWatch {
  let receiver: ChangeReceiver
  /// Whether the state it began with was read.
  var hasBegun = false
  /// What the service looked like at the last look.
  var stamp = RemoteStamp(total: 0, updatedAt: 0)
  /// Documents changed not long before the last look, or by ourselves since, and when: told, or nothing to be told.
  var recent: [DocumentID: Int64] = [:]
  /// All documents and what they belong to; nil where they are too many to be kept in mind.
  var known: [DocumentID: String?]?
  /// How many documents there must be.
  var total = 0

  /// Documents that are kept in mind at the most.
  static let mostKnown = 50_000
  /// Milliseconds by which a server may write dates late: it takes the date first, and stores the document then.
  static let lateness: Int64 = 2000

  init(_ receiver: ChangeReceiver) { self.receiver = receiver }

  // MARK: What this process does

  mutating func noteOwn(_ record: Record, isNew: Bool) {
    recent[record.id] = record.updatedAt
    known?[record.id] = .some(record.dataset)
    if isNew { total += 1 }
  }

  mutating func noteRemoved(_ ids: [DocumentID]) {
    for id in ids {
      recent[id] = nil
      known?[id] = nil
    }
    total -= ids.count
  }

  // MARK: What others do

  /// Takes in documents that were changed since, the oldest change first.
  mutating func take(_ changed: [Record]) -> [ChangeEntry] {
    var entries: [ChangeEntry] = []
    let before = stamp.updatedAt
    for record in changed where recent[record.id] != record.updatedAt {
      recent[record.id] = record.updatedAt
      let isNew: Bool
      var old: String?
      if let known {
        isNew = known[record.id] == nil
        old = known[record.id] ?? nil
      } else {
        isNew = record.createdAt == record.updatedAt || record.createdAt > before
        old = record.dataset
      }
      known?[record.id] = .some(record.dataset)
      if isNew { total += 1 }
      entries.add(isNew ? .created : .updated, record.id, record.dataset, from: isNew ? nil : old)
    }
    return entries
  }

  /// Takes in which documents there are now; told where the number is not the one expected.
  mutating func take(present: [DocumentID: String?]) -> [ChangeEntry] {
    var entries: [ChangeEntry] = []
    for (id, dataset) in (known ?? [:]).sorted(by: { $0.key < $1.key }) where present[id] == nil {
      recent[id] = nil
      entries.add(.removed, id, dataset, from: nil)
    }
    for (id, dataset) in present.sorted(by: { $0.key < $1.key }) where known?[id] == nil {
      entries.add(.created, id, dataset, from: nil)
    }
    known = present
    total = present.count
    return entries
  }

  mutating func forgetOld() {
    let oldest = stamp.updatedAt - Self.lateness
    recent = recent.filter { $0.value >= oldest }
  }
}

extension [ChangeEntry] {
  fileprivate mutating func add(
    _ kind: ServiceEvent.Kind, _ id: DocumentID, _ dataset: String?, from oldDataset: String?
  ) {
    append(ChangeEntry(kind: kind, ids: ChangedIDs([id]), dataset: dataset, oldDataset: oldDataset))
  }
}
