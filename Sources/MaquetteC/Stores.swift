// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Exported names are the header's.

public import CMaquette
import MaquetteStores
import MaquetteSystem

/// A store as a host holds it.
final class StoreObject: Sendable {
  let store: DataStore
  init(_ store: DataStore) { self.store = store }
}

@implementation @_cdecl("maquette_store_open")
public func maquette_store_open(
  _ location: UnsafePointer<CChar>?, _ store: UnsafeMutablePointer<OpaquePointer?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let store = try required(store, "store")
    store.pointee = try stores.insert(StoreObject(try DataStore(try string(location, "location"))))
  }
}

@implementation @_cdecl("maquette_store_backup")
public func maquette_store_backup(
  _ store: OpaquePointer?, _ path: UnsafePointer<CChar>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    try stores[store].store.backup(to: try string(path, "path"))
  }
}

@implementation @_cdecl("maquette_store_destroy")
public func maquette_store_destroy(_ store: OpaquePointer?) {
  unlessForked { _ = stores.remove(store) }
}
