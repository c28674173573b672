// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Exported names are the header's.

public import CMaquette
import MaquetteFormats
import MaquetteKernels
import MaquetteModels
import MaquetteStores
import MaquetteSystem

/// A model as a host holds it.
final class ModelObject: Sendable {
  let model: any Model
  let streams = StreamHandles()

  init(_ model: any Model) {
    self.model = model
  }

  /// What to predict with.
  ///
  /// - Throws: ``MaquetteError/Code/notTrained``.
  func requireFitted() throws(MaquetteError) -> any FittedModel { try model.readyModel() }

  /// What to predict labels with.
  ///
  /// - Throws: ``MaquetteError/Code/unsupported`` for a model that is no classifier; ``MaquetteError/Code/notTrained``.
  func requireClassifier() throws(MaquetteError) -> any FittedClassifier {
    guard let classifier = model as? any Classifier else {
      throw MaquetteError(.unsupported, "a \(type(of: model).kind) has no labels to learn or to predict")
    }
    return try classifier.ready()
  }
}

@implementation @_cdecl("maquette_model_kinds")
public func maquette_model_kinds(
  _ kinds: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let kinds = try required(kinds, "kinds")
    kinds.pointee = try owned(.array(ModelKinds.all.map { .string($0.kind) }))
  }
}

@implementation @_cdecl("maquette_model_schema")
public func maquette_model_schema(
  _ kind: UnsafePointer<CChar>?, _ schema: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let schema = try required(schema, "schema")
    schema.pointee = try owned(try ModelKinds.named(try string(kind, "kind")).schema)
  }
}

@implementation @_cdecl("maquette_model_create")
public func maquette_model_create(
  _ kind: UnsafePointer<CChar>?, _ parameters: UnsafePointer<CChar>?,
  _ model: UnsafeMutablePointer<OpaquePointer?>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let model = try required(model, "model")
    let made = try ModelKinds.make(
      try string(kind, "kind"), parameters: try object(parameters, "parameters"))
    model.pointee = try models.insert(ModelObject(made))
  }
}

@implementation @_cdecl("maquette_model_destroy")
public func maquette_model_destroy(_ model: OpaquePointer?) {
  guard !Fork.isChild, let object = models.remove(model) else { return }
  object.model.cancel()
  object.streams.close()
}

@implementation @_cdecl("maquette_model_kind")
public func maquette_model_kind(
  _ model: OpaquePointer?, _ kind: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let model = try models[model].model
    let kind = try required(kind, "kind")
    kind.pointee = try owned(type(of: model).kind)
  }
}

@implementation @_cdecl("maquette_model_parameters")
public func maquette_model_parameters(
  _ model: OpaquePointer?, _ parameters: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let model = try models[model].model
    let parameters = try required(parameters, "parameters")
    parameters.pointee = try owned(.object(model.parameterValues))
  }
}

@implementation @_cdecl("maquette_model_parameter")
public func maquette_model_parameter(
  _ model: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ stream: UnsafeMutablePointer<OpaquePointer?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let object = try models[model]
    let name = try string(name, "name")
    let stream = try required(stream, "stream")
    stream.pointee = try object.streams.handle("parameter " + name) { () throws(MaquetteError) in
      try object.model.parameter(name).stream
    }
  }
}

@implementation @_cdecl("maquette_model_training")
public func maquette_model_training(_ model: OpaquePointer?) -> OpaquePointer? {
  guard !Fork.isChild, let object = try? models[model] else { return nil }
  return try? object.streams.handle("training") {
    JSONValueStream(object.model.trainingStream, matrix: { $0.matrix }) { $0.json }
  }
}

@implementation @_cdecl("maquette_model_stream")
public func maquette_model_stream(
  _ model: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ stream: UnsafeMutablePointer<OpaquePointer?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let object = try models[model]
    let name = try string(name, "name")
    let stream = try required(stream, "stream")
    stream.pointee = try object.streams.handle("stream " + name) { () throws(MaquetteError) in
      let streams = object.model.streams
      guard let found = streams[name] else {
        throw MaquetteError(
          .notFound,
          "a \(type(of: object.model).kind) has no stream \(quoted(name)); it has "
            + (streams.isEmpty ? "none" : streams.keys.sorted().joined(separator: ", ")), name: name)
      }
      return found
    }
  }
}

// MARK: Training

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
    guard !model.isTraining else {
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
    guard !model.isTraining else {
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

// MARK: Predicting

@implementation @_cdecl("maquette_model_feature_count")
public func maquette_model_feature_count(
  _ model: OpaquePointer?, _ count: UnsafeMutablePointer<Int64>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let fitted = try models[model].requireFitted()
    let count = try required(count, "count")
    count.pointee = Int64(fitted.features)
  }
}

@implementation @_cdecl("maquette_model_output_count")
public func maquette_model_output_count(
  _ model: OpaquePointer?, _ count: UnsafeMutablePointer<Int64>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let fitted = try models[model].requireFitted()
    let count = try required(count, "count")
    count.pointee = Int64(fitted.outputs)
  }
}

@implementation @_cdecl("maquette_model_predict")
public func maquette_model_predict(
  _ model: OpaquePointer?, _ features: UnsafePointer<maquette_matrix>?,
  _ predictions: UnsafeMutablePointer<maquette_matrix>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let fitted = try models[model].requireFitted()
    let input = try MatrixView(features, "features")
    let output = try MatrixView(predictions, "predictions")
    try output.requireWritable("predictions")
    try fitted.requireWidth(input.columns)
    guard output.rows == input.rows, output.columns == fitted.outputs else {
      throw MaquetteError(
        .badShape,
        "predictions is \(output.rows) × \(output.columns); \(input.rows) rows and \(fitted.outputs) outputs need \(input.rows) × \(fitted.outputs)",
        name: "predictions")
    }
    guard input.rows > 0 else { return }
    // The fast way: straight from the host's memory into the host's memory.
    if let rows = input.dense, let answers = output.dense, !overlap(input, output) {
      try requireFinite(rows, input)
      try fitted.predictFinite(rows, count: input.rows, into: answers)
      return
    }
    let rows = try FloatBuffer(zeros: input.rows * input.columns)
    input.read(into: rows.pointer)
    try requireFinite(rows.pointer, input)
    let answers = try FloatBuffer(zeros: output.rows * output.columns)
    try fitted.predictFinite(rows.pointer, count: input.rows, into: answers.pointer)
    output.write(from: answers.pointer)
  }
}

/// Whether two dense matrices share memory: then one must be read to its end before the other is written.
private func overlap(_ first: MatrixView, _ second: MatrixView) -> Bool {
  guard let a = first.data, let b = second.data else { return false }
  return a < b + second.rows * second.columns * 4 && b < a + first.rows * first.columns * 4
}

private func requireFinite(_ rows: UnsafePointer<Float>, _ view: MatrixView) throws(MaquetteError) {
  let count = view.rows * view.columns
  if Floats.allFinite(rows, count: count) { return }
  let place = (0..<count).first { !rows[$0].isFinite } ?? 0
  throw MaquetteError(
    .notFinite,
    "features: row \(place / view.columns), column \(place % view.columns) is \(rows[place]) as a 32-bit float; every feature must be a finite number",
    name: "features")
}

@implementation @_cdecl("maquette_model_predict_json")
public func maquette_model_predict_json(
  _ model: OpaquePointer?, _ features: UnsafePointer<maquette_matrix>?,
  _ prediction: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let fitted = try models[model].requireFitted()
    let view = try MatrixView(features, "features")
    let prediction = try required(prediction, "prediction")
    guard view.rows == 1 else {
      throw MaquetteError(
        .badShape, "features has \(view.rows) rows; one is predicted at a time here", name: "features")
    }
    let answers = try fitted.json(of: try view.matrix("features"))
    prediction.pointee = try owned(answers[0])
  }
}

@implementation @_cdecl("maquette_model_attributes")
public func maquette_model_attributes(
  _ model: OpaquePointer?, _ names: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let fitted = try models[model].requireFitted()
    let names = try required(names, "names")
    names.pointee = try owned(.array(fitted.attributes.keys.sorted().map { .string($0) }))
  }
}

@implementation @_cdecl("maquette_model_attribute")
public func maquette_model_attribute(
  _ model: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ matrix: UnsafeMutablePointer<maquette_matrix>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let object = try models[model]
    let name = try string(name, "name")
    let attributes = try object.requireFitted().attributes
    guard let attribute = attributes[name] else {
      throw MaquetteError(
        .notFound,
        "a \(type(of: object.model).kind) has no attribute \(quoted(name)); it has "
          + (attributes.isEmpty ? "none" : attributes.keys.sorted().joined(separator: ", ")), name: name)
    }
    try write(attribute, to: matrix, "matrix")
  }
}

@implementation @_cdecl("maquette_model_inverse")
public func maquette_model_inverse(
  _ model: OpaquePointer?, _ predictions: UnsafePointer<maquette_matrix>?,
  _ features: UnsafeMutablePointer<maquette_matrix>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let model = try models[model].model
    guard let model = model as? any InvertibleModel else {
      throw MaquetteError(.unsupported, "a \(type(of: model).kind) can't go back from predictions to rows")
    }
    let predictions = try MatrixView(predictions, "predictions").matrix("predictions")
    let output = try MatrixView(features, "features")
    try output.requireWritable("features")
    let rows = try model.inverse(predictions)
    try write(rows, to: features, "features")
  }
}

/// - Throws: ``MaquetteError/Code/badHandle``; ``MaquetteError/Code/unsupported`` for a kind that remembers no rows.
private func remembering(_ handle: OpaquePointer?) throws(MaquetteError) -> any RememberingModel {
  let model = try models[handle].model
  guard let remembering = model as? any RememberingModel else {
    throw MaquetteError(.unsupported, "a \(type(of: model).kind) remembers no rows")
  }
  return remembering
}

@implementation @_cdecl("maquette_model_neighbours")
public func maquette_model_neighbours(
  _ model: OpaquePointer?, _ features: UnsafePointer<maquette_matrix>?, _ count: Int64,
  _ ids: UnsafeMutablePointer<Int64>?, _ distances: UnsafeMutablePointer<maquette_matrix>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let model = try remembering(model)
    let view = try MatrixView(features, "features")
    guard count > 0, count <= Int32.max else {
      throw MaquetteError(.invalidArgument, "count is \(count); it must be 1 or more", name: "count")
    }
    var output: MatrixView?
    if distances != nil {
      let matrix = try MatrixView(distances, "distances")
      try matrix.requireWritable("distances")
      guard matrix.rows == view.rows, matrix.columns == Int(count) else {
        throw MaquetteError(
          .badShape, "distances is \(matrix.rows) × \(matrix.columns); \(view.rows) × \(count) is needed",
          name: "distances")
      }
      output = matrix
    }
    let found = try model.neighbours(of: try view.matrix("features"), count: Int(count))
    if let ids {
      for (place, neighbour) in found.joined().enumerated() { ids[place] = Int64(neighbour.id) }
    }
    let values = found.flatMap { $0.map(\.distance) }
    values.withUnsafeBufferPointer { if let base = $0.baseAddress { output?.write(from: base) } }
  }
}

@implementation @_cdecl("maquette_model_remove")
public func maquette_model_remove(
  _ model: OpaquePointer?, _ ids: UnsafePointer<Int64>?, _ count: Int64,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let model = try remembering(model)
    let ids = try required(ids, "ids")
    guard count >= 0, count <= Int32.max else {
      throw MaquetteError(.invalidArgument, "count is \(count); it must be 0 or more", name: "count")
    }
    try model.remove(ids: (0..<Int(count)).map { Int(ids[$0]) })
  }
}

@implementation @_cdecl("maquette_model_label_count")
public func maquette_model_label_count(
  _ model: OpaquePointer?, _ count: UnsafeMutablePointer<Int64>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let fitted = try models[model].requireClassifier()
    let count = try required(count, "count")
    count.pointee = Int64(fitted.outputs)
  }
}

@implementation @_cdecl("maquette_model_label")
public func maquette_model_label(
  _ model: OpaquePointer?, _ index: Int64, _ label: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let labels = try models[model].requireClassifier().labels
    let label = try required(label, "label")
    guard index >= 0, index < labels.count else {
      throw MaquetteError(
        .notFound, "there is no label \(index); the model has \(labels.count), from 0 on", name: "index")
    }
    label.pointee = try owned(labels[Int(index)])
  }
}

@implementation @_cdecl("maquette_model_labels")
public func maquette_model_labels(
  _ model: OpaquePointer?, _ labels: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let fitted = try models[model].requireClassifier()
    let labels = try required(labels, "labels")
    labels.pointee = try owned(.array(fitted.labels.map { .string($0) }))
  }
}

// MARK: Saving and loading

@implementation @_cdecl("maquette_model_save")
public func maquette_model_save(
  _ model: OpaquePointer?, _ store: OpaquePointer?, _ name: UnsafePointer<CChar>?,
  _ metadata: UnsafePointer<CChar>?, _ id: UnsafePointer<CChar>?,
  _ saved_id: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let model = try models[model].model
    let store = try stores[store].store
    let saved = try model.save(
      in: store, name: try string(name, "name"), metadata: try object(metadata, "metadata"),
      id: id == nil ? nil : try string(id, "id"))
    if let saved_id { saved_id.pointee = try owned(saved) }
  }
}

@implementation @_cdecl("maquette_model_load")
public func maquette_model_load(
  _ model: OpaquePointer?, _ store: OpaquePointer?, _ id_or_name: UnsafePointer<CChar>?,
  _ stored: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let model = try models[model].model
    let store = try stores[store].store
    let loaded = try model.load(from: store, try string(id_or_name, "id_or_name"))
    if let stored { stored.pointee = try owned(.object(loaded.document)) }
  }
}
