import MaquetteFormats
import MaquetteKernels
import MaquetteSystem

extension PostgreSQLSession {
  func predictionRun() throws(MaquetteError) -> PredictionRun? {
    if let run = memory.run { return run }
    let found = try connection.run(
      "SELECT run FROM \(schema.predictions) WHERE service = $1", .integer(table.number))
    var run: PredictionRun?
    if found.rows > 0 {
      let json: JSON? = try? JSON(parsing: Array(found.bytes(0, 0)))
      run = json.flatMap { PredictionRun($0) }
      if run == nil { throw damaged("what is noted about its predictions is no description of them") }
    }
    memory.run = .some(run)
    return run
  }

  func begin(_ run: PredictionRun?) throws(MaquetteError) {
    try connection.run("DELETE FROM \(schema.files) WHERE service = $1", .integer(table.number))
    try connection.run("DELETE FROM \(table.name)")
    try connection.run("DELETE FROM \(schema.datasets) WHERE service = $1", .integer(table.number))
    try connection.run("DELETE FROM \(schema.predictions) WHERE service = $1", .integer(table.number))
    if let run {
      try connection.run(
        "INSERT INTO \(schema.predictions)(service, run) VALUES($1, $2)", .integer(table.number),
        .text(run.json.description))
    }
    documents = 0
    touched = []
    memory = PostgreSQLTable.Memory(change: change)
    memory.run = .some(run)
    hasChanged = true
  }

  /// The rest of a record that is a prediction.
  func readPrediction(_ result: PostgreSQLResult, _ row: Int, into record: inout Record) throws(MaquetteError)
  {
    let bytes = result.bytes(row, Column.prediction)
    guard bytes.count >= PredictedInstance.bytes else {
      throw damaged("the prediction \(record.id.text) names no instance")
    }
    guard let run = try predictionRun() else { throw damaged("nothing is noted about its predictions") }
    var prediction = StoredPrediction(form: run.form, values: [], instance: PredictedInstance(bytes))
    if bytes.count > PredictedInstance.bytes {
      let json: JSON? = try? JSON(parsing: Array(bytes[PredictedInstance.bytes...]))
      guard let json else { throw damaged("the yTrue of prediction \(record.id.text) is no JSON") }
      prediction.truth = json
    }
    if !result.isNull(row, Column.x) {
      let values = result.bytes(row, Column.x)
      guard values.count == run.form.width * 4 else {
        throw damaged("the prediction \(record.id.text) has \(values.count) bytes, not \(run.form.width * 4)")
      }
      prediction.values = SQLiteSession.floats(values)
    }
    record.prediction = prediction
  }

  func predictions(_ form: PredictionForm) throws(MaquetteError) -> PredictionTable {
    var builder = PredictionBuilder(form, capacity: try count(nil))
    let isOurs = try predictionRun()?.form == form
    // In the order of `record(_:_:)`, so that what is no prediction of ours can be read by it.
    try each(Rows(columns: columns(.all))) { (result, row) throws(MaquetteError) in
      let instance = result.bytes(row, Column.prediction)
      let values = result.bytes(row, Column.x)
      guard isOurs, instance.count == PredictedInstance.bytes, values.count == form.width * 4 else {
        try builder.add(try record(result, row))
        return true
      }
      let text = result.bytes(row, Column.y)
      if !result.isNull(row, Column.y), !text.contains(1) {
        try builder.add(text: text)
      } else if !result.isNull(row, Column.yNumber) {
        builder.add(try result.number(row, Column.yNumber))
      } else if result.isNull(row, Column.y), result.isNull(row, Column.yNumbers) {
        builder.addNothing()
      } else {
        try builder.add(try record(result, row))
        return true
      }
      builder.add(PredictedInstance(instance), values)
      return true
    }
    return try builder.table()
  }
}
