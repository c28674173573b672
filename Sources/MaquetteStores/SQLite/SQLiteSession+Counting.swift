import MaquetteSystem

/// How many documents there are is written down: to count 100,000 takes longer than to open their store.
///
/// Documents that come a few at a time are not noted one by one, though: a transaction writes whole pages, and the
/// numbers are on two others than the document and its id. Their rows are the tail, behind a place that is written
/// down; they are counted when somebody asks, and noted once there are more of them or anything else changes.
extension SQLiteSession {
  /// The most rows that are counted when somebody asks: noting them together costs little for each, and to count them
  /// takes microseconds.
  private static let longestTail = 64

  func count(_ dataset: String?) throws(MaquetteError) -> Int {
    guard let dataset else {
      if let count = table.documents { return count }
      let count =
        try noted("SELECT documents FROM maquette_services WHERE name = ?", .text(table.service))
        + tail().rows
      table.documents = count
      return count
    }
    if let count = table.tallies[ExactText(dataset)]?.count { return count }
    var count = try noted(
      "SELECT instances FROM maquette_datasets WHERE service = ? AND name = ?", .text(table.service),
      .text(dataset))
    let tail = try tail()
    if let place = tail.place, tail.rows > 0 {
      count += try noted(
        "SELECT count(*) FROM \(table.name) NOT INDEXED WHERE place > ? AND datasetName = ?", .integer(place),
        .text(dataset))
    }
    table.tallies[ExactText(dataset), default: .init()].count = count
    return count
  }

  /// A number of documents, within bounds that keep sums of a few from overflowing: somebody may have written anything.
  private func noted(_ sql: String, _ name: SQLiteValue, _ other: SQLiteValue = .null) throws(MaquetteError)
    -> Int
  {
    let statement = try connection.statement(sql)
    defer { statement.reset() }
    try statement.bind(1, name)
    if other != .null { try statement.bind(2, other) }
    return try statement.step() ? Int(min(max(0, statement.integer(0)), 1 << 48)) : 0
  }

  /// What is not noted yet.
  private func tail() throws(MaquetteError) -> SQLiteTable.Tail {
    if let tail = table.tail { return tail }
    var tail = SQLiteTable.Tail()
    if try connection.integer("PRAGMA user_version") ?? 0 >= SQLiteFile.Layout.tails.rawValue {
      tail.place = try connection.integer(
        "SELECT counted FROM maquette_services WHERE name = ?", .text(table.service))
    }
    if let place = tail.place {
      tail.rows = try noted("SELECT count(*) FROM \(table.name) WHERE place > ?", .integer(place))
    }
    table.tail = tail
    return tail
  }

  /// To be called before so many documents are inserted; ``noteInserted(_:in:inTail:)`` is to be called after.
  ///
  /// - Returns: whether they will belong to the tail.
  func willInsert(_ count: Int) throws(MaquetteError) -> Bool {
    guard count <= Self.longestTail else {
      try noteTail()
      return false
    }
    let tail = try tail()
    if tail.place != nil, tail.rows + count <= Self.longestTail { return true }
    try noteTail()
    let place = try connection.integer("SELECT max(place) FROM \(table.name)") ?? 0
    // What comes next has the next place, unless there is none.
    guard place < .max else { return false }
    try SQLiteFile.require(.tails, connection)
    try connection.run(
      "UPDATE maquette_services SET counted = ? WHERE name = ?", .integer(place), .text(table.service))
    table.tail = SQLiteTable.Tail(place: place)
    return true
  }

  /// Notes that documents have come.
  func noteInserted(_ count: Int, in dataset: String?, inTail: Bool) throws(MaquetteError) {
    guard inTail else { return try note(count, in: dataset) }
    table.tail?.rows += count
    remember(count, in: dataset)
  }

  /// Adds the tail to the numbers: to be called before documents change or go that may be of it.
  func noteTail() throws(MaquetteError) {
    let tail = try tail()
    guard let place = tail.place else { return }
    try connection.run(
      """
      INSERT INTO maquette_datasets
      SELECT ?1, datasetName, count(*) FROM \(table.name) NOT INDEXED WHERE place > ?2 AND datasetName IS NOT NULL
      GROUP BY datasetName ON CONFLICT DO UPDATE SET instances = instances + excluded.instances
      """, .text(table.service), .integer(place))
    try connection.run(
      "UPDATE maquette_services SET documents = documents + ?, counted = NULL WHERE name = ?",
      .integer(Int64(tail.rows)), .text(table.service))
    table.tail = SQLiteTable.Tail()
  }

  /// Notes that documents came, or went, where the number is negative; there is no tail.
  func note(_ difference: Int, in dataset: String?) throws(MaquetteError) {
    try connection.run(
      "UPDATE maquette_services SET documents = documents + ? WHERE name = ?", .integer(Int64(difference)),
      .text(table.service))
    if let dataset {
      try connection.run(
        """
        INSERT INTO maquette_datasets VALUES(?1, ?2, ?3)
        ON CONFLICT DO UPDATE SET instances = instances + excluded.instances
        """, .text(table.service), .text(dataset), .integer(Int64(difference)))
    }
    remember(difference, in: dataset)
  }

  private func remember(_ difference: Int, in dataset: String?) {
    if let count = table.documents { table.documents = count + difference }
    guard let dataset = dataset.map(ExactText.init), let count = table.tallies[dataset]?.count else { return }
    table.tallies[dataset]?.count = count + difference
  }

  /// Counts anew: somebody may have changed the file by hand.
  func recount(_ dataset: String) throws(MaquetteError) {
    try noteTail()
    try connection.run(
      "UPDATE maquette_services SET documents = (SELECT count(*) FROM \(table.name)) WHERE name = ?",
      .text(table.service))
    try connection.run(
      """
      INSERT OR REPLACE INTO maquette_datasets
      SELECT ?1, ?2, count(*) FROM \(table.name) NOT INDEXED WHERE datasetName = ?2
      """, .text(table.service), .text(dataset))
    table.documents = nil
    table.tallies[ExactText(dataset)] = nil
  }
}
