import CSQLite
import MaquetteFormats
import MaquetteKernels
import MaquetteSystem

extension SQLiteSession {
  func table(_ dataset: String, _ target: TargetKind) throws(MaquetteError) -> InstanceTable {
    if let table = try counted(dataset, target) { return table }
    // Another number of rows than is written down: somebody changed the file by hand, which is their right.
    try recount(dataset)
    if let table = try counted(dataset, target) { return table }
    throw MaquetteError(
      .badFormat,
      "'\(connection.path)' is damaged: dataset \(quoted(dataset)) does not give the rows that were counted",
      name: connection.path)
  }

  func read(_ dataset: String, into features: FloatBuffer) throws(MaquetteError) -> LabelColumn? {
    // The table, which shares memory that may be borrowed, does not leave here.
    try counted(dataset, .label, into: features)?.labels
  }

  /// The table of as many rows as are written down; nil if there are more or fewer.
  ///
  /// - Parameter features: memory for just these rows; nil: new.
  private func counted(
    _ dataset: String, _ target: TargetKind, into features: FloatBuffer? = nil
  ) throws(MaquetteError) -> InstanceTable? {
    let rows = try count(dataset)
    let request = BlockRequest(dataset: dataset, target: target, rows: rows)
    guard let collection = try Collection(self, request, rows: rows, into: features) else { return nil }
    // Usually the service holds nothing else, and no row need be asked whose it is.
    let isAlone = rows == (try count(nil))
    // The fields are behind the features in a row. To go there takes a tenth of the time, and few rows need them.
    for columns in target == .none ? [columns(of: target)] : ["x, y", columns(of: target)] {
      let statement = try connection.statement(
        "SELECT maquette_collect(\(columns)) FROM \(table.name) NOT INDEXED"
          + (isAlone ? "" : " WHERE datasetName = ?"))
      if !isAlone { try statement.bind(1, .text(dataset)) }
      let outcome = try collection.run(statement) { (row) throws(MaquetteError) in
        var record: Record?
        try scan(dataset, target.parts, skip: row) { found in
          record = found
          return false
        }
        return record
      }
      switch outcome {
      case .block(let block): return block.table.features.rows == rows ? block.table : nil
      case .tooManyRows: return nil
      case .needsFields: continue
      }
    }
    throw MaquetteError(.internal, "rows need fields that they have got")
  }

  func block(_ request: BlockRequest) throws(MaquetteError) -> Block {
    if request.field != "x" { return try documents(request) }
    let rows = max(1, min(request.rows, try count(request.dataset)))
    guard let collection = try Collection(self, request, rows: rows) else {
      throw MaquetteError(.internal, "a block had no memory")
    }
    let isAlone = try count(request.dataset) == count(nil)
    // The inner query hands its rows over one by one.
    let statement = try connection.statement(
      """
      SELECT maquette_collect(\(columns(of: request.target)), id, updatedAt, place) FROM (
        SELECT x, y, fields, id, updatedAt, place FROM \(table.name) NOT INDEXED
        WHERE place > ?1\(isAlone ? "" : " AND datasetName = ?3") ORDER BY place LIMIT ?2)
      """)
    try statement.bind(1, .integer(request.position))
    try statement.bind(2, .integer(Int64(rows)))
    if !isAlone { try statement.bind(3, .text(request.dataset)) }
    let outcome = try collection.run(statement, isIdentified: true) { (_) throws(MaquetteError) in
      try record(at: connection.collector.place, request.target.parts)
    }
    guard case .block(let block) = outcome else {
      throw MaquetteError(.internal, "a block had more rows than its limit")
    }
    return block
  }

  /// The instances of a block out of whole documents.
  private func documents(_ request: BlockRequest) throws(MaquetteError) -> Block {
    var builder = TableBuilder(
      request.target, capacity: max(1, min(request.rows, try count(request.dataset))), width: request.width,
      targetWidth: request.targetWidth, labels: request.labels, keepsIDs: true, field: request.field,
      keepsTruth: request.keepsTruth)
    let statement = try connection.statement(
      """
      SELECT \(columns(.all)) FROM \(table.name) NOT INDEXED
      WHERE place > ?1 AND datasetName = ?3 ORDER BY place LIMIT ?2
      """)
    defer { statement.reset() }
    try statement.bind(1, .integer(request.position))
    try statement.bind(2, .integer(Int64(builder.capacity)))
    try statement.bind(3, .text(request.dataset))
    var next = request
    while try statement.step() {
      let record = try record(statement)
      try builder.add(record)
      next.position = record.place
    }
    next.width = builder.width
    next.targetWidth = builder.targetWidth
    next.labels = builder.labels
    return Block(table: try builder.table(), next: next)
  }

  /// What a collection looks at; labels and values are in `y`, or in the fields where they are nothing simple.
  private func columns(of target: TargetKind) -> String { target == .none ? "x, NULL, NULL" : "x, y, fields" }

  /// Rows on their way from a statement into matrices.
  private struct Collection {
    let session: SQLiteSession
    let request: BlockRequest
    let rows: Int
    let width: Int
    let targetWidth: Int
    let features: FloatBuffer
    let targets: FloatBuffer?

    /// - Parameter memory: for just these rows; nil: new.
    /// - Returns: nil if the memory is for other rows.
    init?(
      _ session: SQLiteSession, _ request: BlockRequest, rows: Int, into memory: FloatBuffer? = nil
    ) throws(MaquetteError) {
      self.session = session
      self.request = request
      self.rows = rows
      width =
        if let width = request.width { width } else { try session.width(request.dataset, except: nil) ?? 0 }
      // Rows are written whole, and only those are handed on.
      let size = try Self.size(rows, width)
      features = if let memory { memory } else { try FloatBuffer(unwritten: size) }
      guard memory == nil || features.count == size else { return nil }
      guard request.target == .values else {
        targetWidth = 0
        targets = nil
        return
      }
      targetWidth = if let width = request.targetWidth { width } else { try session.targetWidth(request) }
      targets = try FloatBuffer(unwritten: try Self.size(rows, targetWidth))
    }

    private static func size(_ rows: Int, _ width: Int) throws(MaquetteError) -> Int {
      let (size, overflow) = rows.multipliedReportingOverflow(by: width)
      guard !overflow else {
        throw MaquetteError(.outOfMemory, "\(rows) rows of \(width) numbers are too much")
      }
      return size
    }

    enum Outcome {
      case block(Block)
      /// There are more than places.
      case tooManyRows
      /// A row has its label among the fields, which the statement does not give.
      case needsFields
    }

    /// The rows.
    ///
    /// - Parameter record: the record of the row of that number, which can't be used.
    func run(
      _ statement: SQLiteStatement, isIdentified: Bool = false,
      record: (Int) throws(MaquetteError) -> Record?
    ) throws(MaquetteError) -> Outcome {
      defer { statement.reset() }
      let collector = session.connection.collector
      collector.start(
        rows: rows, features: (features, width), targets: targets.map { ($0, targetWidth) },
        labels: request.labels, keepsTruth: request.keepsTruth, allowsBytes: try session.holdsBytes())
      defer { _ = collector.finish() }
      do throws(MaquetteError) {
        _ = try statement.step()
      } catch {
        if collector.hasOverflown { return .tooManyRows }
        if collector.needsFields { return .needsFields }
        guard collector.hasFailed else { throw error }
        let row = collector.row
        if let record = try record(row) { try explain(record) }
        throw MaquetteError(.badFormat, "row \(row) of '\(session.table.service)' is damaged")
      }
      let count = collector.row
      var next = request
      if isIdentified, count > 0 { next.position = collector.place }
      let (labels, codes, ids, truth) = collector.finish()
      next.labels = labels
      if count > 0 {
        next.width = width
        next.targetWidth = targets == nil ? nil : targetWidth
      }
      let table = InstanceTable(
        features: try Matrix(rows: count, columns: width, sharing: features),
        labels: targets == nil && truth == nil ? labels.column(codes) : .none(count),
        targets: try targets.map { (targets) throws(MaquetteError) in
          try Matrix(rows: count, columns: targetWidth, sharing: targets)
        }, ids: isIdentified ? ids : nil, truth: truth)
      return .block(Block(table: table, next: next))
    }

    /// Throws what is wrong with a record.
    private func explain(_ record: Record) throws(MaquetteError) {
      var builder = TableBuilder(
        request.target, capacity: 1, width: width > 0 ? width : nil,
        targetWidth: targets == nil ? nil : targetWidth,
        keepsIDs: false)
      try builder.add(record)
    }
  }

  /// Whether the file may hold rows of a byte for each number.
  private func holdsBytes() throws(MaquetteError) -> Bool {
    try connection.integer("PRAGMA user_version") ?? 0 >= SQLiteFile.Layout.bytes.rawValue
  }

  /// How many numbers the first of the instances asked for has to be learnt; 0 where there is no instance.
  private func targetWidth(_ request: BlockRequest) throws(MaquetteError) -> Int {
    var first: Record?
    try scan(request.dataset, [.label, .fields], skip: 0) { record in
      first = record
      return record.place <= request.position
    }
    guard let first, first.place > request.position else { return 0 }
    return try first.targetValues(width: nil).count
  }
}
