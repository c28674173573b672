import MaquetteFormats
import MaquetteSystem

/// One pass over the records of a service that match a query, a page in memory at a time.
///
/// Every page is one consistent state. Without an order, records that come while the pass goes on are read at its end,
/// and one that goes before its turn is not read. With an order, what matched at the beginning is read, where it still
/// does.
final class RecordReader {
  private let service: Service
  private let dataset: String?
  private let query: Query

  private var page: ArraySlice<Record> = []
  /// Behind which record the next page begins; with an order, how many of `ids` were read.
  private var position = Int64.min
  /// What matches, in the order asked for; nil where that is the order of creation.
  private var ids: [DocumentID]?
  private var toSkip: Int
  private var left: Int
  private var ends = PassEnds()

  /// The most records of a page, and bytes of features from which on it is full.
  private static let pageRecords = 256
  private static let pageBytes = 4 << 20

  /// - Parameter query: its limit, where it has one, is not cut off as a page's is; what it selects is of no matter.
  init(_ service: Service, _ dataset: String?, _ query: Query) {
    self.service = service
    self.dataset = dataset
    self.query = query
    toSkip = max(0, query.skip)
    left = query.limit.map { Int(clamping: $0.magnitude) } ?? .max
  }

  /// The next record; nil behind the last.
  ///
  /// - Throws: ``MaquetteError/Code/notFound`` where everything was removed meanwhile; what reading meets.
  func next() throws(MaquetteError) -> Record? {
    try query.requireDocuments()
    while true {
      if left == 0 { return nil }
      if let record = page.popFirst() {
        if toSkip > 0 {
          toSkip -= 1
          continue
        }
        left -= 1
        return record
      }
      page = try nextPage()[...]
      if page.isEmpty {
        left = 0
        return nil
      }
    }
  }

  private func nextPage() throws(MaquetteError) -> [Record] {
    if !query.sort.isEmpty || query.condition.requiredID != nil { return try orderedPage() }
    let (query, dataset, position, ends) = (query, dataset, position, ends)
    let (records, last) = try service.read { (session) throws(MaquetteError) -> ([Record], Int64) in
      try ends.check(session, dataset)
      var page = PageBuilder()
      try session.scan(dataset, .all, matching: query.condition, behind: position) { record in
        if query.condition.matches(record) { page.add(record) }
        return !page.isFull
      }
      return (page.records, page.records.last.map { session.position(of: $0) } ?? position)
    }
    self.position = last
    self.ends.note(records)
    return records
  }

  private func orderedPage() throws(MaquetteError) -> [Record] {
    let (query, dataset) = (query, dataset)
    let ids =
      if let ids { ids } else {
        try service.read { (session) throws(MaquetteError) in
          try session.matches(of: query, in: dataset).map(\.id)
        }
      }
    self.ids = ids
    while true {
      let start = max(0, Int(position))
      let (records, end) = try service.read { (session) throws(MaquetteError) -> ([Record], Int) in
        var page = PageBuilder()
        var place = start
        while place < ids.count, !page.isFull {
          if let record = try session.record(ids[place], .all),
            dataset == nil || isSame(record.dataset, dataset),
            query.condition.matches(record)
          {
            page.add(record)
          }
          place += 1
        }
        return (page.records, place)
      }
      position = Int64(end)
      if !records.isEmpty || end == ids.count { return records }
    }
  }

  private struct PageBuilder {
    var records: [Record] = []
    private var bytes = 0

    mutating func add(_ record: Record) {
      records.append(record)
      bytes += 4 * (record.features?.width ?? 0)
    }

    var isFull: Bool { records.count >= RecordReader.pageRecords || bytes >= RecordReader.pageBytes }
  }
}

/// The first and the last document that a pass has read, to notice that the documents were cleared meanwhile: places
/// are given again in an emptied table, so what stands behind the last one may be something new.
struct PassEnds: Sendable {
  private var ends: (first: DocumentID, last: DocumentID)?

  /// - Throws: ``MaquetteError/Code/notFound`` where neither is there any more.
  func check(_ session: any Session, _ dataset: String?) throws(MaquetteError) {
    guard let ends, try session.record(ends.last, []) == nil, try session.record(ends.first, []) == nil else {
      return
    }
    throw MaquetteError(
      .notFound,
      (dataset.map { "dataset \(quoted($0)) was cleared" } ?? "the documents were removed")
        + " while it was read", name: dataset ?? "")
  }

  mutating func note(_ records: [Record]) { note(first: records.first?.id, last: records.last?.id) }

  mutating func note(first: DocumentID?, last: DocumentID?) {
    guard let first, let last else { return }
    ends = (ends?.first ?? first, last)
  }
}
