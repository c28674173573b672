import MaquetteFormats
import MaquetteSystem

/// What one call writes: everything is looked at and checked first, then all of it is done.
///
/// A backend need not be able to undo (see ``Session``), so nothing may be refused once the first document has changed.
struct Writing {
  private enum Step {
    case create(NewRecord)
    case change(Record, old: Record, ServiceEvent.Kind, Folder?, dropsFiles: Bool)
    case remove(Record)
  }

  private let session: any Session
  private let now = Timestamp.now().milliseconds
  private var steps: [Step] = []
  /// When the newest of each name that this writes was written.
  private var latest: [ExactText: Int64] = [:]
  private var newIDs: Set<DocumentID> = []

  init(_ session: any Session) { self.session = session }

  // MARK: Looking

  /// Notes that a document is to be stored.
  ///
  /// - Parameter bringsID: whether its id came with it; one that was just made is nobody else's.
  /// - Throws: ``MaquetteError/Code/conflict`` when there is a document of its id, or this stores two of it.
  mutating func create(_ given: Record, _ folder: Folder?, bringsID: Bool) throws(MaquetteError) {
    if bringsID {
      guard newIDs.insert(given.id).inserted, try session.record(given.id, []) == nil else {
        throw MaquetteError(
          .conflict, "there is a document with the id '\(given.id.text)' already", name: given.id.text)
      }
    }
    var record = given
    record.updatedAt = try date(record, after: nil)
    record.createdAt = record.updatedAt
    steps.append(.create(NewRecord(record: record, folder: folder, bringsID: bringsID)))
  }

  /// Notes that a document is to take the place of another.
  ///
  /// - Parameter kind: what it is called among the events.
  mutating func change(
    _ old: Record, to given: Record, as kind: ServiceEvent.Kind, _ folder: Folder?
  ) throws(MaquetteError) {
    var record = given
    record.createdAt = old.createdAt
    record.updatedAt = try date(record, after: old)
    // Files stay where they belong to what stays: whoever puts back what they read loses no weights.
    var dropsFiles = folder != nil
    if !dropsFiles, old.fields["files"] != record.fields["files"] || kind == .updated {
      dropsFiles = !Folder.isShared(old.fields["files"], record.fields["files"])
    }
    steps.append(.change(record, old: old, kind, folder, dropsFiles: dropsFiles))
  }

  /// Notes that a document is to go, with its files.
  mutating func remove(_ record: Record) { steps.append(.remove(record)) }

  private mutating func date(_ record: Record, after old: Record?) throws(MaquetteError) -> Int64 {
    var date = try Service.date(record, after: old, session, now: now)
    guard let name = record.name.map(ExactText.init) else { return date }
    if let last = latest[name] { date = max(date, Service.later(last)) }
    latest[name] = date
    return date
  }

  // MARK: Doing

  /// Does everything, unless the instances of a dataset would have different widths.
  ///
  /// - Returns: the record of each document as it is stored, or was when it was removed, and an event for each.
  /// - Throws: ``MaquetteError/Code/badShape``; or what writing meets.
  func carryOut() throws(MaquetteError) -> (records: [Record], events: [ServiceEvent]) {
    try checkWidths()
    var records: [Record] = []
    records.reserveCapacity(steps.count)
    var touched: Set<ExactText> = []
    while records.count < steps.count {
      let new = newRecords(from: records.count)
      if !new.isEmpty {
        records += try session.store(new)
        for new in new { if let dataset = new.record.dataset { touched.insert(ExactText(dataset)) } }
        continue
      }
      switch steps[records.count] {
      case .create: break
      case .change(let record, let old, _, let folder, let dropsFiles):
        records.append(try session.replace(old, with: record, folder, dropsFiles: dropsFiles))
        for case let dataset? in [record.dataset, old.dataset] { touched.insert(ExactText(dataset)) }
      case .remove(let record):
        try session.deleteFiles(of: record.id)
        try session.delete(record)
        records.append(record)
        if let dataset = record.dataset { touched.insert(ExactText(dataset)) }
      }
    }
    var counts = DatasetCounts()
    for dataset in touched { counts[dataset.text] = try session.count(dataset.text) }
    let events = zip(steps, records).map { step, record in
      let (kind, old): (ServiceEvent.Kind, Record?) =
        switch step {
        case .create: (.created, nil)
        case .change(_, let old, let kind, _, _): (kind, old)
        case .remove: (.removed, nil)
        }
      return ServiceEvent(
        kind, EventSource(.record(record), oldDataset: old?.dataset, counts: counts, session))
    }
    return (records, events)
  }

  /// What is created by the steps from that one on, until another is to be done before.
  private func newRecords(from place: Int) -> [NewRecord] {
    var new: [NewRecord] = []
    for step in steps[place...] {
      guard case .create(let record) = step else { break }
      new.append(record)
    }
    return new
  }

  /// The instances of a dataset all have one width: those that are written, and those that stay.
  private func checkWidths() throws(MaquetteError) {
    var written: [ExactText: Int] = [:]
    var changed: Set<DocumentID> = []
    for step in steps {
      let record: Record
      switch step {
      case .create(let created): record = created.record
      case .change(let new, _, _, _, _):
        record = new
        changed.insert(new.id)
      case .remove: continue
      }
      guard let dataset = record.dataset.map(ExactText.init), let width = record.features?.width else {
        continue
      }
      if let before = written[dataset] {
        guard before == width else { throw Service.wrongWidth(dataset.text, before, width) }
      } else {
        written[dataset] = width
      }
    }
    for (dataset, width) in written {
      // What stays is looked at only where it matters: usually all have that width.
      guard let present = try session.width(dataset.text, except: nil), present != width else { continue }
      guard let staying = try staying(dataset.text, except: changed), staying != width else { continue }
      throw Service.wrongWidth(dataset.text, staying, width)
    }
  }

  /// The width of an instance that does not change; nil where there is none.
  private func staying(_ dataset: String, except changed: Set<DocumentID>) throws(MaquetteError) -> Int? {
    if changed.count <= 1 { return try session.width(dataset, except: changed.first) }
    var width: Int?
    try session.scan(dataset, .features, skip: 0) { record in
      if !changed.contains(record.id) { width = record.features?.width }
      return width == nil
    }
    return width
  }
}

extension Service {
  /// Now, but later than anything it must be newer than, so that "the newest" has one answer however coarse or wrong
  /// the clock is.
  static func date(
    _ record: Record, after old: Record?, _ session: any Session, now: Int64 = Timestamp.now().milliseconds
  ) throws(MaquetteError) -> Int64 {
    var date = now
    if let old { date = max(date, later(old.updatedAt)) }
    if let name = record.name, let newest = try session.newest(named: name, []) {
      date = max(date, later(newest.updatedAt))
    }
    return date
  }

  static func later(_ date: Int64) -> Int64 {
    let (next, overflow) = date.addingReportingOverflow(1)
    return overflow ? date : next
  }

  static func wrongWidth(_ dataset: String, _ present: Int, _ given: Int) -> MaquetteError {
    MaquetteError(
      .badShape,
      "the instances of dataset '\(dataset)' have \(present) features, not \(given); clear it to change that",
      name: dataset)
  }

  static func source(
    _ record: Record, old: Record? = nil, _ session: any Session
  ) throws(MaquetteError) -> EventSource {
    var counts = DatasetCounts()
    for dataset in [record.dataset, old?.dataset] {
      if let dataset { counts[dataset] = try session.count(dataset) }
    }
    return EventSource(.record(record), oldDataset: old?.dataset, counts: counts, session)
  }
}
