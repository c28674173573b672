// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Exported names are the header's.

public import CMaquette
import MaquetteFormats
import MaquetteKernels
import MaquetteModels
import MaquetteStores
import MaquetteSystem

@implementation @_cdecl("maquette_model_train")
public func maquette_model_train(
  _ model: OpaquePointer?, _ dataset: OpaquePointer?, _ validation: OpaquePointer?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    try models[model].model.train(
      on: try datasets[dataset].dataset, validatingOn: try datasets.optional(validation)?.dataset)
  }
}

@implementation @_cdecl("maquette_model_train_matrix")
public func maquette_model_train_matrix(
  _ model: OpaquePointer?, _ features: UnsafePointer<maquette_matrix>?,
  _ labels: UnsafePointer<UnsafePointer<CChar>?>?, _ validation_features: UnsafePointer<maquette_matrix>?,
  _ validation_labels: UnsafePointer<UnsafePointer<CChar>?>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let model = try models[model].model
    guard model is any Classifier else {
      throw MaquetteError(.unsupported, "a \(type(of: model).kind) has no labels to learn or to predict")
    }
    guard !model.trainer.isBusy else {
      // Before copying what can't be learned now anyway.
      throw MaquetteError(.busy, "this model is being trained or loaded; wait for it, or cancel it first")
    }
    let rows = try table(features, labels, "features", "labels")
    var validation: InstanceTable?
    if validation_features != nil || validation_labels != nil {
      validation = try table(
        validation_features, validation_labels, "validation_features", "validation_labels")
    }
    try model.train(on: rows, validatingOn: validation)
  }
}

@implementation @_cdecl("maquette_model_train_source")
public func maquette_model_train_source(
  _ model: OpaquePointer?, _ source: UnsafePointer<maquette_source>?,
  _ validation: UnsafePointer<maquette_source>?, _ mode: Int32, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  // Before anything can fail: they call the hosts' `destroy` when they go.
  let sources = (HostSource(source), HostSource(validation))
  return reporting(to: error) { () throws(MaquetteError) in
    let model = try models[model].model
    let modes: [TrainingMode] = [.fresh, .continuing, .partial]
    guard modes.indices.contains(Int(mode)) else {
      throw MaquetteError(
        .invalidArgument,
        "mode is \(mode); it must be MAQUETTE_TRAIN_FRESH to MAQUETTE_TRAIN_PARTIAL (0 to 2)",
        name: "mode")
    }
    guard !model.trainer.isBusy else {
      throw MaquetteError(.busy, "this model is being trained or loaded; wait for it, or cancel it first")
    }
    try model.train(
      on: try sources.0.trainingSource("source"),
      validatingOn: validation == nil ? nil : try sources.1.trainingSource("validation"),
      mode: modes[Int(mode)])
  }
}

private func table(
  _ features: UnsafePointer<maquette_matrix>?, _ labels: UnsafePointer<UnsafePointer<CChar>?>?,
  _ featuresName: String, _ labelsName: String
) throws(MaquetteError) -> InstanceTable {
  let view = try MatrixView(features, featuresName)
  let matrix = try view.matrix(featuresName)
  return InstanceTable(
    features: matrix, labels: try labelColumn(labels, count: view.rows, labelsName, allowsNone: false))
}

@implementation @_cdecl("maquette_model_wait")
public func maquette_model_wait(
  _ model: OpaquePointer?, _ timeout_ms: Int64, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    try models[model].model.wait(timeout: timeout_ms)
  }
}

@implementation @_cdecl("maquette_model_is_training")
public func maquette_model_is_training(
  _ model: OpaquePointer?, _ is_training: UnsafeMutablePointer<Int32>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let model = try models[model].model
    try required(is_training, "is_training").pointee = model.isTraining ? 1 : 0
  }
}

@implementation @_cdecl("maquette_model_cancel")
public func maquette_model_cancel(_ model: OpaquePointer?) -> maquette_status {
  reporting(to: nil) { () throws(MaquetteError) in
    try models[model].model.cancel()
  }
}

@implementation @_cdecl("maquette_model_cancel_keeping")
public func maquette_model_cancel_keeping(
  _ model: OpaquePointer?, _ kept: Int32, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let model = try models[model].model
    guard kept == 0 || kept == 1 else {
      throw MaquetteError(
        .invalidArgument, "kept is \(kept); it must be MAQUETTE_KEEP_LAST or MAQUETTE_KEEP_BEST (0 or 1)",
        name: "kept")
    }
    model.cancel(keeping: kept == 1 ? .best : .last)
  }
}

@implementation @_cdecl("maquette_model_reset")
public func maquette_model_reset(
  _ model: OpaquePointer?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    try models[model].model.reset()
  }
}

@implementation @_cdecl("maquette_model_clone")
public func maquette_model_clone(
  _ model: OpaquePointer?, _ clone: UnsafeMutablePointer<OpaquePointer?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let model = try models[model].model
    let clone = try required(clone, "clone")
    clone.pointee = try models.insert(ModelObject(try model.clone()))
  }
}
