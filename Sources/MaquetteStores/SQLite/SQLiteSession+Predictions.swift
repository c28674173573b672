import CSQLite
import MaquetteFormats
import MaquetteKernels
import MaquetteSystem

extension SQLiteSession {
  func predictionRun() throws(MaquetteError) -> PredictionRun? {
    if let run = table.predictionRun { return run }
    let run = try storedRun()
    table.predictionRun = .some(run)
    return run
  }

  private func storedRun() throws(MaquetteError) -> PredictionRun? {
    let layout = try connection.integer("PRAGMA user_version") ?? 0
    guard layout >= SQLiteFile.Layout.predictions.rawValue else { return nil }
    let found = try connection.rows(
      "SELECT run FROM maquette_predictions WHERE service = ?", .text(table.service)
    ) { (row) throws(MaquetteError) in Array(row.bytes(0)) }
    guard let text = found.first else { return nil }
    let json: JSON? = try? JSON(parsing: text)
    guard let run = json.flatMap({ PredictionRun($0) }) else {
      throw damaged("what is noted about the predictions of '\(table.service)' is no description of them")
    }
    return run
  }

  func begin(_ run: PredictionRun?) throws(MaquetteError) {
    try connection.run("DELETE FROM maquette_files WHERE service = ?", .text(table.service))
    try noteTail()
    try connection.run("DELETE FROM \(table.name)")
    try connection.run(
      "UPDATE maquette_services SET documents = 0 WHERE name = ?", .text(table.service))
    try connection.run("DELETE FROM maquette_datasets WHERE service = ?", .text(table.service))
    table.forget()
    if let run {
      try SQLiteFile.require(.predictions, connection)
      try connection.run(
        "INSERT OR REPLACE INTO maquette_predictions(service, run) VALUES(?, ?)", .text(table.service),
        .text(run.json.description))
    } else if try predictionRun() != nil {
      try connection.run("DELETE FROM maquette_predictions WHERE service = ?", .text(table.service))
    }
    table.predictionRun = .some(run)
  }

  // MARK: Writing

  func insert(_ predictions: BulkPredictions) throws(MaquetteError) {
    let statement = try connection.statement(
      "INSERT INTO \(table.name)(id, y, createdAt, updatedAt, x, fields) VALUES(?1, ?2, ?3, ?3, ?4, ?5)")
    defer { statement.reset() }
    try statement.bind(3, .integer(predictions.date))
    let inTail = try willInsert(predictions.count)
    try predictions.values.withUnsafeBufferPointer { (values) throws(MaquetteError) in
      guard let values = values.baseAddress else { return }
      try insert(predictions, values, statement)
    }
    try noteInserted(predictions.count, in: nil, inTail: inTail)
  }

  private func insert(
    _ predictions: BulkPredictions, _ values: UnsafePointer<Float>, _ statement: SQLiteStatement
  ) throws(MaquetteError) {
    let handle = statement.handle
    let width = predictions.values.columns
    let truth = predictions.truth
    // All texts in one piece of memory, which SQLite reads where it lies.
    var texts: [CChar] = []
    var starts: [Int] = [0]
    for name in truth.labels.names {
      texts.append(contentsOf: name.utf8.map { CChar(bitPattern: $0) })
      starts.append(texts.count)
    }
    texts.append(0)
    let id = UnsafeMutablePointer<CChar>.allocate(capacity: DocumentID.digits)
    defer { id.deallocate() }
    let instance = UnsafeMutableRawBufferPointer.allocate(byteCount: PredictedInstance.bytes, alignment: 1)
    defer { instance.deallocate() }
    try texts.withUnsafeBufferPointer { (texts) throws(MaquetteError) in
      guard let texts = texts.baseAddress, let place = instance.baseAddress else { return }
      for row in 0..<predictions.count {
        id.withMemoryRebound(to: UInt8.self, capacity: DocumentID.digits) {
          predictions.ids[row].write(to: $0)
        }
        predictions.instance(row).write(to: place)
        // A nil destructor is SQLITE_STATIC: the memory stays as it is until the step is done.
        sqlite3_bind_text(handle, 1, id, Int32(DocumentID.digits), nil)
        sqlite3_bind_blob64(handle, 4, values + row &* width, UInt64(width &* 4), nil)
        sqlite3_bind_blob64(handle, 5, place, UInt64(PredictedInstance.bytes), nil)
        let code = Int(truth.labels.codes[row])
        if code >= 0 {
          let start = starts[code]
          sqlite3_bind_text64(
            handle, 2, texts + start, UInt64(starts[code + 1] - start), nil, UInt8(SQLITE_UTF8))
        } else if code == -1 {
          sqlite3_bind_null(handle, 2)
        } else {
          try bind(predictions, row, instance, statement)
        }
        _ = try statement.step()
        sqlite3_reset(handle)
      }
    }
  }

  /// Binds the `y` of an instance that is no text.
  private func bind(
    _ predictions: BulkPredictions, _ row: Int, _ instance: UnsafeMutableRawBufferPointer,
    _ statement: SQLiteStatement
  ) throws(MaquetteError) {
    let (label, other) = predictions.truth.parts(row)
    try statement.bind(2, value(label))
    if let other { try statement.bind(5, .bytes(Array(instance) + other.bytes)) }
  }

  // MARK: Reading

  /// The rest of a record whose `fields` are a blob.
  func readPrediction(_ row: SQLiteStatement, into record: inout Record) throws(MaquetteError) {
    let fields = row.bytes(9)
    guard fields.count >= PredictedInstance.bytes else {
      throw damaged("the prediction \(record.id.text) of '\(table.service)' names no instance")
    }
    guard let run = try predictionRun() else {
      throw damaged("nothing is noted about the predictions of '\(table.service)'")
    }
    var prediction = StoredPrediction(form: run.form, values: [], instance: PredictedInstance(fields))
    if fields.count > PredictedInstance.bytes {
      prediction.truth = try truth(fields, record.id)
    }
    if !row.isNull(8) {
      let bytes = row.bytes(8)
      guard bytes.count == run.form.width * 4 else {
        throw damaged(
          "the prediction \(record.id.text) of '\(table.service)' has \(bytes.count) bytes, not \(run.form.width * 4)"
        )
      }
      prediction.values = Self.floats(bytes)
    }
    record.prediction = prediction
  }

  private func truth(_ fields: UnsafeRawBufferPointer, _ id: DocumentID) throws(MaquetteError) -> JSON {
    do throws(MaquetteError) {
      return try JSON(parsing: Array(fields[PredictedInstance.bytes...]))
    } catch {
      throw damaged("the yTrue of prediction \(id.text) of '\(table.service)' is no JSON")
    }
  }

  private func damaged(_ what: String) -> MaquetteError {
    MaquetteError(.badFormat, "'\(connection.path)' is damaged: \(what)", name: connection.path)
  }

  func predictions(_ form: PredictionForm) throws(MaquetteError) -> PredictionTable {
    var builder = PredictionBuilder(form, capacity: try count(nil))
    // In the order of `record(_:)`, so that what is no prediction of ours can be read by it.
    let statement = try connection.statement(
      "SELECT \(columns(.all)) FROM \(table.name) NOT INDEXED ORDER BY place")
    defer { statement.reset() }
    let handle = statement.handle
    let isOurs = try predictionRun()?.form == form
    while try statement.step() {
      let instance = statement.bytes(9)
      let values = statement.bytes(8)
      guard isOurs, sqlite3_column_type(handle, 9) == SQLITE_BLOB,
        instance.count == PredictedInstance.bytes, values.count == form.width * 4
      else {
        try builder.add(try record(statement))
        continue
      }
      switch sqlite3_column_type(handle, 6) {
      case SQLITE_TEXT: try builder.add(text: statement.bytes(6))
      case SQLITE_NULL: builder.addNothing()
      case SQLITE_BLOB: builder.add(.label(.numbers(Self.floats(statement.bytes(6)))))
      default: builder.add(statement.number(6))
      }
      builder.add(PredictedInstance(instance), values)
    }
    return try builder.table()
  }
}
