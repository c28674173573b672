import MaquetteSystem

extension SQLiteSession {
  func createIndex(on field: IndexedField) throws(MaquetteError) {
    for index in Self.indices(field) {
      try connection.execute(
        "CREATE INDEX IF NOT EXISTS \(quotedName(name(of: index))) ON \(table.name)(\(field.rawValue)) \(index.filter)"
      )
    }
    table.hasLabelIndex = nil
  }

  /// Those of the fields that have no index.
  func missingIndices(among fields: [IndexedField]) throws(MaquetteError) -> [IndexedField] {
    var missing: [IndexedField] = []
    for field in fields where try !isIndexed(field) { missing.append(field) }
    return missing
  }

  /// Whether `y` has its indices.
  func hasLabelIndex() throws(MaquetteError) -> Bool {
    if let known = table.hasLabelIndex { return known }
    let found = try isIndexed(.label)
    table.hasLabelIndex = found
    return found
  }

  private func isIndexed(_ field: IndexedField) throws(MaquetteError) -> Bool {
    for index in Self.indices(field) {
      let found = try connection.integer(
        "SELECT 1 FROM sqlite_schema WHERE type = 'index' AND name = ?", .text(name(of: index)))
      if found == nil { return false }
    }
    return true
  }

  private struct Index {
    let kind: String
    var filter = ""
  }

  private static func indices(_ field: IndexedField) -> [Index] {
    switch field {
    // These every table has from the start.
    case .id, .name: []
    // The second leads to what has a y among its fields, past what has none.
    case .label: [Index(kind: "y"), Index(kind: "other y", filter: "WHERE y IS NULL AND fields IS NOT NULL")]
    case .createdAt, .updatedAt, .dataset: [Index(kind: field.rawValue)]
    }
  }

  /// No service's table begins so: their names and those of indices are of one list.
  private func name(of index: Index) -> String { "maquette_\(index.kind) of " + table.tableName }
}
