import MaquetteSystem

/// A record that matches a query.
struct Match: Sendable {
  let id: DocumentID
  /// Where the session has it.
  let place: Int64
  /// What it is ordered by.
  fileprivate let keys: [SortValue]
}

extension Session {
  /// All that matches a query, in its order; nothing is passed over or cut off. Only what the query asks about is read.
  func matches(of query: Query, in dataset: String?) throws(MaquetteError) -> [Match] {
    let paths = query.sort.map { FieldPath($0.field) }
    var found: [Match] = []
    func look(_ record: Record) -> Bool {
      if query.condition.matches(record) {
        found.append(
          Match(id: record.id, place: record.place, keys: paths.map { SortValue($0, in: record) }))
      }
      return true
    }
    if let text = query.condition.text(requiredOf: "id") {
      if let id = DocumentID(text), let record = try record(id, query.parts),
        dataset == nil || record.dataset == dataset
      {
        _ = look(record)
      }
    } else {
      try scan(dataset, query.parts, label: query.condition.requiredLabel, skip: 0, look)
    }
    if !paths.isEmpty { found.sort { $0.comes(before: $1, by: query.sort) } }
    return found
  }
}

extension Match {
  /// Whether this match is given before the other; of equals the one that was created first.
  fileprivate func comes(before other: Match, by sort: [Query.SortKey]) -> Bool {
    for (place, key) in sort.enumerated() {
      switch keys[place].order(to: other.keys[place]) {
      case .before: return key.isAscending
      case .after: return !key.isAscending
      case .same: continue
      }
    }
    return place < other.place
  }
}
