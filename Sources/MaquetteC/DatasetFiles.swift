// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Exported names are the header's.

public import CMaquette
import MaquetteFormats
import MaquetteStores
import MaquetteSystem

// Datasets into files and out of them, and into two.

@implementation @_cdecl("maquette_dataset_download")
public func maquette_dataset_download(
  _ dataset: OpaquePointer?, _ path: UnsafePointer<CChar>?, _ query: UnsafePointer<CChar>?,
  _ count: UnsafeMutablePointer<Int64>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let dataset = try datasets[dataset].dataset
    let path = try string(path, "path")
    let written = try dataset.download(to: path, matching: try MaquetteC.query(query))
    count?.pointee = Int64(written)
  }
}

@implementation @_cdecl("maquette_dataset_download_text")
public func maquette_dataset_download_text(
  _ dataset: OpaquePointer?, _ query: UnsafePointer<CChar>?,
  _ text: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let dataset = try datasets[dataset].dataset
    let text = try required(text, "text")
    let bytes = try dataset.downloaded(matching: try MaquetteC.query(query))
    text.pointee = try owned(String(decoding: bytes, as: UTF8.self))
  }
}

@implementation @_cdecl("maquette_dataset_upload")
public func maquette_dataset_upload(
  _ dataset: OpaquePointer?, _ path: UnsafePointer<CChar>?, _ count: UnsafeMutablePointer<Int64>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let dataset = try datasets[dataset].dataset
    let added = try dataset.upload(from: try string(path, "path"))
    count?.pointee = Int64(added)
  }
}

@implementation @_cdecl("maquette_dataset_upload_text")
public func maquette_dataset_upload_text(
  _ dataset: OpaquePointer?, _ text: UnsafePointer<CChar>?, _ length: Int,
  _ count: UnsafeMutablePointer<Int64>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let dataset = try datasets[dataset].dataset
    let text = try required(text, "text")
    // A size_t of more than half of all memory is negative here.
    guard length >= 0 else {
      throw MaquetteError(
        .invalidArgument, "length is \(UInt(bitPattern: length)); no text is so long", name: "length")
    }
    let added = try dataset.upload(Array(UnsafeRawBufferPointer(start: text, count: length)))
    count?.pointee = Int64(added)
  }
}

@implementation @_cdecl("maquette_dataset_split")
public func maquette_dataset_split(
  _ dataset: OpaquePointer?, _ options: UnsafePointer<CChar>?, _ first: OpaquePointer?,
  _ second: OpaquePointer?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let dataset = try datasets[dataset].dataset
    let (first, second) = (try datasets[first].dataset, try datasets[second].dataset)
    try dataset.split(try DatasetSplit(try object(options, "options")), into: first, second)
  }
}

@implementation @_cdecl("maquette_dataset_import_csv")
public func maquette_dataset_import_csv(
  _ dataset: OpaquePointer?, _ path: UnsafePointer<CChar>?, _ options: UnsafePointer<CChar>?,
  _ count: UnsafeMutablePointer<Int64>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let dataset = try datasets[dataset].dataset
    let path = try string(path, "path")
    let added = try dataset.importCSV(from: path, try CSVOptions(try object(options, "options")))
    count?.pointee = Int64(added)
  }
}

@implementation @_cdecl("maquette_dataset_export_csv")
public func maquette_dataset_export_csv(
  _ dataset: OpaquePointer?, _ path: UnsafePointer<CChar>?, _ options: UnsafePointer<CChar>?,
  _ count: UnsafeMutablePointer<Int64>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let dataset = try datasets[dataset].dataset
    let path = try string(path, "path")
    var options = try object(options, "options")
    let names = try columnNames(options["names"])
    options["names"] = nil
    for reading in ["label", "targets", "features"] where options[reading] != nil {
      throw MaquetteError(
        .invalidArgument, "'\(reading)' is no option for writing CSV: there are header, separator and names",
        name: reading)
    }
    let csv = try CSVOptions(options)
    let written = try dataset.exportCSV(
      to: path, names: names, hasHeader: csv.hasHeader, separator: csv.separator)
    count?.pointee = Int64(written)
  }
}

private func columnNames(_ json: JSON?) throws(MaquetteError) -> [String]? {
  guard let json, !json.isNull else { return nil }
  let names = json.array?.compactMap(\.string)
  guard let names, names.count == json.array?.count else {
    throw MaquetteError(.badJSON, "'names' must be an array of strings", name: "names")
  }
  return names
}
