// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Exported names are the header's.

public import CMaquette
import MaquetteFormats
import MaquetteModels
import MaquetteStores
import MaquetteSystem

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

@implementation @_cdecl("maquette_model_save_version")
public func maquette_model_save_version(
  _ model: OpaquePointer?, _ store: OpaquePointer?, _ name: UnsafePointer<CChar>?,
  _ metadata: UnsafePointer<CChar>?, _ history: Int64,
  _ saved_id: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let model = try models[model].model
    let store = try stores[store].store
    let saved = try model.save(
      in: store, name: try string(name, "name"), metadata: try object(metadata, "metadata"),
      history: Int(clamping: history))
    if let saved_id { saved_id.pointee = try owned(saved) }
  }
}

@implementation @_cdecl("maquette_store_models")
public func maquette_store_models(
  _ store: OpaquePointer?, _ kind: UnsafePointer<CChar>?, _ name: UnsafePointer<CChar>?,
  _ found: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let store = try stores[store].store
    let found = try required(found, "models")
    let models = try store.models(ofKind: try optional(kind, "kind"), named: try optional(name, "name"))
    found.pointee = try owned(.array(models.map { .object($0.document) }))
  }
}

@implementation @_cdecl("maquette_store_remove_models")
public func maquette_store_remove_models(
  _ store: OpaquePointer?, _ kind: UnsafePointer<CChar>?, _ id_or_name: UnsafePointer<CChar>?,
  _ removed: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let store = try stores[store].store
    let name = try string(id_or_name, "id_or_name")
    let models = try store.removeModels(name, ofKind: try optional(kind, "kind"))
    if let removed { removed.pointee = try owned(.array(models.map { .object($0.document) })) }
  }
}

// MARK: Synchronization

@implementation @_cdecl("maquette_model_sync")
public func maquette_model_sync(
  _ model: OpaquePointer?, _ store: OpaquePointer?, _ name: UnsafePointer<CChar>?,
  _ options: UnsafePointer<CChar>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let model = try models[model].model
    let store = try stores[store].store
    let name = try string(name, "name")
    var history: Int?
    for (option, value) in try object(options, "options").members {
      guard option == "history", let number = value.integer else {
        throw MaquetteError(
          .invalidArgument,
          "\(quoted(option)): \(value) is no option: there is history, a whole number from 1", name: option)
      }
      history = number
    }
    try model.sync(with: store, name: name, history: history)
  }
}

@implementation @_cdecl("maquette_model_unsync")
public func maquette_model_unsync(
  _ model: OpaquePointer?, _ timeout_ms: Int64, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in try models[model].model.unsync(timeout: timeout_ms) }
}

@implementation @_cdecl("maquette_model_sync_flush")
public func maquette_model_sync_flush(
  _ model: OpaquePointer?, _ timeout_ms: Int64, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in try models[model].model.flushSync(timeout: timeout_ms) }
}

@implementation @_cdecl("maquette_model_sync_status")
public func maquette_model_sync_status(_ model: OpaquePointer?) -> OpaquePointer? {
  handleUnlessForked {
    guard let object = try? models[model] else { return nil }
    return try? object.streams.handle("synchronization") {
      JSONValueStream(object.model.syncStatus) { $0.json }
    }
  }
}

/// - Throws: as ``string(_:_:)``; nil for NULL.
private func optional(_ text: UnsafePointer<CChar>?, _ name: String) throws(MaquetteError) -> String? {
  text == nil ? nil : try string(text, name)
}
