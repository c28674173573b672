/// The table of one service, and what need not be asked twice of it.
final class SQLiteTable {
  let service: String
  let tableName: String
  /// The table's name as SQL writes it.
  let name: String
  var version = StoreVersion()
  /// By dataset; right for as long as nobody else writes.
  var tallies: [ExactText: Tally] = [:]
  /// What its predictions have in common, `.some(nil)` where there are none; right for as long.
  var predictionRun: PredictionRun??
  /// Whether what is done is to be written down for others; right for as long.
  var isLogged: Bool?
  /// Whether `y` has an index; right for as long.
  var hasLabelIndex: Bool?

  /// How many rows a condition found, by its SQL and values; right for as long as nobody writes at all.
  private var totals: [TotalKey: Int] = [:]
  private var totalChanges: Int64 = 0

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
  func total(_ key: TotalKey, after changes: Int64) -> Int? { changes == totalChanges ? totals[key] : nil }

  func remember(_ total: Int, of key: TotalKey, after changes: Int64) {
    if changes != totalChanges || totals.count >= 64 { totals = [:] }
    totalChanges = changes
    totals[key] = total
  }

  /// Forgets what somebody else may have changed.
  func forget() {
    tallies = [:]
    predictionRun = nil
    isLogged = nil
    hasLabelIndex = nil
    totals = [:]
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
