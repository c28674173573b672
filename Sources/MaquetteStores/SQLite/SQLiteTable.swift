/// The table of one service, and what need not be asked twice of it.
final class SQLiteTable {
  let service: String
  let tableName: String
  /// The table's name as SQL writes it.
  let name: String
  var version = StoreVersion()
  /// How many documents there are; right for as long as nobody else writes.
  var documents: Int?
  /// What is not in the numbers that are written down; right for as long.
  var tail: Tail?
  /// By dataset; right for as long.
  var tallies: [ExactText: Tally] = [:]
  /// What its predictions have in common, `.some(nil)` where there are none; right for as long.
  var predictionRun: PredictionRun??
  /// Whether what is done is to be written down for others; right for as long.
  var isLogged: Bool?
  /// Whether `y` has an index; right for as long.
  var hasLabelIndex: Bool?

  /// How many rows a condition found, by its SQL and values; right for as long as nobody writes anything that was not
  /// counted in.
  private var totals: [TotalKey: Total] = [:]
  private var totalChanges: Int64 = 0

  /// How many rows match a condition.
  private struct Total {
    var rows: Int
    let condition: Condition
    /// Which dataset only they are of; nil: of any.
    let dataset: String?

    func counts(_ record: Record) -> Bool {
      (dataset == nil || isSame(record.dataset, dataset)) && condition.matches(record)
    }
  }

  /// A condition as SQL, with its values.
  struct TotalKey: Hashable {
    let sql: ExactText
    let values: [SQLiteValue]

    init(_ sql: String, _ values: [SQLiteValue]) {
      self.sql = ExactText(sql)
      // Texts that differ in how an accent is written are two, and a condition has no values that are bytes.
      self.values = values.map { value in
        if case .text(let text) = value { .bytes(Array(text.utf8)) } else { value }
      }
    }
  }

  /// What is remembered of a condition.
  ///
  /// - Parameter changes: the number of all changes of the connection so far.
  func total(_ key: TotalKey, after changes: Int64) -> Int? {
    changes == totalChanges ? totals[key]?.rows : nil
  }

  /// - Parameter dataset: the one that the SQL asks for; nil where it asks for none.
  func remember(
    _ total: Int, of key: TotalKey, _ condition: Condition, in dataset: String?, after changes: Int64
  ) {
    if changes != totalChanges || totals.count >= 64 { totals = [:] }
    totalChanges = changes
    totals[key] = Total(rows: total, condition: condition, dataset: dataset)
  }

  /// Counts in rows that were inserted.
  ///
  /// - Parameters:
  ///   - before: the number of all changes of the connection before.
  ///   - changes: the number after; nothing else happened between the two that the totals would not know.
  func count(in records: @autoclosure () -> [Record], between before: Int64, and changes: Int64) {
    guard before == totalChanges, !totals.isEmpty else { return }
    let records = records()
    for key in totals.keys {
      guard let total = totals[key] else { continue }
      totals[key]?.rows += records.reduce(0) { total.counts($1) ? $0 + 1 : $0 }
    }
    totalChanges = changes
  }

  /// Forgets what somebody else may have changed.
  func forget() {
    documents = nil
    tail = nil
    tallies = [:]
    predictionRun = nil
    isLogged = nil
    hasLabelIndex = nil
    totals = [:]
  }

  /// Rows that came a few at a time, and that the numbers of documents don't count yet.
  struct Tail {
    /// They are behind this place; nil where there can be none.
    var place: Int64?
    var rows = 0
  }

  struct Tally {
    var count: Int?
    /// The width of its rows of numbers; `.some(nil)` where it has none.
    var width: Int??
  }

  init(service: String, name: String) {
    self.service = service
    tableName = name
    self.name = quotedName(name)
  }

  /// In the order documents are read: what is looked at most comes first, and the fields, which may hold pictures,
  /// come last.
  ///
  /// `x` holds little-endian 32-bit floats, `shape` their nesting where there is one, `y` a text, a number, or
  /// floats like those of `x`, dates are milliseconds since 1970, and `fields` is JSON of all else.
  ///
  /// In a prediction `fields` is a blob instead: see ``PredictedInstance``; JSON may follow, the `y` of the instance
  /// that `y` can't hold. Its `x` holds what `maquette_predictions` says.
  static func schema(_ name: String) -> String {
    """
    CREATE TABLE \(quotedName(name))(
      place INTEGER PRIMARY KEY, id TEXT NOT NULL, datasetName TEXT, name TEXT, y, createdAt INTEGER NOT NULL,
      updatedAt INTEGER NOT NULL, shape TEXT, x BLOB, fields TEXT);
    CREATE UNIQUE INDEX \(quotedName(name + " ids")) ON \(quotedName(name))(id, datasetName);
    CREATE INDEX \(quotedName(name + " names")) ON \(quotedName(name))(name, updatedAt) WHERE name IS NOT NULL;
    """
  }
}
