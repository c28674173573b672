import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteStreams
import MaquetteSystem

/// One run of a batch prediction, on its thread.
struct BatchRun {
  let model: any Model
  /// What predicts: what the model had learned when the run was started.
  let fitted: any FittedModel
  let dataset: Dataset
  let field: String
  let service: Service
  let status: Stream<BatchPredictionStatus>
  let run: BackgroundRun
  /// Milliseconds after which what is predicted is stored, though the block is not full: others want to see that it goes
  /// on, and an interruption should not cost more.
  var longest: Int64 = 1000

  /// The most rows of a block.
  private static let blockRows = 4096
  /// What the rows of a block take at the most.
  private static let blockBytes = 4 << 20

  /// Instances that are to be predicted.
  private struct Block {
    let instances: InstanceIDs
    let truth: TrueValues
    let features: Matrix

    /// Some of the rows.
    func gathering(_ rows: [Int32]) throws(MaquetteError) -> Block {
      Block(
        instances: instances.gathering(rows), truth: truth.gathering(rows),
        features: try features.gathering(rows))
    }
  }

  func predict(resume: Bool) throws(MaquetteError) -> BatchPredictionStatus {
    status.set(BatchPredictionStatus(.start))
    let form = try PredictionForm(model, fitted)
    let origin: JSONObject = [
      "model": .string(type(of: model).kind),
      "fingerprint": .string(try model.fingerprint(of: fitted)),
      "dataset": .string(dataset.name), "inputField": .string(field),
    ]
    let width = max(1, max(fitted.features, fitted.outputs))
    let pass = try InstancePass(
      dataset, field: field, rows: min(Self.blockRows, max(1, Self.blockBytes / 4 / width)))
    var done = InstanceSet.none
    var batch: PredictionRun?
    if resume, let found = try service.resumePredictions(form, origin: origin, of: try pass.instances()) {
      batch = found.run
      done = found.done
    }
    var count = done.count
    var pace = Pace()
    while let table = try pass.next() {
      guard let block = try missing(table, done) else { continue }
      try predict(block, &pace) { (part, values) throws(MaquetteError) in
        // Only together with the first that come into its place, what is there goes.
        let present = batch ?? PredictionRun(form, origin: origin)
        let stored = try service.append(
          values, of: part.instances, truth: part.truth, to: present, begins: batch == nil)
        batch = present
        let (before, total) = (count, pass.total)
        status.set(count: stored.count) {
          BatchPredictionStatus(running: before + $0 + 1, of: total, stored, row: $0)
        }
        count += stored.count
      }
    }
    if batch == nil { try service.begin(PredictionRun(form, origin: origin)) }
    return BatchPredictionStatus(.success, count: count, total: pass.total)
  }

  /// The rows that are not done; nil where all are.
  private func missing(_ table: InstanceTable, _ done: InstanceSet) throws(MaquetteError) -> Block? {
    guard let ids = table.ids, let truth = table.truth else {
      throw MaquetteError(.internal, "a block of instances came without ids")
    }
    let all = Block(instances: ids, truth: truth, features: table.features)
    if done.count == 0 { return all }
    let missing = done.missing(ids)
    if missing.count == ids.count { return all }
    return missing.isEmpty ? nil : try all.gathering(missing)
  }

  /// Predicts a block in parts of a few milliseconds, so that a run that is cancelled ends soon, and hands it over whole;
  /// or, if that takes long, as much as there is by then.
  private func predict(
    _ block: Block, _ pace: inout Pace, _ store: (Block, Matrix) throws(MaquetteError) -> Void
  ) throws(MaquetteError) {
    try fitted.requireWidth(block.features.columns)
    try block.features.requireFinite()
    let (rows, width, outputs) = (block.features.rows, block.features.columns, fitted.outputs)
    let values = try FloatBuffer(zeros: rows * outputs)
    var stored = 0
    var done = 0
    var patience = Deadline(milliseconds: longest)
    while done < rows {
      try run.checkCancellation()
      let count = min(pace.rows, rows - done)
      let (early, late) = Pace.deadlines()
      try block.features.withUnsafeBufferPointer { (features) throws(MaquetteError) in
        guard let features = features.baseAddress else { return }
        try fitted.predict(
          features + done * width, count: count, into: values.pointer + done * outputs)
      }
      // A short rest of a block says little.
      if count == pace.rows { pace.change(isQuick: !early.hasPassed, isSlow: late.hasPassed) }
      done += count
      guard done == rows || patience.hasPassed else { continue }
      try run.checkCancellation()
      if stored == 0, done == rows {
        try store(block, try Matrix(rows: rows, columns: outputs, sharing: values))
      } else {
        let part = (Int32(truncatingIfNeeded: stored)..<Int32(truncatingIfNeeded: done)).map { $0 }
        let numbers = try Matrix(rows: rows, columns: outputs, sharing: values)
        try store(try block.gathering(part), try numbers.gathering(part))
      }
      stored = done
      patience = Deadline(milliseconds: longest)
    }
  }
}

/// How many rows are predicted in a few milliseconds.
private struct Pace {
  private(set) var rows = 256

  private static let limits = 16...4096

  /// A part of a block that begins now should end between these. (`ContinuousClock` would link Swift's concurrency.)
  static func deadlines() -> (early: Deadline, late: Deadline) {
    (Deadline(milliseconds: 2), Deadline(milliseconds: 10))
  }

  mutating func change(isQuick: Bool, isSlow: Bool) {
    if isSlow {
      rows = max(Self.limits.lowerBound, rows / 2)
    } else if isQuick {
      rows = min(Self.limits.upperBound, rows * 2)
    }
  }
}

extension PredictionForm {
  /// What the predictions of a model mean.
  init(_ model: any Model, _ fitted: any FittedModel) throws(MaquetteError) {
    if let classifier = fitted as? any FittedClassifier {
      self = .labels(classifier.labels)
      return
    }
    if type(of: model).task == .clustering {
      self = .clusters(fitted.outputs)
      return
    }
    // A kind says for itself whether one number is a number or an array of one.
    let zeros = [Float](repeating: 0, count: fitted.outputs)
    let json = zeros.withUnsafeBufferPointer { fitted.json($0) }
    self = json.number == nil ? .numbers(fitted.outputs) : .number
  }
}
