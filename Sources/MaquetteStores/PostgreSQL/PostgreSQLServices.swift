import MaquetteSystem
import Synchronization

/// What all connections of a store know of it.
final class PostgreSQLServices: Sendable {
  let schema: PostgreSQLSchema
  /// Tells the transactions of this store from those of others, also of others in this process.
  let writer = Int64.random(in: 1...Int64.max)
  /// Whether the server can tell those who listen.
  let canNotify: Bool
  private let tables = Mutex<[ExactText: PostgreSQLTable]>([:])

  init(_ schema: PostgreSQLSchema, _ connection: PostgreSQLConnection) {
    self.schema = schema
    // Asked outside of any transaction, which would be lost with a server that can't.
    canNotify = (try? connection.run("SELECT pg_notify($1, '')", .text(schema.channel))) != nil
  }

  func names(_ connection: PostgreSQLConnection) throws(MaquetteError) -> [String] {
    let found = try connection.run("SELECT name FROM \(schema.services) ORDER BY number")
    var names: [String] = []
    for row in 0..<found.rows { names.append(try found.text(row, 0) ?? "") }
    return names
  }

  func table(_ service: String, _ connection: PostgreSQLConnection) throws(MaquetteError) -> PostgreSQLTable {
    guard let table = try find(service, connection) else {
      throw MaquetteError(.notFound, "there is no service '\(service)'", name: service)
    }
    return table
  }

  func find(_ service: String, _ connection: PostgreSQLConnection) throws(MaquetteError) -> PostgreSQLTable? {
    if let table = tables.withLock({ $0[ExactText(service)] }) { return table }
    let found = try connection.run(
      "SELECT number, \"tableName\" FROM \(schema.services) WHERE name = $1", .text(service))
    guard found.rows > 0 else { return nil }
    let table = PostgreSQLTable(
      service: service, number: try found.integer(0, 0), name: schema.table(try found.text(0, 1) ?? ""))
    return tables.withLock { tables in
      if let table = tables[ExactText(service)] { return table }
      tables[ExactText(service)] = table
      return table
    }
  }

  /// Forgets a service that is not there any more.
  func forget(_ table: PostgreSQLTable) {
    tables.withLock { if $0[ExactText(table.service)] === table { $0[ExactText(table.service)] = nil } }
  }

  /// Makes a service, unless somebody else is faster; a transaction of its own.
  func make(_ service: String, _ connection: PostgreSQLConnection) throws(MaquetteError) {
    try connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
    do throws(MaquetteError) {
      // The lock on this row makes one after the other.
      let number = try connection.run(
        "UPDATE \(schema.store) SET \"nextService\" = \"nextService\" + 1 RETURNING \"nextService\" - 1")
      guard number.rows == 1 else {
        throw MaquetteError(.notAStore, "'\(connection.location)' is no store any more")
      }
      if try find(service, connection) == nil {
        let name = try freeTableName(service, connection)
        try connection.execute(schema.makeDocuments(schema.table(name)))
        try connection.run(
          """
          INSERT INTO \(schema.services)(number, name, "tableName", documents, "nextPlace", change, writer, watched)
          VALUES($1, $2, $3, 0, 1, 0, 0, 0)
          """, .integer(try number.integer(0, 0)), .text(service), .text(name))
        try connection.execute("COMMIT")
        // Floats do not get shorter by compression. A wish: not every engine knows it.
        _ = try? connection.execute(
          "ALTER TABLE \(schema.table(name)) ALTER COLUMN x SET STORAGE EXTERNAL")
      } else {
        try connection.execute("COMMIT")
      }
    } catch {
      if !connection.isBroken { _ = try? connection.execute("ROLLBACK") }
      throw error
    }
  }

  /// The service's own name, where PostgreSQL takes it and no table or index is called so.
  private func freeTableName(_ service: String, _ connection: PostgreSQLConnection) throws(MaquetteError)
    -> String
  {
    let base = service.hasPrefix("maquette_") ? "service " + service : service
    var number = 1
    while true {
      let suffix = number == 1 ? "" : " (\(number))"
      let name = Self.cut(base, to: 63 - suffix.utf8.count) + suffix
      let found = try connection.run(
        """
        SELECT 1::bigint FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = $1 AND c.relname = $2
        """, .text(schema.plainName), .text(name))
      if found.rows == 0 { return name }
      number += 1
    }
  }

  /// As many whole characters as fit into that many bytes: PostgreSQL would cut longer names itself, and two that begin
  /// alike would be one.
  private static func cut(_ text: String, to bytes: Int) -> String {
    var result = String.UnicodeScalarView()
    var left = bytes
    // U+0001 stands for what PostgreSQL can't hold; see PostgreSQLText.
    for scalar in text.unicodeScalars where scalar.value > 1 {
      left -= UTF8.width(scalar)
      if left < 0 { break }
      result.append(scalar)
    }
    return result.isEmpty ? "service" : String(result)
  }
}
