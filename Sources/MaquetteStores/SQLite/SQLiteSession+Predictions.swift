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
      """
      INSERT OR FAIL INTO \(table.name)(id, y, createdAt, updatedAt, x, fields)
      SELECT id, y, ?1, ?1, x, fields FROM maquette_rows
      """)
    defer { statement.reset() }
    try statement.bind(1, .integer(predictions.date))
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
    let width = predictions.values.columns
    let codes = predictions.truth.labels.codes
    let texts = LabelTexts(predictions.truth.labels.names)
    let id = UnsafeMutablePointer<UInt8>.allocate(capacity: DocumentID.digits)
    let instance = UnsafeMutableRawBufferPointer.allocate(byteCount: PredictedInstance.bytes, alignment: 1)
    defer {
      id.deallocate()
      instance.deallocate()
    }
    guard let place = instance.baseAddress else { return }
    try connection.newRows.lend(
      predictions.count,
      { row, column, context in
        switch column {
        case .id:
          predictions.ids[row].write(to: id)
          SQLiteRows.give(id: id, to: context)
        case .y where codes[row] >= -1: texts.give(codes[row], to: context)
        case .y: SQLiteRows.give(value(predictions.truth.parts(row).label), to: context)
        case .x: sqlite3_result_blob64(context, values + row &* width, UInt64(width &* 4), nil)
        case .fields:
          predictions.instance(row).write(to: place)
          // The y of an instance that y can't hold.
          if codes[row] < -1, let other = predictions.truth.parts(row).other {
            SQLiteRows.give(.bytes(Array(instance) + other.bytes), to: context)
          } else {
            sqlite3_result_blob64(context, place, UInt64(PredictedInstance.bytes), nil)
          }
        }
      }
    ) { () throws(MaquetteError) in
      _ = try statement.step()
    }
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
