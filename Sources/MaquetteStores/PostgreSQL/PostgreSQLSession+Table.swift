import MaquetteFormats
import MaquetteKernels
import MaquetteSystem

extension PostgreSQLSession {
  func table(_ dataset: String, _ target: TargetKind) throws(MaquetteError) -> InstanceTable {
    let request = BlockRequest(dataset: dataset, target: target, rows: try count(dataset))
    let block = try collected(request, rows: request.rows, isAll: true)
    if let block, block.table.features.rows == request.rows { return block.table }
    // Another number of rows than is written down: somebody changed the tables by hand, which is their right.
    let counted = try connection.run(
      "SELECT count(*)::bigint FROM \(table.name) WHERE \"datasetName\" = $1", .text(dataset))
    let rows = Int(try counted.integer(0, 0))
    guard let block = try collected(request, rows: rows, isAll: true) else {
      throw damaged("dataset \(quoted(dataset)) does not give the rows that were counted")
    }
    return block.table
  }

  func block(_ request: BlockRequest) throws(MaquetteError) -> Block {
    if request.field != "x" { return try documents(request) }
    let rows = max(1, min(request.rows, try count(request.dataset)))
    guard let block = try collected(request, rows: rows, isAll: false) else {
      throw MaquetteError(.internal, "a block had more rows than its limit")
    }
    return block
  }

  /// The next rows as matrices; nil if there are more.
  ///
  /// - Parameter isAll: whether there must not be more.
  private func collected(_ request: BlockRequest, rows: Int, isAll: Bool) throws(MaquetteError) -> Block? {
    let width =
      if let width = request.width { width } else { try self.width(request.dataset, except: nil) ?? 0 }
    var targetWidth = 0
    if request.target == .values {
      targetWidth = if let width = request.targetWidth { width } else { try self.targetWidth(request) }
    }
    var collector = try PostgreSQLCollector(request, rows: rows, width: width, targetWidth: targetWidth)
    var hasMore = false
    let wanted = Rows(
      columns: PostgreSQLCollector.columns(request.target), dataset: request.dataset,
      position: request.position,
      limit: isAll ? Int.max : rows)
    try each(wanted) { (result, row) throws(MaquetteError) in
      if collector.isFull {
        hasMore = true
        return false
      }
      if try collector.add(result, row) { return true }
      let place = try result.integer(row, 0)
      guard let record = try record(at: place, request.target.parts) else { throw damaged("a row is gone") }
      try explain(record, request, width: width, targetWidth: targetWidth)
      throw damaged("the instance \(record.id.text)")
    }
    return hasMore ? nil : try collector.block(isIdentified: !isAll)
  }

  /// Throws what is wrong with a record.
  private func explain(
    _ record: Record, _ request: BlockRequest, width: Int, targetWidth: Int
  ) throws(MaquetteError) {
    var builder = TableBuilder(
      request.target, capacity: 1, width: width > 0 ? width : nil,
      targetWidth: request.target == .values ? targetWidth : nil, keepsIDs: false)
    try builder.add(record)
  }

  /// How many numbers the first of the instances asked for has to be learnt; 0 where there is no instance.
  private func targetWidth(_ request: BlockRequest) throws(MaquetteError) -> Int {
    var first: Record?
    try scan(request.dataset, [.label, .fields], behind: request.position, skip: 0) { record in
      first = record
      return false
    }
    return try first?.targetValues(width: nil).count ?? 0
  }

  /// The instances of a block out of whole documents.
  private func documents(_ request: BlockRequest) throws(MaquetteError) -> Block {
    var builder = TableBuilder(
      request.target, capacity: max(1, min(request.rows, try count(request.dataset))), width: request.width,
      targetWidth: request.targetWidth, labels: request.labels, keepsIDs: true, field: request.field,
      keepsTruth: request.keepsTruth)
    var next = request
    let wanted = Rows(
      columns: columns(.all), dataset: request.dataset, position: request.position, limit: builder.capacity)
    try each(wanted) { (result, row) throws(MaquetteError) in
      let record = try record(result, row)
      try builder.add(record)
      next.position = record.place
      return true
    }
    next.width = builder.width
    next.targetWidth = builder.targetWidth
    next.labels = builder.labels
    return Block(table: try builder.table(), next: next)
  }
}
