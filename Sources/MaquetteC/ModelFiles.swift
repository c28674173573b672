// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Exported names are the header's.

public import CMaquette
import Glibc
import MaquetteFormats
import MaquetteModels
import MaquetteStores
import MaquetteSystem

@implementation @_cdecl("maquette_model_download")
public func maquette_model_download(
  _ model: OpaquePointer?, _ path: UnsafePointer<CChar>?, _ options: UnsafePointer<CChar>?,
  _ written: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let model = try models[model].model
    let path = try string(path, "path")
    let options = try DownloadOptions(options)
    let paths = try model.download(to: path, as: options.format, metadata: options.metadata)
    if let written { written.pointee = try owned(.array(paths.map { .string($0) })) }
  }
}

@implementation @_cdecl("maquette_model_download_bytes")
public func maquette_model_download_bytes(
  _ model: OpaquePointer?, _ options: UnsafePointer<CChar>?,
  _ bytes: UnsafeMutablePointer<UnsafeMutableRawPointer?>?, _ size: UnsafeMutablePointer<Int>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let model = try models[model].model
    let options = try DownloadOptions(options)
    let bytes = try required(bytes, "bytes")
    let size = try required(size, "size")
    let format = options.format ?? "safetensors"
    let files = try model.downloaded(as: format, metadata: options.metadata)
    guard files.count == 1 else {
      throw MaquetteError(
        .unsupported,
        "\(format) writes a \(type(of: model).kind) as \(files.count) files, not as one; use maquette_model_download()",
        name: format)
    }
    guard let copy = malloc(max(1, files[0].bytes.count)) else {
      throw MaquetteError(.outOfMemory, "not enough memory for a file of \(files[0].bytes.count) bytes")
    }
    files[0].bytes.withUnsafeBytes {
      if let start = $0.baseAddress { copy.copyMemory(from: start, byteCount: $0.count) }
    }
    bytes.pointee = copy
    size.pointee = files[0].bytes.count
  }
}

@implementation @_cdecl("maquette_bytes_free")
public func maquette_bytes_free(_ bytes: UnsafeMutableRawPointer?) {
  free(bytes)
}

@implementation @_cdecl("maquette_model_upload")
public func maquette_model_upload(
  _ model: OpaquePointer?, _ paths: UnsafePointer<UnsafePointer<CChar>?>?, _ count: Int64,
  _ stored: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let model = try models[model].model
    let read = try model.upload(from: try strings(paths, count, "paths"))
    if let stored { stored.pointee = try owned(.object(read.document)) }
  }
}

@implementation @_cdecl("maquette_model_upload_bytes")
public func maquette_model_upload_bytes(
  _ model: OpaquePointer?, _ bytes: UnsafeRawPointer?, _ size: Int,
  _ stored: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let model = try models[model].model
    let read = try model.upload([try file(bytes, size)])
    if let stored { stored.pointee = try owned(.object(read.document)) }
  }
}

@implementation @_cdecl("maquette_model_open_files")
public func maquette_model_open_files(
  _ paths: UnsafePointer<UnsafePointer<CChar>?>?, _ count: Int64,
  _ model: UnsafeMutablePointer<OpaquePointer?>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let model = try required(model, "model")
    let files = try ModelFiles(reading: try strings(paths, count, "paths"))
    model.pointee = try models.insert(ModelObject(try ModelKinds.model(from: files)))
  }
}

@implementation @_cdecl("maquette_model_open_bytes")
public func maquette_model_open_bytes(
  _ bytes: UnsafeRawPointer?, _ size: Int, _ model: UnsafeMutablePointer<OpaquePointer?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let model = try required(model, "model")
    let files = try ModelFiles([try file(bytes, size)])
    model.pointee = try models.insert(ModelObject(try ModelKinds.model(from: files)))
  }
}

// MARK: What comes in

private struct DownloadOptions {
  var format: String?
  var metadata: JSONObject = [:]

  /// - Throws: as ``object(_:_:)``; ``MaquetteError/Code/invalidArgument`` for an option that there isn't.
  init(_ text: UnsafePointer<CChar>?) throws(MaquetteError) {
    for (option, value) in try object(text, "options").members {
      switch (option, value) {
      case ("format", .string(let name)): format = name
      case ("metadata", .object(let object)): metadata = object
      case ("format", .null), ("metadata", .null): break
      default:
        throw MaquetteError(
          .invalidArgument,
          "\(quoted(option)): \(quoted(value.description)) is no option: there are format, a string, and metadata, an object",
          name: option)
      }
    }
  }
}

/// A file in a host's memory.
///
/// - Throws: ``MaquetteError/Code/invalidArgument``.
private func file(_ bytes: UnsafeRawPointer?, _ size: Int) throws(MaquetteError) -> StoredFile {
  guard let bytes else {
    throw MaquetteError(.invalidArgument, "bytes is NULL; it must not be", name: "bytes")
  }
  // A size_t of more than half of all memory is negative here.
  guard size >= 0 else {
    throw MaquetteError(
      .invalidArgument, "size is \(UInt(bitPattern: size)); no file is so large", name: "size")
  }
  return StoredFile(name: "the bytes", bytes: Array(UnsafeRawBufferPointer(start: bytes, count: size)))
}

/// - Throws: ``MaquetteError/Code/invalidArgument`` for no string, or more than a thousand; as ``string(_:_:)``.
private func strings(
  _ texts: UnsafePointer<UnsafePointer<CChar>?>?, _ count: Int64, _ name: String
) throws(MaquetteError) -> [String] {
  let texts = try required(texts, name)
  guard (1...1000).contains(count) else {
    throw MaquetteError(.invalidArgument, "count is \(count); it must be 1 to 1000", name: "count")
  }
  var strings: [String] = []
  for place in 0..<Int(count) { strings.append(try string(texts[place], "\(name)[\(place)]")) }
  return strings
}
