import MaquetteSystem
import Synchronization

/// What others do to the services that somebody watches.
///
/// While a service is watched by anybody, who writes to it leaves lines in `maquette_changes`, in the same transaction,
/// numbered by the service's counter of changes: since writers take turns, whoever has read up to a number has missed
/// nothing before it. The log keeps the last ``PostgreSQLChanges/kept`` numbers of a service; who comes too late for
/// some is told to read everything anew.
///
/// Told on the thread of the connection that writes, so that everything is told in the order it happened.
final class PostgreSQLChanges: Sendable {
  /// How many numbers are kept.
  static let kept: Int64 = 8192
  /// After how many changes old lines are removed.
  static let pruning: Int64 = 256

  private struct Watch: Sendable {
    let receiver: ChangeReceiver
    /// The last change that was told, or that is our own; nil where watching could not begin when it was to.
    var last: Int64?
  }

  private let watches = Mutex<[ExactText: Watch]>([:])

  var isEmpty: Bool { watches.withLock { $0.isEmpty } }
  var receivers: [ChangeReceiver] { watches.withLock { $0.values.map(\.receiver) } }

  // MARK: Beginning and ending

  /// Starts to tell of a service, from the present state on.
  func watch(
    _ service: String, _ receiver: ChangeReceiver, _ services: PostgreSQLServices,
    _ connection: PostgreSQLConnection
  ) throws(MaquetteError) {
    // Known before anything can fail, so that later looks try again what fails now.
    watches.withLock { $0[ExactText(service)] = Watch(receiver: receiver) }
    let last = try Self.begin(service, services, connection)
    watches.withLock { $0[ExactText(service)]?.last = last }
  }

  func unwatch(_ service: String) { watches.withLock { $0[ExactText(service)] = nil } }

  /// Has everybody write down from now on what they do, and gives the number of the last change before that.
  private static func begin(
    _ service: String, _ services: PostgreSQLServices, _ connection: PostgreSQLConnection
  ) throws(MaquetteError) -> Int64 {
    let table = try services.table(service, connection)
    // Who writes has locked the row: this waits, and whoever writes next sees it. Once is enough for ever.
    let marked = try connection.run(
      "UPDATE \(services.schema.services) SET watched = 1 WHERE number = $1 AND watched = 0 RETURNING change",
      .integer(table.number))
    if marked.rows == 1 { return try marked.integer(0, 0) }
    let found = try connection.run(
      "SELECT change FROM \(services.schema.services) WHERE number = $1", .integer(table.number))
    guard found.rows == 1 else {
      services.forget(table)
      throw MaquetteError(
        .inputOutput, "the service '\(service)' is gone from '\(connection.location)'", name: service)
    }
    return try found.integer(0, 0)
  }

  // MARK: Telling

  /// Tells what came since the last look, outside of a transaction.
  func look(_ services: PostgreSQLServices, _ connection: PostgreSQLConnection) throws(MaquetteError) {
    for (key, watch) in watches.withLock({ $0 }) {
      let service = key.text
      if watch.last == nil {
        let last = try Self.begin(service, services, connection)
        watches.withLock { $0[ExactText(service)]?.last = last }
        watch.receiver.receive([
          ForeignChange(entry: ChangeEntry(kind: .reloaded), transaction: UInt64(clamping: last))
        ])
      } else {
        let table = try services.table(service, connection)
        let found = try connection.run(
          "SELECT change FROM \(services.schema.services) WHERE number = $1", .integer(table.number))
        guard found.rows == 1, try found.integer(0, 0) != watch.last else { continue }
        try PostgreSQLTransaction(services, connection).read(service) { (session) throws(MaquetteError) in
          if let session = session as? PostgreSQLSession { try tell(session) }
        }
      }
    }
  }

  /// Tells what came since the last look, inside of a transaction, before what the transaction itself does.
  func tell(_ session: PostgreSQLSession) throws(MaquetteError) {
    let service = session.table.service
    guard let watch = watches.withLock({ $0[ExactText(service)] }), let last = watch.last,
      last != session.change
    else {
      return
    }
    let changes: [ForeignChange]
    if session.change < last || session.change - last > Self.kept {
      // A smaller number: somebody has put an older copy of the database in its place.
      changes = [
        ForeignChange(entry: ChangeEntry(kind: .reloaded), transaction: UInt64(clamping: session.change))
      ]
    } else {
      changes = try Self.lines(session, after: last)
    }
    // From here on nothing fails: what is told once is not told again.
    watches.withLock { $0[ExactText(service)]?.last = session.change }
    if !changes.isEmpty { watch.receiver.receive(changes) }
  }

  /// What this store did itself is not told: called when its transaction is committed.
  func skip(_ session: PostgreSQLSession) {
    watches.withLock { watches in
      if watches[ExactText(session.table.service)]?.last == session.change {
        watches[ExactText(session.table.service)]?.last = session.nextChange
      }
    }
  }

  private static func lines(
    _ session: PostgreSQLSession, after last: Int64
  ) throws(MaquetteError) -> [ForeignChange] {
    let found = try session.connection.run(
      """
      SELECT change, kind, count, ids, dataset, "oldDataset" FROM \(session.schema.changes)
      WHERE service = $1 AND change > $2 AND change <= $3 ORDER BY change
      """, .integer(session.table.number), .integer(last), .integer(session.change))
    var changes: [ForeignChange] = []
    for row in 0..<found.rows {
      let (dataset, oldDataset) = (try found.text(row, 4), try found.text(row, 5))
      var entry = ChangeEntry(kind: .reloaded)
      // A newer Maquette may know more kinds, and other forms of ids.
      if let kind = ServiceEvent.Kind(rawValue: try found.text(row, 1) ?? ""),
        let count = Int(exactly: try found.integer(row, 2)),
        let ids = ChangedIDs(bytes: found.bytes(row, 3), count: count)
      {
        entry = ChangeEntry(kind: kind, ids: ids, dataset: dataset, oldDataset: oldDataset)
      }
      var change = ForeignChange(entry: entry, transaction: UInt64(clamping: try found.integer(row, 0)))
      for case let dataset? in [entry.dataset, entry.oldDataset] {
        change.counts[dataset] = try session.count(dataset)
      }
      changes.append(change)
    }
    return changes
  }
}
