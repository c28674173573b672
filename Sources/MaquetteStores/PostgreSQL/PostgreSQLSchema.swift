import MaquetteSystem

/// The tables that make a schema of a database a Maquette store.
///
/// Nothing but tables and indices: no function, trigger, sequence or type of our own, no advisory lock and no
/// `LOCK TABLE`, so that a distributed engine that speaks PostgreSQL's protocol can hold a store too. What is relied on
/// are transactions, `SELECT … FOR UPDATE`, prepared statements with binary values, and `COPY … FROM STDIN`. A server
/// that knows `LISTEN` and `pg_notify` tells of changes at once; of one that doesn't they are asked for.
struct PostgreSQLSchema: Sendable {
  /// The newest layout of the tables; a store with a greater number is left alone.
  static let version: Int64 = 1

  /// What the schema is called.
  let plainName: String
  /// The schema, as SQL writes it.
  let name: String
  /// Tells this store from all others.
  let storeID: String

  /// A table of ours, as SQL writes it.
  func table(_ table: String) -> String { name + "." + quotedName(table) }

  var store: String { name + ".maquette_store" }
  var services: String { name + ".maquette_services" }
  var datasets: String { name + ".maquette_datasets" }
  var files: String { name + ".maquette_files" }
  var changes: String { name + ".maquette_changes" }
  /// Where the server tells of changes: of this store alone, since channels are the whole database's.
  var channel: String { "maquette_" + storeID }
  var predictions: String { name + ".maquette_predictions" }

  // MARK: Opening

  /// Opens the store of a connection's schema, and makes it where there is none.
  ///
  /// - Throws: ``MaquetteError/Code/notAStore`` for tables of a newer version; what making them meets.
  static func open(_ connection: PostgreSQLConnection) throws(MaquetteError) -> PostgreSQLSchema {
    let name = try schemaName(connection)
    let quoted = quotedName(name)
    // Of several processes that make a store at once all but one fail, and find it.
    for attempt in 1... {
      if let storeID = try find(name, connection) {
        return PostgreSQLSchema(plainName: name, name: quoted, storeID: storeID)
      }
      do throws(MaquetteError) {
        try create(quoted, connection)
      } catch {
        let state = connection.lastState
        _ = try? connection.execute("ROLLBACK")
        guard attempt < 10, PostgreSQLError.isMade(state) else { throw error }
      }
    }
    throw MaquetteError(.internal, "no store in '\(connection.location)' after making one")
  }

  private static func schemaName(_ connection: PostgreSQLConnection) throws(MaquetteError) -> String {
    if let name = connection.options.schema {
      let found = try connection.run(
        "SELECT 1::bigint FROM pg_catalog.pg_namespace WHERE nspname = $1", .text(name))
      if found.rows == 0 {
        do throws(MaquetteError) {
          try connection.execute("CREATE SCHEMA IF NOT EXISTS \(quotedName(name))")
        } catch {
          guard PostgreSQLError.isMade(connection.lastState) else { throw error }
        }
      }
      return name
    }
    let found = try connection.run("SELECT current_schema()::text")
    guard found.rows == 1, let name = try found.text(0, 0) else {
      throw MaquetteError(
        .inputOutput,
        "there is no schema for the tables in '\(connection.location)': name one with '?schema=NAME'",
        name: connection.location)
    }
    return name
  }

  /// The id of the store that is there; nil where there is none.
  private static func find(
    _ schema: String, _ connection: PostgreSQLConnection
  ) throws(MaquetteError) -> String? {
    let table = try connection.run(
      """
      SELECT 1::bigint FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = $1 AND c.relname = 'maquette_store'
      """, .text(schema))
    guard table.rows > 0 else { return nil }
    let found = try connection.run("SELECT layout, id FROM \(quotedName(schema)).maquette_store")
    guard found.rows == 1, let id = try found.text(0, 1) else {
      throw notAStore(connection, "its table maquette_store does not have one row")
    }
    let layout = try found.integer(0, 0)
    guard layout <= version else {
      throw notAStore(connection, "a newer Maquette made it (layout \(layout), this one knows \(version))")
    }
    return id
  }

  private static func create(_ schema: String, _ connection: PostgreSQLConnection) throws(MaquetteError) {
    try connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
    try connection.execute(
      """
      CREATE TABLE \(schema).maquette_store(
        layout bigint PRIMARY KEY, id text NOT NULL, "nextService" bigint NOT NULL);
      CREATE TABLE \(schema).maquette_services(
        number bigint PRIMARY KEY, name text NOT NULL, "tableName" text NOT NULL UNIQUE, documents bigint NOT NULL,
        "nextPlace" bigint NOT NULL, change bigint NOT NULL, writer bigint NOT NULL, watched bigint NOT NULL);
      CREATE TABLE \(schema).maquette_changes(
        service bigint NOT NULL, change bigint NOT NULL, kind text NOT NULL, count bigint NOT NULL, ids bytea NOT NULL,
        dataset text, "oldDataset" text, PRIMARY KEY(service, change));
      CREATE TABLE \(schema).maquette_datasets(service bigint NOT NULL, name text NOT NULL, instances bigint NOT NULL);
      CREATE INDEX ON \(schema).maquette_datasets(service);
      CREATE TABLE \(schema).maquette_files(
        service bigint NOT NULL, place bigint NOT NULL, folder text NOT NULL, name text NOT NULL,
        document bytea NOT NULL, bytes bytea NOT NULL, PRIMARY KEY(service, place));
      CREATE INDEX ON \(schema).maquette_files(folder);
      CREATE INDEX ON \(schema).maquette_files(service, document);
      CREATE TABLE \(schema).maquette_predictions(service bigint PRIMARY KEY, run text NOT NULL);
      """)
    try connection.run(
      "INSERT INTO \(schema).maquette_store(layout, id, \"nextService\") VALUES($1, $2, 1)",
      .integer(version), .text(DocumentID.make().text))
    try connection.execute("COMMIT")
  }

  private static func notAStore(_ connection: PostgreSQLConnection, _ reason: String) -> MaquetteError {
    MaquetteError(
      .notAStore,
      "'\(connection.location)' is not a Maquette store: \(reason). It was left as it is; choose another schema",
      name: connection.location)
  }

  /// Makes sure that the store is still there behind a new connection.
  ///
  /// - Throws: ``MaquetteError/Code/inputOutput`` where it is not: the server has another database now, or an older copy.
  func check(_ connection: PostgreSQLConnection) throws(MaquetteError) {
    let found = try? connection.run("SELECT id FROM \(store)")
    if connection.isBroken { throw connection.lost("use") }
    guard let found, found.rows == 1, try found.text(0, 0) == storeID else {
      throw MaquetteError(
        .inputOutput, "the store in '\(connection.location)' is gone: its tables were removed, or made anew",
        name: connection.location)
    }
  }

  // MARK: Services

  /// The table of a service's documents.
  ///
  /// `place` counts through the service's documents and is never given again; a counter in the service's row gives
  /// it, under the lock that writers hold, so that the order of places is the order of commits (a sequence would not
  /// keep that, and some engines' sequences give no order at all). `id` is the 12 bytes of the id. `y` is a text in
  /// `y`, a number in `yNumber`, or little-endian 32-bit floats, as `x` is, in `yNumbers`; `shape` says how `x` is
  /// nested, dates are milliseconds since 1970.
  ///
  /// `fields` is JSON of all else, as text: `jsonb` would sort the members, drop the digits of numbers and refuse
  /// U+0000, `json` does the same in engines that only have the other. As text a document comes back as it was;
  /// `fields::jsonb` looks into it.
  ///
  /// In a prediction `prediction` is not NULL: see ``PredictedInstance``; JSON may follow, the `y` of the instance
  /// that the columns can't hold. Its `x` holds what `maquette_predictions` says.
  ///
  /// Names may be longer than an entry of an index can be: their beginnings are indexed.
  func makeDocuments(_ table: String) -> String {
    """
    CREATE TABLE \(table)(
      place bigint PRIMARY KEY, id bytea NOT NULL UNIQUE, "datasetName" text, name text, y text,
      "yNumber" double precision, "yNumbers" bytea, "createdAt" bigint NOT NULL, "updatedAt" bigint NOT NULL,
      shape text, x bytea, fields text, prediction bytea);
    CREATE INDEX ON \(table)(\(Self.nameKey), "updatedAt") WHERE name IS NOT NULL
    """
  }

  /// What of a name is in the index, and how to ask for it.
  static let nameKey = "substr(name, 1, 200)"
}
