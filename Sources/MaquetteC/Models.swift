// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Exported names are the header's.

public import CMaquette
import MaquetteFormats
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
    if let classifier = model as? any Classifier { return try classifier.ready() }
    // What was trained elsewhere may have labels or not.
    if !type(of: model).isTrainable, let fitted = try model.readyModel() as? any FittedClassifier {
      return fitted
    }
    throw MaquetteError(.unsupported, "this \(type(of: model).kind) has no labels to learn or to predict")
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
  unlessForked {
    let object = models.remove(model)
    object?.model.cancel()
    object?.streams.close()
  }
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
  handleUnlessForked {
    guard let object = try? models[model] else { return nil }
    return try? object.streams.handle("training") {
      JSONValueStream(object.model.trainingStream, matrix: { $0.matrix }) { $0.json }
    }
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
