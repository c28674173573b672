/// A record that matches a query.
struct Match: Sendable {
  let id: DocumentID
  /// Where the session has it.
  let place: Int64
  /// What it is ordered by.
  let keys: [SortValue]

  /// Whether this match is given before the other; of equals the one that was created first.
  func comes(before other: Match, by sort: [Query.SortKey]) -> Bool {
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
