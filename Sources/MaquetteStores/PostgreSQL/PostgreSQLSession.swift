import MaquetteFormats
import MaquetteSystem

/// One transaction on the table of a service.
final class PostgreSQLSession: Session {
  let connection: PostgreSQLConnection
  let services: PostgreSQLServices
  let table: PostgreSQLTable
  /// The number of the last change of the service when this transaction began.
  let change: Int64
  /// Whether somebody wants to know what happens to the service.
  let isLogged: Bool

  /// What is in the service's row, to be written there at the end.
  var documents: Int64
  var nextPlace: Int64
  var hasChanged = false
  /// What this transaction does, for those who want to know.
  var logged: [ChangeEntry] = []
  /// Datasets whose counts are to be written at the end.
  var touched: Set<ExactText> = []
  /// What is known of the state as it is in this transaction.
  var memory: PostgreSQLTable.Memory

  var schema: PostgreSQLSchema { services.schema }

  init(
    _ connection: PostgreSQLConnection, _ services: PostgreSQLServices, _ table: PostgreSQLTable,
    _ state: State
  ) {
    self.connection = connection
    self.services = services
    self.table = table
    documents = state.documents
    nextPlace = state.nextPlace
    change = state.change
    isLogged = state.isLogged
    memory = table.memory(at: change)
  }

  /// What a service's row says when a transaction begins.
  struct State {
    let documents: Int64
    let nextPlace: Int64
    let change: Int64
    let isLogged: Bool

    static let columns = "documents, \"nextPlace\", change, watched"

    /// Reads the row of a statement without parameters.
    init(_ row: PostgreSQLResult) throws(MaquetteError) {
      documents = try row.decimal(0, 0)
      nextPlace = try row.decimal(0, 1)
      change = try row.decimal(0, 2)
      isLogged = try row.decimal(0, 3) > 0
    }
  }

  /// All transactions on a service are numbered in its row, whoever makes them: that alone tells its states apart.
  var version: StoreVersion { StoreVersion(foreign: 0, own: UInt64(clamping: change)) }

  /// The number of the last change once this transaction is committed: each line of the log has one of its own.
  var nextChange: Int64 { change + Int64(max(1, logged.count)) }

  /// The service's row was there when the transaction began.
  func requirePresence() {}

  /// Keeps for the next transaction what this one has found out; after it is committed.
  func remember() {
    var known = PostgreSQLTable.Memory(change: hasChanged ? nextChange : change)
    known.tallies = memory.tallies
    known.run = memory.run
    table.remember(known)
  }

  // MARK: Reading

  /// The columns that ``record(_:_:)`` reads; NULL for what is not needed.
  func columns(_ parts: RecordParts) -> String {
    "place, id, \"createdAt\", \"updatedAt\", \"datasetName\", name, "
      + (parts.contains(.label)
        ? "y, \"yNumber\", \"yNumbers\", " : "NULL::text, NULL::float8, NULL::bytea, ")
      + (parts.contains(.features) ? "shape, x, " : "NULL::text, NULL::bytea, ")
      + (parts.contains(.fields) ? "fields, prediction" : "NULL::text, NULL::bytea")
  }

  /// The places of the columns.
  enum Column {
    static let place = 0
    static let id = 1
    static let createdAt = 2
    static let updatedAt = 3
    static let dataset = 4
    static let name = 5
    static let y = 6
    static let yNumber = 7
    static let yNumbers = 8
    static let shape = 9
    static let x = 10
    static let fields = 11
    static let prediction = 12
  }

  func record(_ result: PostgreSQLResult, _ row: Int) throws(MaquetteError) -> Record {
    guard let id = DocumentID(bytes: result.bytes(row, Column.id)) else {
      throw damaged("it holds an impossible id")
    }
    var record = Record(id: id)
    record.place = try result.integer(row, Column.place)
    record.createdAt = try result.integer(row, Column.createdAt)
    record.updatedAt = try result.integer(row, Column.updatedAt)
    record.dataset = try result.text(row, Column.dataset)
    record.name = try result.text(row, Column.name)
    record.label = try label(result, row, id)
    if !result.isNull(row, Column.prediction) {
      try readPrediction(result, row, into: &record)
      return record
    }
    if !result.isNull(row, Column.x) {
      let bytes = result.bytes(row, Column.x)
      guard let features = Features(bytes, layout: try result.text(row, Column.shape)) else {
        throw damaged("the x of instance \(id.text)", id)
      }
      record.features = features
    }
    if !result.isNull(row, Column.fields) {
      let fields: JSON? = try? JSON(parsing: Array(result.bytes(row, Column.fields)))
      guard let fields = fields?.object else {
        throw MaquetteError(
          .badFormat, "the fields of document \(id.text) of '\(table.service)' are no JSON object",
          name: id.text)
      }
      record.fields = fields
    }
    return record
  }

  private func label(
    _ result: PostgreSQLResult, _ row: Int, _ id: DocumentID
  ) throws(MaquetteError) -> Label? {
    if let text = try result.text(row, Column.y) { return .text(text) }
    if !result.isNull(row, Column.yNumber) { return .number(try result.number(row, Column.yNumber)) }
    if result.isNull(row, Column.yNumbers) { return nil }
    let bytes = result.bytes(row, Column.yNumbers)
    guard bytes.count > 0, bytes.count % 4 == 0 else { throw damaged("the y of instance \(id.text)", id) }
    return .numbers(SQLiteSession.floats(bytes))
  }

  private func damaged(_ what: String, _ id: DocumentID) -> MaquetteError {
    MaquetteError(.badFormat, "\(what) of '\(table.service)' is damaged", name: id.text)
  }

  func damaged(_ what: String) -> MaquetteError {
    MaquetteError(
      .badFormat, "the service '\(table.service)' of '\(connection.location)' is damaged: \(what)",
      name: table.service)
  }

  private func first(
    _ parts: RecordParts, _ rest: String, _ values: PostgreSQLValue...
  ) throws(MaquetteError) -> Record? {
    let found = try connection.run("SELECT \(columns(parts)) FROM \(table.name) \(rest)", values)
    return found.rows > 0 ? try record(found, 0) : nil
  }

  func record(_ id: DocumentID, _ parts: RecordParts) throws(MaquetteError) -> Record? {
    try first(parts, "WHERE id = $1", .id(id))
  }

  func record(at place: Int64, _ parts: RecordParts) throws(MaquetteError) -> Record? {
    try first(parts, "WHERE place = $1", .integer(place))
  }

  func newest(named name: String, _ parts: RecordParts) throws(MaquetteError) -> Record? {
    try first(
      parts,
      """
      WHERE name = $1 AND \(PostgreSQLSchema.nameKey) = substr($1, 1, 200)
      ORDER BY "updatedAt" DESC, place LIMIT 1
      """, .text(name))
  }

  func position(of record: Record) -> Int64 { record.place }

  func width(_ dataset: String, except id: DocumentID?) throws(MaquetteError) -> Int? {
    if id == nil, let width = memory.tallies[ExactText(dataset)]?.width { return width }
    let found = try connection.run(
      """
      SELECT octet_length(x)::bigint, shape FROM \(table.name)
      WHERE "datasetName" = $1 AND x IS NOT NULL AND id <> $2 LIMIT 1
      """, .text(dataset), .bytes(id?.bytes ?? []))
    var width: Int?
    if found.rows > 0 {
      // Of numbers that are kept as bytes the form is an object.
      let isBytes = try found.text(0, 1)?.utf8.first == UInt8(ascii: "{")
      width = Int(try found.integer(0, 0)) / (isBytes ? 1 : 4)
    }
    if id == nil { memory.tallies[ExactText(dataset), default: .init()].width = .some(width) }
    return width
  }

  // MARK: Counting

  func count(_ dataset: String?) throws(MaquetteError) -> Int {
    guard let dataset else { return Int(documents) }
    if let count = memory.tallies[ExactText(dataset)]?.count { return count }
    let found = try connection.run(
      "SELECT instances FROM \(schema.datasets) WHERE service = $1 AND name = $2", .integer(table.number),
      .text(dataset))
    let count = found.rows > 0 ? Int(try found.integer(0, 0)) : 0
    memory.tallies[ExactText(dataset), default: .init()].count = count
    return count
  }

  /// Notes that documents came, or went, where the number is negative.
  func note(_ difference: Int, in dataset: String?) throws(MaquetteError) {
    hasChanged = true
    if let dataset {
      let count = try count(dataset)
      memory.tallies[ExactText(dataset), default: .init()].count = count + difference
      touched.insert(ExactText(dataset))
    }
    documents += Int64(difference)
  }

  /// Writes down what was counted; the last thing before the commit.
  func finish() throws(MaquetteError) {
    for dataset in touched.map(\.text).sorted() {
      let values: [PostgreSQLValue] = [
        .integer(table.number), .text(dataset), .integer(Int64(try count(dataset))),
      ]
      let updated = try connection.run(
        "UPDATE \(schema.datasets) SET instances = $3 WHERE service = $1 AND name = $2", values)
      if updated.changed == 0 {
        try connection.run(
          "INSERT INTO \(schema.datasets)(service, name, instances) VALUES($1, $2, $3)", values)
      }
    }
    for (place, entry) in logged.enumerated() {
      try connection.run(
        """
        INSERT INTO \(schema.changes)(service, change, kind, count, ids, dataset, "oldDataset")
        VALUES($1, $2, $3, $4, $5, $6, $7)
        """, .integer(table.number), .integer(change + Int64(place) + 1), .text(entry.kind.rawValue),
        .integer(Int64(entry.ids.count)), .bytes(entry.ids.bytes), .text(entry.dataset),
        .text(entry.oldDataset))
    }
    if isLogged, nextChange / PostgreSQLChanges.pruning > change / PostgreSQLChanges.pruning {
      try connection.run(
        "DELETE FROM \(schema.changes) WHERE service = $1 AND change <= $2", .integer(table.number),
        .integer(nextChange - PostgreSQLChanges.kept))
    }
    let update = """
      UPDATE \(schema.services) SET documents = $2, "nextPlace" = $3, change = $4, writer = $5 WHERE number = $1
      """
    let values: [PostgreSQLValue] = [
      .integer(table.number), .integer(documents), .integer(nextPlace), .integer(nextChange),
      .integer(services.writer),
    ]
    if isLogged, services.canNotify {
      // The server tells once the transaction is committed, and only then.
      try connection.run(
        update + " RETURNING pg_notify($6, $7)",
        values + [.text(schema.channel), .text("\(services.writer)")])
    } else {
      try connection.run(update, values)
    }
  }

  func log(_ batch: EventBatch) {
    if isLogged { logged += ChangeEntry.entries(of: batch.all) }
  }
}
