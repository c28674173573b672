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

  /// The most rows of a block, which is how soon a cancelled run ends.
  private static let blockRows = 4096
  /// What the rows of a block take at the most.
  private static let blockBytes = 4 << 20

  /// Predictions that were computed, and are stored next.
  private struct Block {
    let instances: InstanceIDs
    let truth: TrueValues
    let values: Matrix
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
    while let table = try pass.next() {
      try run.checkCancellation()
      guard let block = try predict(table, without: done) else { continue }
      // Only now that there is something to put into its place, what is there goes.
      let present: PredictionRun
      if let batch { present = batch } else { present = try service.beginPredictions(form, origin: origin) }
      batch = present
      try run.checkCancellation()
      let stored = try service.append(
        block.values, of: block.instances, truth: block.truth, to: present)
      let (before, total) = (count, pass.total)
      status.set(count: stored.count) {
        BatchPredictionStatus(running: before + $0 + 1, of: total, stored, row: $0)
      }
      count += stored.count
    }
    if batch == nil { _ = try service.beginPredictions(form, origin: origin) }
    return BatchPredictionStatus(.success, count: count, total: pass.total)
  }

  /// The predictions of the rows that are not done; nil where all are.
  private func predict(_ table: InstanceTable, without done: InstanceSet) throws(MaquetteError) -> Block? {
    guard let ids = table.ids, let truth = table.truth else {
      throw MaquetteError(.internal, "a block of instances came without ids")
    }
    if done.count > 0 {
      let missing = done.missing(ids)
      if missing.isEmpty { return nil }
      if missing.count < ids.count {
        return Block(
          instances: ids.gathering(missing), truth: truth.gathering(missing),
          values: try fitted.predictions(of: try table.features.gathering(missing)))
      }
    }
    return Block(instances: ids, truth: truth, values: try fitted.predictions(of: table.features))
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
