/// What one call did, as events that are made when somebody wants them: there may be a million.
struct EventBatch: Sendable {
  private let events: [ServiceEvent]
  /// What happened to so many documents at once, after that.
  private let bulk: (kind: ServiceEvent.Kind, source: EventSource, rows: Int)?

  init(_ events: [ServiceEvent]) {
    self.events = events
    bulk = nil
  }

  /// The same for all rows of a source, after some other events.
  init(_ kind: ServiceEvent.Kind, _ source: EventSource, rows: Int, after events: [ServiceEvent] = []) {
    self.events = events
    bulk = rows > 0 ? (kind, source, rows) : nil
  }

  var isEmpty: Bool { events.isEmpty && bulk == nil }

  /// An event for each document.
  var all: [ServiceEvent] {
    guard let bulk else { return events }
    let all = (0..<bulk.rows).map { row in
      ServiceEvent(bulk.kind, bulk.source, row: Int32(truncatingIfNeeded: row))
    }
    return events.isEmpty ? all : events + all
  }

  /// What it means to a dataset.
  func changes(of dataset: String) -> [DatasetChange] {
    var changes: [DatasetChange] = []
    changes.reserveCapacity(events.count + (bulk?.rows ?? 0))
    func add(_ event: ServiceEvent) {
      if let change = DatasetChange(event, of: dataset) { changes.append(change) }
    }
    for event in events { add(event) }
    guard let bulk else { return changes }
    for row in 0..<bulk.rows {
      add(ServiceEvent(bulk.kind, bulk.source, row: Int32(truncatingIfNeeded: row)))
    }
    return changes
  }

  var first: ServiceEvent? { events.first ?? bulk.map { ServiceEvent($0.kind, $0.source) } }

  /// Whether any of it means something to that dataset.
  func concerns(_ dataset: String) -> Bool {
    if events.contains(where: { DatasetChange($0, of: dataset) != nil }) { return true }
    // Rows of one source are all of one dataset.
    return bulk.map { DatasetChange(ServiceEvent($0.kind, $0.source), of: dataset) != nil } ?? false
  }
}
