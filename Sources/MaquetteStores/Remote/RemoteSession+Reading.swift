import MaquetteFormats
import MaquetteKernels
import MaquetteSystem

extension RemoteSession {
  /// Calls `body` with the records that may match, in the order they were created, until it returns false.
  ///
  /// - Parameters:
  ///   - members: what is to come of each; nil: all.
  ///   - mark: behind which record to begin.
  func walk(
    _ filter: ServerFilter, selecting members: [String]?, behind mark: WalkMark? = nil,
    _ body: (Record) throws(MaquetteError) -> Bool
  ) throws(MaquetteError) {
    try walkRanked(filter, selecting: members, behind: mark) { (record, _) throws(MaquetteError) in
      try body(record)
    }
  }

  /// As ``walk(_:selecting:behind:_:)``, with how many records come before each.
  private func walkRanked(
    _ filter: ServerFilter, selecting members: [String]?, behind mark: WalkMark?,
    _ body: (Record, Int) throws(MaquetteError) -> Bool
  ) throws(MaquetteError) {
    var query = filter.query
    if let members { query.add("$select", members + (members.contains("createdAt") ? [] : ["createdAt"])) }
    // The marked record itself is read once more: if it is not where it was, something before it has gone.
    var rank = mark?.rank ?? 0
    var pages = PageWalk(client, service.name, query, skip: rank)
    var passed = mark == nil
    while let documents = try pages.next() {
      for document in documents {
        let record = try record(of: document)
        defer { rank += 1 }
        if let mark, !passed {
          if record.id == mark.id {
            passed = true
            continue
          }
          if rank == mark.rank, mark.rank > 0 {
            // Back to the beginning, past everything that comes before the marked one.
            return try walkRanked(filter, selecting: members, behind: mark.fromBeginning, body)
          }
          if record.comesBefore(mark) { continue }
          passed = true
        }
        if try !body(record, rank) { return }
      }
    }
    // The marked record was the last, and has gone with others before it.
    if let mark, !passed, mark.rank > 0 {
      try walkRanked(filter, selecting: members, behind: mark.fromBeginning, body)
    }
  }

  func scan(
    _ dataset: String?, _ parts: RecordParts, behind position: Int64, skip: Int,
    _ body: (Record) throws(MaquetteError) -> Bool
  ) throws(MaquetteError) {
    var toSkip = skip
    try scan(dataset, parts, matching: .all([]), behind: position) { (record) throws(MaquetteError) in
      guard toSkip <= 0 else {
        toSkip -= 1
        return true
      }
      return try body(record)
    }
  }

  func scan(
    _ dataset: String?, _ parts: RecordParts, matching condition: Condition, behind position: Int64,
    _ body: (Record) throws(MaquetteError) -> Bool
  ) throws(MaquetteError) {
    let mark = try mark(at: position)
    let filter = ServerFilter(condition, in: dataset)
    try walkRanked(filter, selecting: Self.members(parts), behind: mark) {
      (record, rank) throws(MaquetteError) in
      guard dataset == nil || isSame(record.dataset, dataset) else { return true }
      var record = record
      record.place = Int64(scanned.count)
      scanned.append(record.id)
      ranks.append(rank)
      return try body(record)
    }
  }

  private func mark(at position: Int64) throws(MaquetteError) -> WalkMark? {
    guard position != .min else { return nil }
    guard let mark = service.mark(position) else {
      throw MaquetteError(
        .closed, "the service '\(service.name)' was read too long ago to go on there", name: service.name)
    }
    return mark
  }

  func position(of record: Record) -> Int64 {
    guard let place = Int(exactly: record.place), ranks.indices.contains(place) else { return .max }
    return service.mark(WalkMark(rank: ranks[place], id: record.id, createdAt: record.createdAt))
  }

  // MARK: Counting

  func count(_ dataset: String?) throws(MaquetteError) -> Int { try count(of: .all([]), in: dataset) }

  func count(of condition: Condition, in dataset: String?) throws(MaquetteError) -> Int {
    let filter = ServerFilter(condition, in: dataset)
    if filter.isWhole {
      var query = filter.query
      query.add("$limit", "0")
      return try client.find(service.name, query).total
    }
    if condition.requiredID != nil { return try countByLooking(condition, in: dataset) }
    var count = 0
    try walk(filter, selecting: Self.members(condition.parts)) { record in
      if dataset == nil || isSame(record.dataset, dataset), condition.matches(record) { count += 1 }
      return true
    }
    return count
  }

  func width(_ dataset: String, except id: DocumentID?) throws(MaquetteError) -> Int? {
    var width: Int?
    var seen = 0
    var total: Int?
    try walk(ServerFilter(in: dataset), selecting: ["datasetName", "x"]) { (record) throws(MaquetteError) in
      guard isSame(record.dataset, dataset), record.id != id else { return true }
      width = record.features?.width
      seen += 1
      // Pictures or texts: looking through all of them every time would take ever longer.
      if width == nil, seen == 32 {
        let count = try count(dataset)
        total = count
        if service.hasNoFeatures(dataset, of: count) { return false }
      }
      return width == nil
    }
    if width == nil, let total { service.noteNoFeatures(dataset, of: total) }
    return width
  }

  // MARK: Pages

  func page(_ query: Query, in dataset: String?) throws(MaquetteError) -> (total: Int, records: [Record]) {
    let filter = ServerFilter(query.condition, in: dataset)
    let limit = query.pageLimit
    if limit == 0 { return (try count(of: query.condition, in: dataset), []) }
    if filter.isWhole, query.sort.allSatisfy({ $0.field == "createdAt" || $0.field == "updatedAt" }),
      let page = try serverPage(query, filter, limit)
    {
      return page
    }
    let found = try matches(of: query, in: dataset)
    let wanted = Array(found.dropFirst(max(0, query.skip)).prefix(limit).map(\.id))
    let records = try records(wanted, selecting: Self.members(query.selectedParts))
    return (found.count, wanted.compactMap { records[$0] })
  }

  /// A page as the server gives it; nil where it gives something that does not match.
  private func serverPage(
    _ query: Query, _ filter: ServerFilter, _ limit: Int
  ) throws(MaquetteError) -> (total: Int, records: [Record])? {
    var base = filter.query
    if let members = Self.members(query.selectedParts.union(query.condition.parts)) {
      base.add("$select", members)
    }
    for key in query.sort { base.add(["$sort", key.field], key.isAscending ? "1" : "-1") }
    if !query.sort.contains(where: { $0.field == "createdAt" }) { base.add(["$sort", "createdAt"], "1") }
    base.add(["$sort", "_id"], "1")
    var records: [Record] = []
    let skip = max(0, query.skip)
    while true {
      var query = base
      query.add("$limit", String(min(limit - records.count, 1000)))
      query.add("$skip", String(skip + records.count))
      let page = try client.find(service.name, query)
      for document in page.documents.prefix(limit - records.count) {
        records.append(try record(of: document))
      }
      // A server has a largest page of its own.
      if page.documents.isEmpty || records.count >= limit || skip + records.count >= page.total {
        return (page.total, records)
      }
    }
  }

  // MARK: Many rows

  private static let rowsOfTable = 4096

  func table(_ dataset: String, _ target: TargetKind) throws(MaquetteError) -> InstanceTable {
    let members = ["datasetName", "updatedAt", "x"] + (target == .none ? [] : ["y"])
    var builder = TableBuilder(target, capacity: Self.rowsOfTable, keepsIDs: false)
    var blocks: [InstanceTable] = []
    try walk(ServerFilter(in: dataset), selecting: members) { (record) throws(MaquetteError) in
      guard isSame(record.dataset, dataset) else { return true }
      if builder.count == builder.capacity {
        blocks.append(try builder.table())
        builder = TableBuilder(
          target, capacity: Self.rowsOfTable, width: builder.width, targetWidth: builder.targetWidth,
          labels: builder.labels, keepsIDs: false)
      }
      try builder.add(record)
      return true
    }
    if builder.count > 0 || blocks.isEmpty { blocks.append(try builder.table()) }
    return try InstanceTable(joining: blocks)
  }

  func block(_ request: BlockRequest) throws(MaquetteError) -> Block {
    var builder = TableBuilder(
      request.target, capacity: max(1, min(request.rows, Self.rowsOfTable)), width: request.width,
      targetWidth: request.targetWidth, labels: request.labels, keepsIDs: true, field: request.field,
      keepsTruth: request.keepsTruth)
    var last: (record: Record, rank: Int)?
    let mark = try mark(at: request.position)
    let members = ["datasetName", "updatedAt", "y", FieldPath(request.field).root]
    try walkRanked(
      ServerFilter(in: request.dataset), selecting: request.field == "x" ? members : nil, behind: mark
    ) { (record, rank) throws(MaquetteError) in
      guard isSame(record.dataset, request.dataset) else { return true }
      try builder.add(record)
      last = (record, rank)
      return builder.count < builder.capacity
    }
    var next = request
    if let last {
      next.position = service.mark(
        WalkMark(rank: last.rank, id: last.record.id, createdAt: last.record.createdAt))
    }
    next.width = builder.width
    next.targetWidth = builder.targetWidth
    next.labels = builder.labels
    return Block(table: try builder.table(), next: next)
  }
}

extension WalkMark {
  fileprivate var fromBeginning: WalkMark { WalkMark(rank: 0, id: id, createdAt: createdAt) }
}

extension Record {
  fileprivate func comesBefore(_ mark: WalkMark) -> Bool { (createdAt, id) < (mark.createdAt, mark.id) }
}
