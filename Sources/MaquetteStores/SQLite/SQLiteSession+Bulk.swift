import CSQLite
import MaquetteFormats
import MaquetteKernels
import MaquetteSystem

extension SQLiteSession {
  func insert(_ rows: BulkRows) throws(MaquetteError) {
    let statement = try connection.statement(
      "INSERT INTO \(table.name)(id, datasetName, y, createdAt, updatedAt, shape, x) VALUES(?1, ?2, ?3, ?4, ?4, ?6, ?5)"
    )
    defer { statement.reset() }
    try statement.bind(2, .text(rows.dataset))
    try statement.bind(4, .integer(rows.date))
    let layout = rows.layout
    try statement.bind(
      6,
      .text(
        orNull: Features.layoutText(layout.shape ?? [rows.features.columns], isBytes: layout.isBytes)))
    if layout.isBytes { try SQLiteFile.require(.bytes, connection) }
    let before = connection.changes
    let inTail = try willInsert(rows.ids.count)
    let insertion = Insertion(statement: statement, rows: rows)
    switch rows.targets {
    case .labels(let labels): try insertion.run(labels)
    case .values(let values):
      if values.columns > 1 { try SQLiteFile.require(.targetsInBlobs, connection) }
      try insertion.run(values)
    }
    try noteInserted(rows.ids.count, in: rows.dataset, inTail: inTail)
    // A few rows are looked at; after many it is better to ask again.
    if inTail {
      table.count(in: (0..<rows.ids.count).map { rows.record($0) }, between: before, and: connection.changes)
    }
    table.tallies[ExactText(rows.dataset), default: .init()].width = .some(rows.features.columns)
  }
}

/// Rows on their way from matrices into a statement that waits for `id`, `y` and `x` as its parameters 1, 3 and 5.
private struct Insertion {
  let statement: SQLiteStatement
  let rows: BulkRows

  func run(_ labels: LabelColumn) throws(MaquetteError) {
    // All labels in one piece of memory, which SQLite reads where it lies.
    var text: [CChar] = []
    var starts: [Int] = [0]
    for name in labels.names {
      text.append(contentsOf: name.utf8.map { CChar(bitPattern: $0) })
      starts.append(text.count)
    }
    text.append(0)
    try text.withUnsafeBufferPointer { (text) throws(MaquetteError) in
      try labels.codes.withUnsafeBufferPointer { (codes) throws(MaquetteError) in
        guard let text = text.baseAddress else { return }
        try insert { handle, row in
          let code = Int(codes[row])
          if code < 0 {
            sqlite3_bind_null(handle, 3)
          } else {
            let start = starts[code]
            // A nil destructor is SQLITE_STATIC: the memory stays as it is until the step is done.
            sqlite3_bind_text64(
              handle, 3, text + start, UInt64(starts[code + 1] - start), nil, UInt8(SQLITE_UTF8))
          }
        }
      }
    }
  }

  func run(_ values: Matrix) throws(MaquetteError) {
    let width = values.columns
    try values.withUnsafeBufferPointer { (values) throws(MaquetteError) in
      guard let values = values.baseAddress else { return }
      try insert { handle, row in
        if width == 1 {
          sqlite3_bind_double(handle, 3, Double(values[row]))
        } else {
          sqlite3_bind_blob64(handle, 3, values + row &* width, UInt64(width &* 4), nil)
        }
      }
    }
  }

  private func insert(_ bindTarget: (OpaquePointer, Int) -> Void) throws(MaquetteError) {
    let width = rows.features.columns
    try rows.features.withUnsafeBufferPointer { (numbers) throws(MaquetteError) in
      guard let numbers = numbers.baseAddress else { return }
      var id = [CChar](repeating: 0, count: DocumentID.digits)
      try id.withUnsafeMutableBufferPointer { (id) throws(MaquetteError) in
        guard let id = id.baseAddress else { return }
        let handle = statement.handle
        let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: width)
        defer { bytes.deallocate() }
        for row in 0..<rows.ids.count {
          id.withMemoryRebound(to: UInt8.self, capacity: DocumentID.digits) { rows.ids[row].write(to: $0) }
          sqlite3_bind_text(handle, 1, id, Int32(DocumentID.digits), nil)
          bindTarget(handle, row)
          if rows.layout.isBytes {
            for column in 0..<width { bytes[column] = UInt8(numbers[row &* width &+ column]) }
            sqlite3_bind_blob64(handle, 5, bytes, UInt64(width), nil)
          } else {
            sqlite3_bind_blob64(handle, 5, numbers + row &* width, UInt64(width &* 4), nil)
          }
          _ = try statement.step()
          sqlite3_reset(handle)
        }
      }
    }
  }
}
