package import MaquetteFormats
package import MaquetteKernels
package import MaquetteSystem

extension Service {
  /// What the predictions in this service have in common; nil where no batch was made.
  package func predictionRun() throws(MaquetteError) -> PredictionRun? {
    try read { (session) throws(MaquetteError) in try session.predictionRun() }
  }

  /// How many documents there are.
  package func count() throws(MaquetteError) -> Int {
    try read { (session) throws(MaquetteError) in try session.count(nil) }
  }

  /// Removes all documents, and begins a batch of predictions.
  package func begin(_ run: PredictionRun) throws(MaquetteError) {
    try write { (session) throws(MaquetteError) in ((), try Self.begin(run, session)) }
  }

  /// Removes all documents, and what is known about a batch of predictions.
  package func clearPredictions() throws(MaquetteError) {
    try write { (session) throws(MaquetteError) in ((), try Self.begin(nil, session)) }
  }

  private static func begin(
    _ run: PredictionRun?, _ session: any Session
  ) throws(MaquetteError) -> [ServiceEvent] {
    let hadAny = try session.count(nil) > 0
    try session.begin(run)
    return hadAny ? [ServiceEvent(.cleared, EventSource(.cleared(dataset: nil), session))] : []
  }

  /// Makes ready to go on with the batch that is there: keeps the predictions that are still right and removes all
  /// others, in one transaction.
  ///
  /// - Parameter instances: those that there are to be predictions of.
  /// - Returns: the batch, and the instances that need no prediction; nil where another batch is there, or none.
  package func resumePredictions(
    _ form: PredictionForm, origin: JSONObject, of instances: InstanceSet
  ) throws(MaquetteError) -> (run: PredictionRun, done: InstanceSet)? {
    try write { (session) throws(MaquetteError) in
      guard let run = try session.predictionRun(), run.form == form, run.origin == origin else {
        return (nil, [])
      }
      var done: Set<PredictedInstance> = []
      var wrong: [Int64] = []
      try session.scan(nil, .fields, skip: 0) { record in
        if let instance = record.prediction?.instance, instances.values.contains(instance),
          done.insert(instance).inserted
        {
          return true
        }
        wrong.append(record.place)
        return true
      }
      var events: [ServiceEvent] = []
      for place in wrong {
        guard let record = try session.record(at: place, .all) else { continue }
        events.append(ServiceEvent(.removed, EventSource(.record(record), session)))
      }
      for event in events {
        guard case .record(let record) = event.source.content else { continue }
        try session.deleteFiles(of: record.id)
        try session.delete(record)
      }
      return ((run, InstanceSet(done)), events)
    }
  }

  /// Stores predictions in one transaction.
  ///
  /// - Parameters:
  ///   - values: [rows, outputs], a row for each instance.
  ///   - truth: what the instances have as `y`.
  ///   - begins: whether they are the first of the run, in the place of all documents there are.
  /// - Throws: ``MaquetteError/Code/conflict`` when the predictions were cleared, or others begun, since the run began.
  package func append(
    _ values: Matrix, of instances: InstanceIDs, truth: TrueValues, to run: PredictionRun,
    begins: Bool = false
  ) throws(MaquetteError) -> BulkPredictions {
    try writeBatch { (session) throws(MaquetteError) in
      let cleared = begins ? try Self.begin(run, session) : []
      guard try session.predictionRun()?.id == run.id else {
        throw MaquetteError(
          .conflict,
          "the predictions in '\(self.name)' were cleared, or made anew by somebody else, while this batch ran",
          name: self.name)
      }
      let predictions = BulkPredictions(
        ids: DocumentID.make(values.rows), form: run.form, instances: instances, truth: truth, values: values,
        date: Timestamp.now().milliseconds)
      let stored = try session.store(predictions)
      let source = EventSource(stored, session)
      return (predictions, EventBatch(.created, source, rows: values.rows, after: cleared))
    }
  }

  /// All predictions, in the order they were made, and the number of the last transaction they show; nil where there
  /// are none.
  ///
  /// - Throws: ``MaquetteError/Code/badFormat`` for documents that are no predictions, or of different forms.
  package func predictions() throws(MaquetteError) -> (table: PredictionTable?, transaction: UInt64) {
    let name = name
    return try read { (session) throws(MaquetteError) in
      let transaction = session.version.own
      guard let form = try Self.form(of: session, name) else { return (nil, transaction) }
      return (try session.predictions(form), transaction)
    }
  }

  /// What the predictions have in common, as noted or else learned from all of them; nil where there are none.
  private static func form(of session: any Session, _ name: String) throws(MaquetteError) -> PredictionForm? {
    if let run = try session.predictionRun() { return run.form }
    var form: PredictionForm?
    try session.scan(nil, .all, skip: 0) { (record) throws(MaquetteError) in
      guard PredictionForm.learn(record.document, &form) else {
        throw MaquetteError(
          .badFormat, "the document \(record.id.text) of '\(name)' is no prediction like the others",
          name: record.id.text)
      }
      return true
    }
    return form
  }
}

/// Instances, each as it was at one moment.
package struct InstanceSet: Sendable {
  let values: Set<PredictedInstance>

  init(_ values: Set<PredictedInstance>) { self.values = values }

  package static let none = InstanceSet([])
  package var count: Int { values.count }

  /// The rows of a block that are not among these.
  package func missing(_ ids: InstanceIDs) -> [Int32] {
    ids.values.indices.filter {
      !values.contains(PredictedInstance(id: ids.values[$0], updatedAt: ids.updatedAt[$0]))
    }.map { Int32(truncatingIfNeeded: $0) }
  }
}

extension InstanceIDs {
  /// The ids of these rows, which must lie in the collection.
  package func gathering(_ rows: [Int32]) -> InstanceIDs {
    InstanceIDs(rows.map { values[Int($0)] }, updatedAt: rows.map { updatedAt[Int($0)] })
  }
}
