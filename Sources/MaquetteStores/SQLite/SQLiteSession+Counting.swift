import MaquetteSystem

/// How many documents there are is written down with every change, in its transaction: to count 100,000 takes longer
/// than to open their store.
extension SQLiteSession {
  func count(_ dataset: String?) throws(MaquetteError) -> Int {
    guard let dataset else {
      return Int(
        try connection.integer("SELECT documents FROM maquette_services WHERE name = ?", .text(table.service))
          ?? 0)
    }
    if let count = table.tallies[ExactText(dataset)]?.count { return count }
    let count = Int(
      try connection.integer(
        "SELECT instances FROM maquette_datasets WHERE service = ? AND name = ?", .text(table.service),
        .text(dataset)) ?? 0)
    table.tallies[ExactText(dataset), default: .init()].count = count
    return count
  }

  /// Notes that documents came, or went, where the number is negative.
  func note(_ difference: Int, in dataset: String?) throws(MaquetteError) {
    try connection.run(
      "UPDATE maquette_services SET documents = documents + ? WHERE name = ?", .integer(Int64(difference)),
      .text(table.service))
    guard let dataset else { return }
    try connection.run(
      """
      INSERT INTO maquette_datasets VALUES(?1, ?2, ?3)
      ON CONFLICT DO UPDATE SET instances = instances + excluded.instances
      """, .text(table.service), .text(dataset), .integer(Int64(difference)))
    if let count = table.tallies[ExactText(dataset)]?.count {
      table.tallies[ExactText(dataset)]?.count = count + difference
    }
  }

  /// Counts anew: somebody may have changed the file by hand.
  func recount(_ dataset: String) throws(MaquetteError) {
    try connection.run(
      "UPDATE maquette_services SET documents = (SELECT count(*) FROM \(table.name)) WHERE name = ?",
      .text(table.service))
    try connection.run(
      """
      INSERT OR REPLACE INTO maquette_datasets
      SELECT ?1, ?2, count(*) FROM \(table.name) NOT INDEXED WHERE datasetName = ?2
      """, .text(table.service), .text(dataset))
    table.tallies[ExactText(dataset)] = nil
  }
}
