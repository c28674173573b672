import CSQLite
import MaquetteFormats
import MaquetteKernels
import MaquetteSystem

extension SQLiteSession {
  func insert(_ rows: BulkRows) throws(MaquetteError) {
    // What fails is undone with the whole transaction, so SQLite need not be able to undo the statement alone.
    let statement = try connection.statement(
      """
      INSERT OR FAIL INTO \(table.name)(id, datasetName, y, createdAt, updatedAt, shape, x)
      SELECT id, ?1, y, ?2, ?2, ?3, x FROM maquette_rows
      """)
    defer { statement.reset() }
    try statement.bind(1, .text(rows.dataset))
    try statement.bind(2, .integer(rows.date))
    let layout = rows.layout
    try statement.bind(
      3,
      .text(
        orNull: Features.layoutText(layout.shape ?? [rows.features.columns], isBytes: layout.isBytes)))
    if layout.isBytes { try SQLiteFile.require(.bytes, connection) }
    let before = connection.changes
    let inTail = try willInsert(rows.ids.count)
    if case .values(let values) = rows.targets, values.columns > 1 {
      try SQLiteFile.require(.targetsInBlobs, connection)
    }
    try insert(rows, statement)
    try noteInserted(rows.ids.count, in: rows.dataset, inTail: inTail)
    // A few rows are looked at; after many it is better to ask again.
    if inTail {
      table.count(in: (0..<rows.ids.count).map { rows.record($0) }, between: before, and: connection.changes)
    }
    table.tallies[ExactText(rows.dataset), default: .init()].width = .some(rows.features.columns)
  }

  private func insert(_ rows: BulkRows, _ statement: SQLiteStatement) throws(MaquetteError) {
    try rows.features.withUnsafeBufferPointer { (features) throws(MaquetteError) in
      guard let features = features.baseAddress else { return }
      switch rows.targets {
      case .labels(let labels):
        let texts = LabelTexts(labels.names)
        try labels.codes.withUnsafeBufferPointer { (codes) throws(MaquetteError) in
          try insert(rows, features, statement) { row, context in texts.give(codes[row], to: context) }
        }
      case .values(let values):
        let width = values.columns
        try values.withUnsafeBufferPointer { (values) throws(MaquetteError) in
          guard let values = values.baseAddress else { return }
          try insert(rows, features, statement) { row, context in
            if width == 1 {
              sqlite3_result_double(context, Double(values[row]))
            } else {
              sqlite3_result_blob64(context, values + row &* width, UInt64(width &* 4), nil)
            }
          }
        }
      }
    }
  }

  /// - Parameter giveTarget: gives the `y` of a row.
  private func insert(
    _ rows: BulkRows, _ features: UnsafePointer<Float>, _ statement: SQLiteStatement,
    _ giveTarget: (Int, OpaquePointer) -> Void
  ) throws(MaquetteError) {
    let width = rows.features.columns
    let isBytes = rows.layout.isBytes
    let id = UnsafeMutablePointer<UInt8>.allocate(capacity: DocumentID.digits)
    let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: isBytes ? width : 1)
    defer {
      id.deallocate()
      bytes.deallocate()
    }
    try connection.newRows.lend(
      rows.ids.count,
      { row, column, context in
        switch column {
        case .id:
          rows.ids[row].write(to: id)
          SQLiteRows.give(id: id, to: context)
        case .y: giveTarget(row, context)
        case .x where isBytes:
          for column in 0..<width { bytes[column] = UInt8(features[row &* width &+ column]) }
          sqlite3_result_blob64(context, bytes, UInt64(width), nil)
        case .x: sqlite3_result_blob64(context, features + row &* width, UInt64(width &* 4), nil)
        case .fields: break
        }
      }
    ) { () throws(MaquetteError) in
      _ = try statement.step()
    }
  }
}
