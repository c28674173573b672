// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Exported names are the header's.

public import CMaquette
import CMaquetteSystem
import Glibc
import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteSystem

private let version: StaticString = "0.1.0"

@implementation @_cdecl("maquette_version")
public func maquette_version() -> UnsafePointer<CChar>? {
  UnsafeRawPointer(version.utf8Start).assumingMemoryBound(to: CChar.self)
}

@implementation @_cdecl("maquette_build_info")
public func maquette_build_info(
  _ json: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let json = try required(json, "json")
    #if DEBUG
      let configuration = "debug"
    #else
      let configuration = "release"
    #endif
    let info: JSON = [
      "version": .string("\(version)"),
      "commit": .string(String(cString: maquette_system_commit())),
      "configuration": .string(configuration),
      "compiler": .string(String(cString: maquette_system_compiler())),
      "openblas": .string(OpenBLAS.configuration),
      "sqlite": .string(SQLiteLibrary.version),
      "kernels": .string(KernelVariant.best.name),
      "threads": JSON(Workers.limit),
    ]
    json.pointee = try owned(info)
  }
}

@implementation @_cdecl("maquette_threads")
public func maquette_threads() -> Int32 { Int32(Workers.limit) }

@implementation @_cdecl("maquette_set_threads")
public func maquette_set_threads(
  _ count: Int32, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    guard (1...256).contains(count) else {
      throw MaquetteError(.invalidArgument, "count is \(count); it must be from 1 to 256", name: "count")
    }
    Workers.limit = Int(count)
  }
}

/// A pointer of the host's, which we only hand back.
struct HostPointer: @unchecked Sendable {  // what lies behind it is the host's business
  let pointer: UnsafeMutableRawPointer?
}

/// A host's function for the log: `destroy` runs when the last call has returned and nobody can start another.
private final class LogSink: Sendable {
  private let function: maquette_log_fn
  private let userData: HostPointer
  private let destroy: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?

  init(
    _ function: @escaping maquette_log_fn, _ userData: HostPointer,
    _ destroy: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?
  ) {
    self.function = function
    self.userData = userData
    self.destroy = destroy
  }

  deinit {
    destroy?(userData.pointer)
  }

  func receive(_ level: Log.Level, _ message: String) {
    message.withCString { function(userData.pointer, level.rawValue, $0) }
  }
}

@implementation @_cdecl("maquette_set_log")
public func maquette_set_log(
  _ level: Int32, _ fn: maquette_log_fn?, _ user_data: UnsafeMutableRawPointer?,
  _ destroy: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  let userData = HostPointer(pointer: user_data)
  let status = reporting(to: error) { () throws(MaquetteError) in
    guard let fn else {
      Log.set(level: .error, sink: nil)
      return
    }
    guard let level = Log.Level(rawValue: level) else {
      throw MaquetteError(
        .invalidArgument,
        "level is \(level); it must be MAQUETTE_LOG_ERROR to MAQUETTE_LOG_DEBUG (1 to 4)", name: "level")
    }
    let sink = LogSink(fn, userData, destroy)
    Log.set(level: level) { sink.receive($0, $1) }
  }
  if status != 0 || fn == nil { destroy?(user_data) }
  return status
}
