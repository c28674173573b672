import CSQLite
import MaquetteFormats
import MaquetteKernels
import MaquetteSystem

extension SQLiteSession {
  func insert(_ record: Record) throws(MaquetteError) {
    let record = record.flattened
    if case .numbers = record.label { try SQLiteFile.require(.targetsInBlobs, connection) }
    if record.features?.isBytes == true { try SQLiteFile.require(.bytes, connection) }
    let before = connection.changes
    let inTail = try willInsert(1)
    try connection.run(
      """
      INSERT INTO \(table.name)(id, datasetName, name, y, createdAt, updatedAt, shape, x, fields)
      VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
      """,
      .text(record.id.text), .text(orNull: record.dataset), .text(orNull: record.name), label(record),
      .integer(record.createdAt), .integer(record.updatedAt), .text(orNull: record.features?.layoutText),
      features(record), fields(record))
    try noteInserted(1, in: record.dataset, inTail: inTail)
    table.count(in: [record], between: before, and: connection.changes)
    if let dataset = record.dataset { widthChanged(dataset, to: record.features?.width) }
  }

  func update(_ record: Record) throws(MaquetteError) {
    let record = record.flattened
    if case .numbers = record.label { try SQLiteFile.require(.targetsInBlobs, connection) }
    if record.features?.isBytes == true { try SQLiteFile.require(.bytes, connection) }
    let old = try self.record(record.id, [])
    let moves = !isSame(old?.dataset, record.dataset)
    if moves { try noteTail() }
    try connection.run(
      """
      UPDATE \(table.name) SET datasetName = ?2, name = ?3, y = ?4, createdAt = ?5, updatedAt = ?6, shape = ?7,
        x = ?8, fields = ?9 WHERE id = ?1
      """,
      .text(record.id.text), .text(orNull: record.dataset), .text(orNull: record.name), label(record),
      .integer(record.createdAt), .integer(record.updatedAt), .text(orNull: record.features?.layoutText),
      features(record), fields(record))
    if moves {
      try note(-1, in: old?.dataset)
      try note(1, in: record.dataset)
    }
    for dataset in [old?.dataset, record.dataset] {
      if let dataset { table.tallies[ExactText(dataset)]?.width = nil }
    }
  }

  func delete(_ record: Record) throws(MaquetteError) {
    try noteTail()
    try connection.run("DELETE FROM \(table.name) WHERE id = ?", .text(record.id.text))
    try note(-1, in: record.dataset)
    if let dataset = record.dataset { table.tallies[ExactText(dataset)]?.width = nil }
  }

  func clear(_ dataset: String) throws(MaquetteError) -> Int {
    let count = try count(dataset)
    try noteTail()
    try connection.run(
      """
      DELETE FROM maquette_files WHERE service = ?1
        AND document IN (SELECT id FROM \(table.name) WHERE datasetName = ?2)
      """, .text(table.service), .text(dataset))
    let hasOthers = try connection.integer(
      "SELECT 1 FROM \(table.name) WHERE datasetName IS NOT ? LIMIT 1", .text(dataset))
    if hasOthers == nil {
      // SQLite throws whole pages away where it need not look at the rows.
      try connection.run("DELETE FROM \(table.name)")
    } else {
      try connection.run("DELETE FROM \(table.name) WHERE datasetName = ?", .text(dataset))
    }
    try note(-count, in: dataset)
    table.tallies[ExactText(dataset)] = .init(count: 0, width: .some(nil))
    return count
  }

  private func label(_ record: Record) -> SQLiteValue { value(record.label) }

  func value(_ label: Label?) -> SQLiteValue {
    switch label {
    case nil: .null
    case .text(let text): .text(text)
    case .number(let number): .number(number)
    case .numbers(let numbers): .bytes(numbers.withUnsafeBytes { Array($0) })
    }
  }

  private func features(_ record: Record) -> SQLiteValue {
    record.features.map { .bytes($0.bytes) } ?? .null
  }

  private func fields(_ record: Record) -> SQLiteValue {
    record.fields.isEmpty ? .null : .text(JSON.object(record.fields).description)
  }

  /// Keeps the width that is remembered of a dataset, when a record with one came to a dataset without.
  private func widthChanged(_ dataset: String, to width: Int?) {
    if let width, table.tallies[ExactText(dataset)]?.width == .some(nil) {
      table.tallies[ExactText(dataset)]?.width = .some(width)
    }
  }

  // MARK: Files

  func insert(_ folder: Folder, of id: DocumentID) throws(MaquetteError) {
    for file in folder.files {
      try connection.run(
        "INSERT INTO maquette_files VALUES(?, ?, ?, ?, ?)", .text(folder.name), .text(file.name),
        .text(table.service), .text(id.text), .bytes(file.bytes))
    }
  }

  func deleteFiles(of id: DocumentID) throws(MaquetteError) {
    try connection.run(
      "DELETE FROM maquette_files WHERE document = ? AND service = ?", .text(id.text), .text(table.service))
  }

  func folders(beginning prefix: String) throws(MaquetteError) -> [String] {
    // The primary key begins with the folder's name: no other row is looked at.
    try connection.rows(
      """
      SELECT DISTINCT folder FROM maquette_files
      WHERE folder >= ?1 AND substr(folder, 1, length(?1)) = ?1 AND folder < ?1 || char(0x10FFFF) AND service = ?2
      ORDER BY folder
      """, .text(prefix), .text(table.service)
    ) { (row) throws(MaquetteError) in try row.text(0) ?? "" }
  }

  func files(in folder: String) throws(MaquetteError) -> [StoredFile] {
    try connection.rows(
      "SELECT name, bytes FROM maquette_files WHERE folder = ? AND service = ? ORDER BY rowid", .text(folder),
      .text(table.service)
    ) { (row) throws(MaquetteError) in StoredFile(name: try row.text(0) ?? "", bytes: Array(row.bytes(1))) }
  }

  func delete(folder: String, of id: DocumentID) throws(MaquetteError) {
    try connection.run(
      "DELETE FROM maquette_files WHERE folder = ? AND service = ? AND document = ?", .text(folder),
      .text(table.service), .text(id.text))
  }
}
