import CSQLite
import MaquetteSystem

/// The log of what was done to a file's services, for those who watch them: who writes leaves a line or more in each of
/// his transactions, who watches reads the lines that came since he looked last.
///
/// There is none before anybody watches, and then for as long as there is the file. It keeps the last
/// ``SQLiteChanges/kept`` lines; who comes too late for some is told to read everything anew.
final class SQLiteChanges {
  /// How many lines are kept.
  static let kept: Int64 = 8192
  /// After how many lines old ones are removed.
  private static let pruning: Int64 = 256

  static let schema = """
    CREATE TABLE IF NOT EXISTS maquette_changes(
      sequence INTEGER PRIMARY KEY, service TEXT NOT NULL, kind TEXT NOT NULL, count INTEGER NOT NULL, ids BLOB NOT NULL,
      dataset TEXT, oldDataset TEXT)
    """

  /// Those who are told, by the names of their services.
  private(set) var receivers: [ExactText: ChangeReceiver] = [:]
  /// The last line that was told, or that is our own.
  private var last: Int64 = 0
  /// Moves when somebody else has written: the number at the last look.
  private var version: Int64 = -1
  /// Whether watching could not begin when it was to: the next look tries again.
  private(set) var mustReload = false

  var isEmpty: Bool { receivers.isEmpty }

  // MARK: Writing

  /// Whether there is a log.
  static func areLogged(_ connection: SQLiteConnection) throws(MaquetteError) -> Bool {
    try connection.integer("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'maquette_changes'")
      != nil
  }

  /// Adds lines, in the transaction they tell of.
  static func add(
    _ entries: [ChangeEntry], of service: String, _ connection: SQLiteConnection
  ) throws(MaquetteError) {
    let statement = try connection.statement(
      """
      INSERT INTO maquette_changes(service, kind, count, ids, dataset, oldDataset) VALUES(?1, ?2, ?3, ?4, ?5, ?6)
      """)
    for entry in entries {
      defer { statement.reset() }
      try statement.bind([
        .text(service), .text(entry.kind.rawValue), .integer(Int64(entry.ids.count)), .bytes(entry.ids.bytes),
        .text(orNull: entry.dataset), .text(orNull: entry.oldDataset),
      ])
      while try statement.step() {}
      let sequence = sqlite3_last_insert_rowid(connection.handle)
      if sequence % pruning == 0 {
        try connection.run(
          "DELETE FROM maquette_changes WHERE sequence <= ?", .integer(sequence - kept))
      }
    }
  }

  // MARK: Watching

  /// Starts to tell of a service, from the present state on.
  func watch(
    _ service: String, _ receiver: ChangeReceiver, _ content: SQLiteContent
  ) throws(MaquetteError) {
    if isEmpty {
      // Known before anything can fail, so that later looks try again what fails now.
      receivers[ExactText(service)] = receiver
      mustReload = true
      try prepare(content)
      try content.transaction("BEGIN") { (connection) throws(MaquetteError) in
        last = try connection.integer("SELECT max(sequence) FROM maquette_changes") ?? 0
        version = try connection.integer("PRAGMA data_version") ?? 0
      }
      mustReload = false
    } else {
      // What came before it wanted to know is for the others.
      defer { receivers[ExactText(service)] = receiver }
      try look(content)
    }
  }

  func unwatch(_ service: String) { receivers[ExactText(service)] = nil }

  private func prepare(_ content: SQLiteContent) throws(MaquetteError) {
    guard try !Self.areLogged(try content.connected()) else { return }
    try content.transaction("BEGIN IMMEDIATE") { (connection) throws(MaquetteError) in
      try SQLiteFile.require(.changes, connection)
      try connection.execute(Self.schema)
    }
    content.forgetAll()
  }

  /// Tells what came since the last look, outside of a transaction.
  ///
  /// - Returns: whether there was anything.
  @discardableResult
  func look(_ content: SQLiteContent) throws(MaquetteError) -> Bool {
    guard !isEmpty else { return false }
    try content.renew()
    if mustReload { try prepare(content) }
    let now = try content.connected().integer("PRAGMA data_version") ?? 0
    guard now != version || mustReload else { return false }
    return try content.transaction("BEGIN") { (_) throws(MaquetteError) in try tell(content) }
  }

  /// Tells what came since the last look, inside of a transaction, before what the transaction itself does.
  @discardableResult
  func tell(_ content: SQLiteContent) throws(MaquetteError) -> Bool {
    guard !isEmpty else { return false }
    let connection = try content.connected()
    // Of the state that this transaction reads, once it has read something.
    _ = try connection.integer("SELECT 1 FROM maquette_services LIMIT 1")
    let now = try connection.integer("PRAGMA data_version") ?? 0
    guard now != version || mustReload else { return false }
    let newest = try connection.integer("SELECT max(sequence) FROM maquette_changes") ?? 0
    let oldest = try connection.integer("SELECT min(sequence) FROM maquette_changes") ?? 0
    var changes: [(service: String, change: ForeignChange)] = []
    if mustReload || newest < last || oldest > last + 1 {
      changes = receivers.keys.map { ($0.text, ForeignChange(entry: ChangeEntry(kind: .reloaded))) }
    } else if newest > last {
      changes = try lines(connection)
    }
    try number(&changes, content)
    // From here on nothing fails: what is told once is not told again.
    version = now
    last = newest
    mustReload = false
    for (service, group) in Dictionary(grouping: changes, by: { ExactText($0.service) }) {
      receivers[service]?.receive(group.map(\.change))
    }
    return !changes.isEmpty
  }

  /// The lines that are new to those who watch.
  private func lines(
    _ connection: SQLiteConnection
  ) throws(MaquetteError) -> [(service: String, change: ForeignChange)] {
    let found = try connection.rows(
      """
      SELECT service, kind, count, ids, dataset, oldDataset FROM maquette_changes WHERE sequence > ? ORDER BY sequence
      """, .integer(last)
    ) { (row) throws(MaquetteError) -> (service: String, change: ForeignChange)? in
      let service = try row.text(0) ?? ""
      guard receivers[ExactText(service)] != nil else { return nil }
      let (dataset, oldDataset) = (try row.text(4), try row.text(5))
      // A newer Maquette may know more kinds, and other forms of ids.
      guard let kind = ServiceEvent.Kind(rawValue: try row.text(1) ?? ""),
        let count = Int(exactly: row.integer(2)),
        let ids = ChangedIDs(bytes: row.bytes(3), count: count)
      else { return (service, ForeignChange(entry: ChangeEntry(kind: .reloaded))) }
      return (
        service,
        ForeignChange(entry: ChangeEntry(kind: kind, ids: ids, dataset: dataset, oldDataset: oldDataset))
      )
    }
    return found.compactMap { $0 }
  }

  /// Counts changes in among the transactions on their services.
  private func number(
    _ changes: inout [(service: String, change: ForeignChange)], _ content: SQLiteContent
  ) throws(MaquetteError) {
    let connection = try content.connected()
    var counts: [ExactText: DatasetCounts] = [:]
    for (service, change) in changes {
      for case let dataset? in [change.entry.dataset, change.entry.oldDataset]
      where counts[ExactText(service)]?[dataset] == nil {
        let table = try content.table(service)
        let count = try SQLiteSession(connection, table).count(dataset)
        counts[ExactText(service), default: DatasetCounts()][dataset] = count
      }
    }
    for place in changes.indices {
      let service = changes[place].service
      let table = try content.table(service)
      table.version.own += 1
      changes[place].change.transaction = table.version.own
      let entry = changes[place].change.entry
      for case let dataset? in [entry.dataset, entry.oldDataset] {
        changes[place].change.counts[dataset] = counts[ExactText(service)]?[dataset]
      }
    }
  }

  /// The connection is another one: its number says nothing about the last look.
  func lookAgain() { version = -1 }

  /// Our own lines are not told: called with their transaction committed.
  func skip(to sequence: Int64) { last = max(last, sequence) }
}

extension SQLiteSession {
  func log(_ batch: EventBatch) throws(MaquetteError) {
    guard !batch.isEmpty else { return }
    if table.isLogged == nil { table.isLogged = try SQLiteChanges.areLogged(connection) }
    guard table.isLogged == true else { return }
    let before = connection.changes
    try SQLiteChanges.add(ChangeEntry.entries(of: batch.all), of: table.service, connection)
    table.count(in: [], between: before, and: connection.changes)
    logged = sqlite3_last_insert_rowid(connection.handle)
  }
}
