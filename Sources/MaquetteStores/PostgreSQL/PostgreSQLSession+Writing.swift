import MaquetteFormats
import MaquetteSystem

extension PostgreSQLSession {
  func insert(_ record: Record) throws(MaquetteError) {
    let record = record.flattened
    try connection.run(
      """
      INSERT INTO \(table.name)(
        place, id, "datasetName", name, y, "yNumber", "yNumbers", "createdAt", "updatedAt", shape, x, fields)
      VALUES($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
      """, [.integer(nextPlace)] + values(record))
    nextPlace += 1
    try note(1, in: record.dataset)
    if let dataset = record.dataset { widthChanged(dataset, to: record.features?.width) }
  }

  func update(_ record: Record) throws(MaquetteError) {
    let record = record.flattened
    let old = try self.record(record.id, [])
    try connection.run(
      """
      UPDATE \(table.name) SET "datasetName" = $2, name = $3, y = $4, "yNumber" = $5, "yNumbers" = $6,
        "createdAt" = $7, "updatedAt" = $8, shape = $9, x = $10, fields = $11, prediction = NULL WHERE id = $1
      """, values(record))
    hasChanged = true
    if !isSame(old?.dataset, record.dataset) {
      if let old { try note(-1, in: old.dataset) }
      try note(1, in: record.dataset)
    }
    for dataset in [old?.dataset, record.dataset] {
      if let dataset { memory.tallies[ExactText(dataset)]?.width = nil }
    }
  }

  /// The id and what follows it.
  private func values(_ record: Record) -> [PostgreSQLValue] {
    var values: [PostgreSQLValue] = [.id(record.id), .text(record.dataset), .text(record.name)]
    var (text, number, numbers): (String?, Double?, [Float]?)
    switch record.label {
    case nil: break
    case .text(let label): text = label
    case .number(let label): number = label
    case .numbers(let label): numbers = label
    }
    values += [.text(text), .number(number), .bytes(numbers.map { $0.withUnsafeBytes { Array($0) } })]
    values += [.integer(record.createdAt), .integer(record.updatedAt), .text(record.features?.layoutText)]
    values.append(.bytes(record.features?.bytes))
    values.append(.text(record.fields.isEmpty ? nil : JSON.object(record.fields).description))
    return values
  }

  /// Keeps the width that is remembered of a dataset, when a record with one came to a dataset without.
  private func widthChanged(_ dataset: String, to width: Int?) {
    if let width, memory.tallies[ExactText(dataset)]?.width == .some(nil) {
      memory.tallies[ExactText(dataset)]?.width = .some(width)
    }
  }

  func delete(_ record: Record) throws(MaquetteError) {
    let deleted = try connection.run("DELETE FROM \(table.name) WHERE id = $1", .id(record.id))
    guard deleted.changed > 0 else { return }
    try note(-1, in: record.dataset)
    if let dataset = record.dataset { memory.tallies[ExactText(dataset)]?.width = nil }
  }

  func clear(_ dataset: String) throws(MaquetteError) -> Int {
    try connection.run(
      """
      DELETE FROM \(schema.files) WHERE service = $1
        AND document IN (SELECT id FROM \(table.name) WHERE "datasetName" = $2)
      """, .integer(table.number), .text(dataset))
    let count = try connection.run("DELETE FROM \(table.name) WHERE \"datasetName\" = $1", .text(dataset))
      .changed
    if count > 0 { hasChanged = true }
    documents -= Int64(count)
    memory.tallies[ExactText(dataset)] = .init(count: 0, width: .some(nil))
    touched.insert(ExactText(dataset))
    return count
  }

  // MARK: Files

  func insert(_ folder: Folder, of id: DocumentID) throws(MaquetteError) {
    for file in folder.files {
      // The service is locked: nobody else can add the same file between the look and the writing.
      let inserted = try connection.run(
        """
        INSERT INTO \(schema.files)(service, place, folder, name, document, bytes) SELECT $1, $2, $3, $4, $5, $6
        WHERE NOT EXISTS (SELECT 1 FROM \(schema.files) WHERE folder = $3 AND name = $4)
        """, .integer(table.number), .integer(nextPlace), .text(folder.name), .text(file.name), .id(id),
        .bytes(file.bytes))
      guard inserted.changed == 1 else {
        throw MaquetteError(
          .conflict, "there is a file '\(folder.name)/\(file.name)' already", name: file.name)
      }
      nextPlace += 1
      hasChanged = true
    }
  }

  func deleteFiles(of id: DocumentID) throws(MaquetteError) {
    let deleted = try connection.run(
      "DELETE FROM \(schema.files) WHERE service = $1 AND document = $2", .integer(table.number), .id(id))
    if deleted.changed > 0 { hasChanged = true }
  }

  func folders(beginning prefix: String) throws(MaquetteError) -> [String] {
    let found = try connection.run(
      """
      SELECT DISTINCT folder FROM \(schema.files)
      WHERE service = $1 AND substr(folder, 1, char_length($2)) = $2
      """, .integer(table.number), .text(prefix))
    var names: [String] = []
    for row in 0..<found.rows { names.append(try found.text(row, 0) ?? "") }
    // The server's order is that of some language.
    return names.sorted()
  }

  func files(in folder: String) throws(MaquetteError) -> [StoredFile] {
    let found = try connection.run(
      "SELECT name, bytes FROM \(schema.files) WHERE folder = $1 AND service = $2 ORDER BY place",
      .text(folder),
      .integer(table.number))
    var files: [StoredFile] = []
    for row in 0..<found.rows {
      files.append(StoredFile(name: try found.text(row, 0) ?? "", bytes: Array(found.bytes(row, 1))))
    }
    return files
  }

  func delete(folder: String, of id: DocumentID) throws(MaquetteError) {
    let deleted = try connection.run(
      "DELETE FROM \(schema.files) WHERE folder = $1 AND service = $2 AND document = $3", .text(folder),
      .integer(table.number), .id(id))
    if deleted.changed > 0 { hasChanged = true }
  }
}
