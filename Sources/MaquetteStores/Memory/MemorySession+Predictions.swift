import MaquetteSystem

extension MemorySession {
  func predictionRun() -> PredictionRun? { content.predictionRun }

  func begin(_ run: PredictionRun?) {
    for id in content.folders.keys { backend.dropFiles(of: id, in: content) }
    content.removeAll()
    content.predictionRun = run
  }

  func insert(_ predictions: BulkPredictions) {
    for row in 0..<predictions.count { content.add(predictions.record(row)) }
  }

  func predictions(_ form: PredictionForm) throws(MaquetteError) -> PredictionTable {
    var builder = PredictionBuilder(form, capacity: count(nil))
    try scan(nil, .all, skip: 0) { (record) throws(MaquetteError) in
      try builder.add(record)
      return true
    }
    return try builder.table()
  }
}
