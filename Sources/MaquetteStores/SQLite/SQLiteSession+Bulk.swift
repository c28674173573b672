import CSQLite
import MaquetteFormats
import MaquetteKernels
import MaquetteSystem

extension SQLiteSession {
  func insert(_ rows: BulkRows) throws(MaquetteError) {
    let statement = try connection.statement(
      "INSERT INTO \(table.name)(id, datasetName, y, createdAt, updatedAt, x) VALUES(?1, ?2, ?3, ?4, ?4, ?5)")
    defer { statement.reset() }
    try statement.bind(2, .text(rows.dataset))
    try statement.bind(4, .integer(rows.date))
    // All labels in one piece of memory, which SQLite reads where it lies.
    var text: [CChar] = []
    var starts: [Int] = [0]
    for name in rows.labels.names {
      text.append(contentsOf: name.utf8.map { CChar(bitPattern: $0) })
      starts.append(text.count)
    }
    text.append(0)
    let ids = rows.ids
    let width = rows.features.columns
    try rows.features.withUnsafeBufferPointer { (numbers) throws(MaquetteError) in
      try text.withUnsafeBufferPointer { (text) throws(MaquetteError) in
        try rows.labels.codes.withUnsafeBufferPointer { (codes) throws(MaquetteError) in
          guard let numbers = numbers.baseAddress, let text = text.baseAddress else { return }
          var id = [CChar](repeating: 0, count: DocumentID.digits)
          try id.withUnsafeMutableBufferPointer { (id) throws(MaquetteError) in
            guard let id = id.baseAddress else { return }
            let handle = statement.handle
            for row in 0..<ids.count {
              id.withMemoryRebound(to: UInt8.self, capacity: DocumentID.digits) { ids[row].write(to: $0) }
              // A nil destructor is SQLITE_STATIC: the memory stays as it is until the step is done.
              sqlite3_bind_text(handle, 1, id, Int32(DocumentID.digits), nil)
              let code = Int(codes[row])
              if code < 0 {
                sqlite3_bind_null(handle, 3)
              } else {
                let start = starts[code]
                sqlite3_bind_text64(
                  handle, 3, text + start, UInt64(starts[code + 1] - start), nil, UInt8(SQLITE_UTF8))
              }
              sqlite3_bind_blob64(handle, 5, numbers + row &* width, UInt64(width &* 4), nil)
              _ = try statement.step()
              sqlite3_reset(handle)
            }
          }
        }
      }
    }
    if var tally = table.tallies[rows.dataset] {
      tally.count = tally.count.map { $0 + ids.count }
      tally.width = .some(width)
      table.tallies[rows.dataset] = tally
    }
  }

  func table(_ dataset: String) throws(MaquetteError) -> InstanceTable {
    let rows = try count(dataset)
    let columns = try width(dataset, except: nil) ?? 0
    let statement = try connection.statement(
      "SELECT x, y, fields, place FROM \(table.name) NOT INDEXED WHERE datasetName = ? ORDER BY place")
    defer { statement.reset() }
    try statement.bind(1, .text(dataset))
    var labels = LabelInterner()
    var codes = [Int32](repeating: -1, count: rows)
    let features = try Matrix(rows: rows, columns: columns) { (buffer) throws(MaquetteError) in
      guard let start = UnsafeMutableRawBufferPointer(buffer).baseAddress else { return }
      let rowBytes = columns * 4
      var row = 0
      while try statement.step() {
        let bytes = statement.bytes(0)
        guard row < rows, bytes.count == rowBytes, let source = bytes.baseAddress else {
          throw try unusable(statement.integer(3))
        }
        (start + row &* rowBytes).copyMemory(from: source, byteCount: rowBytes)
        codes[row] = try label(statement, &labels)
        row += 1
      }
      guard row == rows else { throw MaquetteError(.internal, "\(rows) rows were counted but \(row) found") }
    }
    return InstanceTable(features: features, labels: labels.column(codes))
  }

  private func label(_ row: SQLiteStatement, _ labels: inout LabelInterner) throws(MaquetteError) -> Int32 {
    switch sqlite3_column_type(row.handle, 1) {
    case SQLITE_TEXT: return try labels.code(row.bytes(1))
    case SQLITE_NULL:
      if row.isNull(2) { return -1 }
      let y = (try? JSON(parsing: Array(row.bytes(2))))?["y"]
      guard let y, !y.isNull else { return -1 }
      return try labels.code(y.description)
    default: return try labels.code(JSON.number(row.number(1)).description)
    }
  }

  private func unusable(_ place: Int64) throws(MaquetteError) -> MaquetteError {
    guard let record = try record(at: place, .all) else {
      return MaquetteError(.badFormat, "an instance of '\(table.service)' is damaged")
    }
    return InstanceTable.unusable(record)
  }
}
