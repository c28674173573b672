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
    try note(ids.count, in: rows.dataset)
    table.tallies[rows.dataset, default: .init()].width = .some(width)
  }
}
