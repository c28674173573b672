// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Exported names are the header's.

public import CMaquette
import Glibc
import MaquetteFormats
import MaquetteKernels
import MaquetteModels
import MaquetteStores
import MaquetteSystem

/// A batch prediction as a host holds it.
final class BatchPredictionObject: Sendable {
  let batch: BatchPrediction
  let streams = StreamHandles()
  init(_ batch: BatchPrediction) { self.batch = batch }
}

/// The results of a batch prediction as a host holds them.
final class PredictionsObject: Sendable {
  let predictions: Predictions
  init(_ predictions: Predictions) { self.predictions = predictions }
}

@implementation @_cdecl("maquette_batch_prediction_open")
public func maquette_batch_prediction_open(
  _ store: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ batch: UnsafeMutablePointer<OpaquePointer?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let store = try stores[store].store
    let batch = try required(batch, "batch")
    let opened = try BatchPrediction(try string(name, "name"), in: store)
    batch.pointee = try batchPredictions.insert(BatchPredictionObject(opened))
  }
}

@implementation @_cdecl("maquette_batch_prediction_destroy")
public func maquette_batch_prediction_destroy(_ batch: OpaquePointer?) {
  unlessForked {
    let object = batchPredictions.remove(batch)
    object?.batch.cancel()
    object?.streams.close()
  }
}

@implementation @_cdecl("maquette_batch_prediction_predict")
public func maquette_batch_prediction_predict(
  _ batch: OpaquePointer?, _ model: OpaquePointer?, _ dataset: OpaquePointer?,
  _ options: UnsafePointer<maquette_batch_options>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let batch = try batchPredictions[batch].batch
    let model = try models[model].model
    let dataset = try datasets[dataset].dataset
    var field = "x"
    var resume = false
    if let options {
      try checkSize(options.pointee.struct_size, of: options, "options")
      if options.pointee.input_field != nil {
        field = try string(options.pointee.input_field, "options.input_field")
      }
      guard options.pointee.resume == 0 || options.pointee.resume == 1 else {
        throw MaquetteError(
          .invalidArgument, "options.resume is \(options.pointee.resume); it must be 0 or 1", name: "resume")
      }
      guard options.pointee.reserved == 0 else {
        throw MaquetteError(.invalidArgument, "options.reserved must be 0", name: "reserved")
      }
      resume = options.pointee.resume == 1
    }
    try batch.predict(model, on: dataset, inputField: field, resume: resume)
  }
}

@implementation @_cdecl("maquette_batch_prediction_wait")
public func maquette_batch_prediction_wait(
  _ batch: OpaquePointer?, _ timeout_ms: Int64, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    try batchPredictions[batch].batch.wait(timeout: timeout_ms)
  }
}

@implementation @_cdecl("maquette_batch_prediction_is_running")
public func maquette_batch_prediction_is_running(
  _ batch: OpaquePointer?, _ is_running: UnsafeMutablePointer<Int32>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let batch = try batchPredictions[batch].batch
    try required(is_running, "is_running").pointee = batch.isRunning ? 1 : 0
  }
}

@implementation @_cdecl("maquette_batch_prediction_cancel")
public func maquette_batch_prediction_cancel(_ batch: OpaquePointer?) -> maquette_status {
  reporting(to: nil) { () throws(MaquetteError) in try batchPredictions[batch].batch.cancel() }
}

@implementation @_cdecl("maquette_batch_prediction_clear")
public func maquette_batch_prediction_clear(
  _ batch: OpaquePointer?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in try batchPredictions[batch].batch.clear() }
}

@implementation @_cdecl("maquette_batch_prediction_count")
public func maquette_batch_prediction_count(
  _ batch: OpaquePointer?, _ count: UnsafeMutablePointer<Int64>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let batch = try batchPredictions[batch].batch
    let count = try required(count, "count")
    count.pointee = Int64(try batch.count())
  }
}

@implementation @_cdecl("maquette_batch_prediction_status")
public func maquette_batch_prediction_status(_ batch: OpaquePointer?) -> OpaquePointer? {
  handleUnlessForked {
    guard let object = try? batchPredictions[batch] else { return nil }
    return try? object.streams.handle("status") { JSONValueStream(object.batch.$status) { $0.json } }
  }
}

@implementation @_cdecl("maquette_event_batch_status")
public func maquette_event_batch_status(
  _ event: UnsafePointer<maquette_event>?, _ status: UnsafeMutablePointer<maquette_batch_status>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let event = try required(event, "event")
    try checkSize(event.pointee.struct_size, of: event, "event")
    let status = try required(status, "status")
    let size = status.pointee.struct_size
    try checkSize(size, of: status, "status")
    let json = try MaquetteC.json(event.pointee.json, "event.json")
    guard let phase = json["status"]?.string.flatMap(BatchPredictionStatus.Phase.init(rawValue:)) else {
      throw MaquetteError(
        .badJSON, "the event is no status of a batch prediction: it has no known \"status\"", name: "status")
    }
    func whole(_ name: String) -> Int64 { json[name]?.integer.map { Int64($0) } ?? -1 }
    status.pointee = maquette_batch_status(
      struct_size: size, count: whole("count"), total: whole("total"), status: phase.number, reserved: 0)
  }
}

extension BatchPredictionStatus.Phase {
  fileprivate var number: Int32 {
    switch self {
    case .idle: 0
    case .start: 1
    case .running: 2
    case .success: 3
    case .error: 4
    case .loaded: 5
    case .loading: 6
    case .cancelled: 7
    }
  }
}

// MARK: Results

@implementation @_cdecl("maquette_batch_prediction_results")
public func maquette_batch_prediction_results(
  _ batch: OpaquePointer?, _ predictions: UnsafeMutablePointer<OpaquePointer?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let batch = try batchPredictions[batch].batch
    let predictions = try required(predictions, "predictions")
    predictions.pointee = try predictionTables.insert(PredictionsObject(try batch.results()))
  }
}

@implementation @_cdecl("maquette_predictions_destroy")
public func maquette_predictions_destroy(_ predictions: OpaquePointer?) {
  unlessForked { _ = predictionTables.remove(predictions) }
}

@implementation @_cdecl("maquette_predictions_values")
public func maquette_predictions_values(
  _ predictions: OpaquePointer?, _ values: UnsafeMutablePointer<maquette_matrix>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    try write(try predictionTables[predictions].predictions.values, to: values, "values")
  }
}

@implementation @_cdecl("maquette_predictions_labels")
public func maquette_predictions_labels(
  _ predictions: OpaquePointer?, _ predicted: UnsafeMutablePointer<Int32>?,
  _ truth: UnsafeMutablePointer<Int32>?, _ names: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let found = try predictionTables[predictions].predictions
    if let names {
      func list(_ names: [String]) -> JSON { .array(names.map { .string($0) }) }
      names.pointee = try owned([
        "answer": .string(found.answer), "outputs": list(found.names),
        "predicted": list(found.predicted.names),
        "true": list(found.trueLabels.names),
      ])
    }
    if let predicted { predicted.update(from: found.predicted.codes, count: found.count) }
    if let truth { truth.update(from: found.trueLabels.codes, count: found.count) }
  }
}

@implementation @_cdecl("maquette_predictions_ids")
public func maquette_predictions_ids(
  _ predictions: OpaquePointer?, _ ids: UnsafeMutablePointer<CChar>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let found = try predictionTables[predictions].predictions
    let ids = try required(ids, "ids")
    found.instanceIDs.write(to: UnsafeMutableRawPointer(ids))
  }
}

@implementation @_cdecl("maquette_predictions_targets")
public func maquette_predictions_targets(
  _ predictions: OpaquePointer?, _ targets: UnsafeMutablePointer<maquette_matrix>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let found = try predictionTables[predictions].predictions
    _ = try required(targets, "targets")
    guard let values = found.trueValues else {
      throw MaquetteError(.notFound, "not all instances have numbers as y, and as many", name: "y")
    }
    try write(values, to: targets, "targets")
  }
}
