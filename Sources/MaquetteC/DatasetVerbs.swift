// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Exported names are the header's.

public import CMaquette
import MaquetteFormats
import MaquetteStores
import MaquetteSystem

// What a dataset does as a service does; the rest of its section is in Datasets.swift.

@implementation @_cdecl("maquette_dataset_update")
public func maquette_dataset_update(
  _ dataset: OpaquePointer?, _ id: UnsafePointer<CChar>?, _ instance: UnsafePointer<CChar>?,
  _ stored: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let dataset = try datasets[dataset].dataset
    let id = try string(id, "id")
    let instance = try object(try required(instance, "instance"), "instance")
    try give(.object(try dataset.replace(id, with: instance)), to: stored)
  }
}

@implementation @_cdecl("maquette_dataset_patch")
public func maquette_dataset_patch(
  _ dataset: OpaquePointer?, _ id: UnsafePointer<CChar>?, _ changes: UnsafePointer<CChar>?,
  _ patched: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let dataset = try datasets[dataset].dataset
    let id = try string(id, "id")
    let changes = try object(try required(changes, "changes"), "changes")
    try give(.object(try dataset.patch(id, with: changes)), to: patched)
  }
}

@implementation @_cdecl("maquette_dataset_patch_matching")
public func maquette_dataset_patch_matching(
  _ dataset: OpaquePointer?, _ query: UnsafePointer<CChar>?, _ changes: UnsafePointer<CChar>?,
  _ patched: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let dataset = try datasets[dataset].dataset
    let query = try MaquetteC.query(try required(query, "query"))
    let changes = try object(try required(changes, "changes"), "changes")
    try give(array(try dataset.patch(matching: query, with: changes)), to: patched)
  }
}

@implementation @_cdecl("maquette_dataset_remove_matching")
public func maquette_dataset_remove_matching(
  _ dataset: OpaquePointer?, _ query: UnsafePointer<CChar>?,
  _ removed: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let dataset = try datasets[dataset].dataset
    let query = try MaquetteC.query(try required(query, "query"))
    try give(array(try dataset.remove(matching: query)), to: removed)
  }
}

@implementation @_cdecl("maquette_dataset_count_matching")
public func maquette_dataset_count_matching(
  _ dataset: OpaquePointer?, _ query: UnsafePointer<CChar>?, _ count: UnsafeMutablePointer<Int64>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let dataset = try datasets[dataset].dataset
    let count = try required(count, "count")
    count.pointee = Int64(try dataset.count(try MaquetteC.query(query)))
  }
}

@implementation @_cdecl("maquette_dataset_distinct_matching")
public func maquette_dataset_distinct_matching(
  _ dataset: OpaquePointer?, _ field: UnsafePointer<CChar>?, _ query: UnsafePointer<CChar>?,
  _ values: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let dataset = try datasets[dataset].dataset
    let values = try required(values, "values")
    let field = try string(field, "field")
    values.pointee = try owned(.array(try dataset.distinct(field, try MaquetteC.query(query))))
  }
}
