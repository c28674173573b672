// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Exported names are the header's.

public import CMaquette
import MaquetteFormats
import MaquetteStores
import MaquetteSystem

@implementation @_cdecl("maquette_dataset_export_arrow")
public func maquette_dataset_export_arrow(
  _ dataset: OpaquePointer?, _ stream: UnsafeMutablePointer<ArrowArrayStream>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let dataset = try datasets[dataset].dataset
    let stream = try required(stream, "stream")
    try ArrowExport(dataset).move(into: stream)
  }
}

@implementation @_cdecl("maquette_dataset_import_arrow")
public func maquette_dataset_import_arrow(
  _ dataset: OpaquePointer?, _ stream: UnsafeMutablePointer<ArrowArrayStream>?,
  _ options: UnsafePointer<CChar>?, _ count: UnsafeMutablePointer<Int64>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    // First of all, so that it is released whatever else is wrong.
    let given = try stream.map { (stream) throws(MaquetteError) in try ArrowImport(stream) }
    let dataset = try datasets[dataset].dataset
    _ = try required(stream, "stream")
    let options = try object(options, "options")
    for writing in ["header", "separator"] where options[writing] != nil {
      throw MaquetteError(
        .invalidArgument,
        "'\(writing)' is no option for Arrow: there are label, targets and features", name: writing)
    }
    try given?.add(to: dataset, try CSVOptions(options))
    count?.pointee = Int64(given?.count ?? 0)
  }
}
