// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Exported names are the header's.

public import CMaquette
import MaquetteFormats
import MaquetteKernels
import MaquetteModels
import MaquetteStores
import MaquetteSystem

/// A confusion matrix as a host holds it.
final class ConfusionObject: Sendable {
  let matrix: ConfusionMatrix
  let streams = StreamHandles()
  /// What it is kept up to date from.
  private let batch: BatchPrediction?

  init(_ matrix: ConfusionMatrix, batch: BatchPrediction? = nil) {
    self.matrix = matrix
    self.batch = batch
  }
}

@implementation @_cdecl("maquette_confusion_open")
public func maquette_confusion_open(
  _ batch: OpaquePointer?, _ confusion: UnsafeMutablePointer<OpaquePointer?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let batch = try batchPredictions[batch].batch
    let confusion = try required(confusion, "confusion")
    confusion.pointee = try confusions.insert(ConfusionObject(try ConfusionMatrix(batch), batch: batch))
  }
}

@implementation @_cdecl("maquette_confusion_create")
public func maquette_confusion_create(
  _ truth: UnsafePointer<UnsafePointer<CChar>?>?, _ predicted: UnsafePointer<UnsafePointer<CChar>?>?,
  _ rows: Int64, _ confusion: UnsafeMutablePointer<OpaquePointer?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let confusion = try required(confusion, "confusion")
    guard (0...Int64(Int32.max)).contains(rows) else {
      throw MaquetteError(.badShape, "there can't be \(rows) rows; 0 to 2147483647 may be", name: "rows")
    }
    let matrix = try ConfusionMatrix(
      true: try columnOrNone(truth, count: Int(rows), "truth"),
      predicted: try columnOrNone(predicted, count: Int(rows), "predicted"))
    confusion.pointee = try confusions.insert(ConfusionObject(matrix))
  }
}

/// A label for each row, or NULL for a row without.
///
/// - Throws: ``MaquetteError/Code/invalidArgument`` for NULL in the place of all.
private func columnOrNone(
  _ labels: UnsafePointer<UnsafePointer<CChar>?>?, count: Int, _ name: String
) throws(MaquetteError) -> LabelColumn {
  if count > 0 { _ = try required(labels, name) }
  return try labelColumn(labels, count: count, name, allowsNone: true)
}

@implementation @_cdecl("maquette_confusion_destroy")
public func maquette_confusion_destroy(_ confusion: OpaquePointer?) {
  unlessForked { confusions.remove(confusion)?.streams.close() }
}

@implementation @_cdecl("maquette_confusion_cells")
public func maquette_confusion_cells(_ confusion: OpaquePointer?) -> OpaquePointer? {
  handleUnlessForked {
    guard let object = try? confusions[confusion] else { return nil }
    return try? object.streams.handle("cells") { JSONValueStream(object.matrix.$confusion) { $0.cells } }
  }
}

@implementation @_cdecl("maquette_confusion_accuracy")
public func maquette_confusion_accuracy(_ confusion: OpaquePointer?) -> OpaquePointer? {
  handleUnlessForked {
    guard let object = try? confusions[confusion] else { return nil }
    return try? object.streams.handle("accuracy") {
      JSONValueStream(object.matrix.$accuracy) { $0.map { JSON($0) } ?? .null }
    }
  }
}

@implementation @_cdecl("maquette_confusion_scores")
public func maquette_confusion_scores(
  _ confusion: OpaquePointer?, _ scores: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let matrix = try confusions[confusion].matrix
    let scores = try required(scores, "scores")
    scores.pointee = try owned(matrix.confusion.json)
  }
}

@implementation @_cdecl("maquette_confusion_recount")
public func maquette_confusion_recount(
  _ confusion: OpaquePointer?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in try confusions[confusion].matrix.recount() }
}

@implementation @_cdecl("maquette_metrics_regression")
public func maquette_metrics_regression(
  _ truth: UnsafePointer<maquette_matrix>?, _ predicted: UnsafePointer<maquette_matrix>?,
  _ scores: UnsafeMutablePointer<maquette_regression_scores>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let truth = try MatrixView(truth, "truth")
    let predicted = try MatrixView(predicted, "predicted")
    let scores = try required(scores, "scores")
    let size = scores.pointee.struct_size
    try checkSize(size, of: scores, "scores")
    guard truth.rows == predicted.rows, truth.columns == predicted.columns else {
      throw MaquetteError(
        .badShape,
        "predicted is \(predicted.rows) × \(predicted.columns), truth \(truth.rows) × \(truth.columns)",
        name: "predicted")
    }
    let found = try Metrics.regression(
      try predicted.doubles("predicted"), columns: predicted.columns, against: try truth.doubles("truth"),
      columns: truth.columns)
    scores.pointee = maquette_regression_scores(
      struct_size: size, mean_absolute_error: found.meanAbsoluteError,
      mean_squared_error: found.meanSquaredError, r2: found.r2)
  }
}

@implementation @_cdecl("maquette_metrics_log_loss")
public func maquette_metrics_log_loss(
  _ truth: UnsafePointer<UnsafePointer<CChar>?>?, _ confidences: UnsafePointer<maquette_matrix>?,
  _ labels: UnsafePointer<UnsafePointer<CChar>?>?, _ loss: UnsafeMutablePointer<Double>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let view = try MatrixView(confidences, "confidences")
    let matrix = try view.matrix("confidences")
    let truth = try columnOrNone(truth, count: view.rows, "truth")
    let names = try labelColumn(labels, count: view.columns, "labels", allowsNone: false)
    let loss = try required(loss, "loss")
    loss.pointee = try Metrics.logLoss(
      of: matrix, labels: names.codes.map { names.names[Int($0)] }, against: truth)
  }
}
