// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Exported names are the header's.

public import CMaquette
import MaquetteFormats
import MaquetteKernels
import MaquetteModels
import MaquetteStores
import MaquetteSystem

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
  guard let place = Floats.firstNotFinite(rows, count: view.rows * view.columns) else { return }
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
