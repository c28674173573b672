import CSQLite
import MaquetteFormats
import MaquetteKernels
import MaquetteSystem

extension SQLiteSession {
  func table(_ dataset: String) throws(MaquetteError) -> InstanceTable {
    if let table = try counted(dataset) { return table }
    // Another number of rows than is written down: somebody changed the file by hand, which is their right.
    try recount(dataset)
    if let table = try counted(dataset) { return table }
    throw MaquetteError(
      .badFormat,
      "'\(connection.path)' is damaged: dataset \(quoted(dataset)) does not give the rows that were counted",
      name: connection.path)
  }

  /// The table of as many rows as are written down; nil if there are more or fewer.
  private func counted(_ dataset: String) throws(MaquetteError) -> InstanceTable? {
    let rows = try count(dataset)
    let columns = try width(dataset, except: nil) ?? 0
    // Usually the service holds nothing else, and no row need be asked whose it is.
    let isAlone = rows == (try count(nil))
    let statement = try connection.statement(
      "SELECT maquette_collect(x, y, fields) FROM \(table.name) NOT INDEXED"
        + (isAlone ? "" : " WHERE datasetName = ?"))
    defer { statement.reset() }
    if !isAlone { try statement.bind(1, .text(dataset)) }
    let collector = connection.collector
    var codes = [Int32](repeating: -1, count: rows)
    let features = try Matrix(rows: rows, columns: columns) { (buffer) throws(MaquetteError) in
      try codes.withUnsafeMutableBufferPointer { (codes) throws(MaquetteError) in
        collector.start(UnsafeMutableRawBufferPointer(buffer), columns * 4, codes)
        do throws(MaquetteError) {
          _ = try statement.step()
        } catch {
          if collector.hasOverflown { return }
          throw collector.hasFailed ? try unusable(dataset, collector.row) : error
        }
      }
    }
    guard collector.row == rows, !collector.hasOverflown else { return nil }
    return InstanceTable(features: features, labels: collector.finish(codes))
  }

  /// What is wrong with a row of a dataset.
  private func unusable(_ dataset: String, _ row: Int) throws(MaquetteError) -> MaquetteError {
    var error = MaquetteError(.badFormat, "row \(row) of '\(table.service)' is damaged")
    try scan(dataset, .all, label: nil, skip: row) { record in
      error = InstanceTable.unusable(record)
      return false
    }
    return error
  }
}
