import CSQLite
import MaquetteFormats
import MaquetteSystem

/// One transaction on the table of a service.
final class SQLiteSession: Session {
  let connection: SQLiteConnection
  let table: SQLiteTable
  /// The last line of the log that this transaction wrote; 0 where it wrote none.
  var logged: Int64 = 0

  init(_ connection: SQLiteConnection, _ table: SQLiteTable) throws(MaquetteError) {
    self.connection = connection
    self.table = table
    // The number is that of the state this transaction reads, once it has read something.
    _ = try connection.integer("SELECT 1 FROM maquette_services LIMIT 1")
    let foreign = try connection.integer("PRAGMA data_version") ?? 0
    if foreign != table.version.foreign {
      table.version.foreign = foreign
      table.forget()
    }
  }

  var version: StoreVersion { table.version }

  /// A file that was deleted or moved takes what is written to it along, and nothing fails: SQLite has it open.
  func requirePresence() throws(MaquetteError) {
    guard connection.hasMoved else { return }
    throw MaquetteError(
      .inputOutput,
      "the store's file '\(connection.path)' is gone: it was deleted or moved while it was in use",
      name: connection.path)
  }

  // MARK: Reading

  /// The columns that ``record(_:_:)`` reads; NULL for what is not needed.
  func columns(_ parts: RecordParts) -> String {
    "place, id, createdAt, updatedAt, datasetName, name, " + (parts.contains(.label) ? "y, " : "NULL, ")
      + (parts.contains(.features) ? "shape, x, " : "NULL, NULL, ")
      + (parts.contains(.fields) ? "fields" : "NULL")
  }

  func record(_ row: SQLiteStatement) throws(MaquetteError) -> Record {
    guard let id = DocumentID(row.bytes(1)) else {
      let found = try row.text(1) ?? ""
      throw MaquetteError(
        .badFormat, "the service '\(table.service)' holds the impossible id '\(found)'", name: found)
    }
    var record = Record(id: id)
    record.place = row.integer(0)
    record.createdAt = row.integer(2)
    record.updatedAt = row.integer(3)
    record.dataset = try row.text(4)
    record.name = try row.text(5)
    switch sqlite3_column_type(row.handle, 6) {
    case SQLITE_NULL: break
    case SQLITE_TEXT: record.label = try row.text(6).map { .text($0) }
    case SQLITE_BLOB:
      let bytes = row.bytes(6)
      guard bytes.count > 0, bytes.count % 4 == 0 else {
        throw MaquetteError(
          .badFormat, "the y of instance \(id.text) of '\(table.service)' is damaged", name: id.text)
      }
      record.label = .numbers(Self.floats(bytes))
    default: record.label = .number(row.number(6))
    }
    if sqlite3_column_type(row.handle, 9) == SQLITE_BLOB {
      try readPrediction(row, into: &record)
      return record
    }
    if !row.isNull(8) {
      guard let features = Features(row.bytes(8), layout: try row.text(7)) else {
        throw MaquetteError(
          .badFormat, "the x of instance \(id.text) of '\(table.service)' is damaged", name: id.text)
      }
      record.features = features
    }
    if !row.isNull(9) {
      let fields: JSON? = try? JSON(parsing: Array(row.bytes(9)))
      guard let fields = fields?.object else {
        throw MaquetteError(
          .badFormat, "the fields of document \(id.text) of '\(table.service)' are no JSON object",
          name: id.text)
      }
      record.fields = fields
    }
    return record
  }

  static func floats(_ bytes: UnsafeRawBufferPointer) -> [Float] {
    [Float](unsafeUninitializedCapacity: bytes.count / 4) { buffer, count in
      UnsafeMutableRawBufferPointer(buffer).copyMemory(from: bytes)
      count = bytes.count / 4
    }
  }

  func record(_ id: DocumentID, _ parts: RecordParts) throws(MaquetteError) -> Record? {
    try connection.rows(
      "SELECT \(columns(parts)) FROM \(table.name) WHERE id = ?", .text(id.text)
    ) { (row) throws(MaquetteError) in try record(row) }.first
  }

  func record(at place: Int64, _ parts: RecordParts) throws(MaquetteError) -> Record? {
    try connection.rows(
      "SELECT \(columns(parts)) FROM \(table.name) WHERE place = ?", .integer(place)
    ) { (row) throws(MaquetteError) in try record(row) }.first
  }

  func newest(named name: String, _ parts: RecordParts) throws(MaquetteError) -> Record? {
    try connection.rows(
      "SELECT \(columns(parts)) FROM \(table.name) WHERE name = ? ORDER BY updatedAt DESC LIMIT 1",
      .text(name)
    ) { (row) throws(MaquetteError) in try record(row) }.first
  }

  func position(of record: Record) -> Int64 { record.place }

  func scan(
    _ dataset: String?, _ parts: RecordParts, behind position: Int64, skip: Int,
    _ body: (Record) throws(MaquetteError) -> Bool
  ) throws(MaquetteError) {
    var conditions: [String] = []
    if position != .min { conditions.append("place > ?3") }
    if dataset != nil { conditions.append("datasetName = ?2") }
    let filter = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
    let statement = try connection.statement(
      """
      SELECT \(columns(parts)) FROM \(table.name) NOT INDEXED \(filter)
      ORDER BY place LIMIT -1 OFFSET ?1
      """)
    defer { statement.reset() }
    try statement.bind(1, .integer(Int64(skip)))
    if let dataset { try statement.bind(2, .text(dataset)) }
    if position != .min { try statement.bind(3, .integer(position)) }
    while try statement.step() {
      if try !body(try record(statement)) { return }
    }
  }

  func width(_ dataset: String, except id: DocumentID?) throws(MaquetteError) -> Int? {
    if id == nil, let width = table.tallies[ExactText(dataset)]?.width { return width }
    let width = try connection.integer(
      "SELECT CASE WHEN shape LIKE '{%' THEN length(x) ELSE length(x) / 4 END FROM \(table.name) NOT INDEXED WHERE datasetName = ?1 AND x IS NOT NULL AND id <> ?2 LIMIT 1",
      .text(dataset), .text(id?.text ?? "")
    ).map { Int($0) }
    if id == nil { table.tallies[ExactText(dataset), default: .init()].width = .some(width) }
    return width
  }
}
