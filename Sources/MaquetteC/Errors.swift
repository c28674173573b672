// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Exported names are the header's.

public import CMaquette
import Glibc
import MaquetteSystem

/// An error as a host holds it.
final class ErrorObject {
  let status: Int32
  let message: UnsafeMutablePointer<CChar>?
  let name: UnsafeMutablePointer<CChar>?

  init(_ error: MaquetteError) {
    status = error.code.rawValue
    message = strdup(error.message)
    name = strdup(error.name)
  }

  deinit {
    free(message)
    free(name)
  }
}

/// Text that lives as long as the process.
private func constant(_ text: StaticString) -> UnsafePointer<CChar> {
  UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
}

@implementation @_cdecl("maquette_error_status")
public func maquette_error_status(_ error: OpaquePointer?) -> maquette_status {
  if Fork.isChild { return MaquetteError.Code.forked.rawValue }
  do throws(MaquetteError) { return try errors[error].status } catch { return error.code.rawValue }
}

@implementation @_cdecl("maquette_error_message")
public func maquette_error_message(_ error: OpaquePointer?) -> UnsafePointer<CChar>? {
  if Fork.isChild { return constant("in a forked child process Maquette can't be used") }
  guard let message = (try? errors[error])?.message else {
    return constant("there is no error of this handle: it is NULL, was destroyed, or is something else")
  }
  return UnsafePointer(message)
}

@implementation @_cdecl("maquette_error_name")
public func maquette_error_name(_ error: OpaquePointer?) -> UnsafePointer<CChar>? {
  guard !Fork.isChild, let name = (try? errors[error])?.name else { return constant("") }
  return UnsafePointer(name)
}

@implementation @_cdecl("maquette_error_destroy")
public func maquette_error_destroy(_ error: OpaquePointer?) {
  unlessForked { _ = errors.remove(error) }
}

@implementation @_cdecl("maquette_string_free")
public func maquette_string_free(_ string: UnsafeMutablePointer<CChar>?) {
  free(string)
}

@implementation @_cdecl("maquette_status_name")
public func maquette_status_name(_ status: maquette_status) -> UnsafePointer<CChar>? {
  switch status {
  case 0: constant("MAQUETTE_OK")
  case 1: constant("MAQUETTE_E_BAD_HANDLE")
  case 2: constant("MAQUETTE_E_INVALID_ARGUMENT")
  case 3: constant("MAQUETTE_E_BAD_SHAPE")
  case 4: constant("MAQUETTE_E_NOT_FINITE")
  case 5: constant("MAQUETTE_E_BAD_UTF8")
  case 6: constant("MAQUETTE_E_BAD_JSON")
  case 7: constant("MAQUETTE_E_UNKNOWN_KIND")
  case 8: constant("MAQUETTE_E_UNKNOWN_PARAMETER")
  case 9: constant("MAQUETTE_E_BAD_PARAMETER")
  case 10: constant("MAQUETTE_E_NOT_FOUND")
  case 11: constant("MAQUETTE_E_NOT_TRAINED")
  case 12: constant("MAQUETTE_E_BUSY")
  case 13: constant("MAQUETTE_E_TIMEOUT")
  case 14: constant("MAQUETTE_E_CANCELLED")
  case 15: constant("MAQUETTE_E_REENTRANT")
  case 16: constant("MAQUETTE_E_FORKED")
  case 17: constant("MAQUETTE_E_NO_ROWS")
  case 18: constant("MAQUETTE_E_ONE_LABEL")
  case 19: constant("MAQUETTE_E_IO")
  case 20: constant("MAQUETTE_E_NOT_A_STORE")
  case 21: constant("MAQUETTE_E_FULL")
  case 22: constant("MAQUETTE_E_LOCKED")
  case 23: constant("MAQUETTE_E_CLOSED")
  case 24: constant("MAQUETTE_E_DIVERGED")
  case 25: constant("MAQUETTE_E_OUT_OF_MEMORY")
  case 26: constant("MAQUETTE_E_READ_ONLY")
  case 27: constant("MAQUETTE_E_UNSUPPORTED")
  case 28: constant("MAQUETTE_E_BAD_FORMAT")
  case 29: constant("MAQUETTE_E_CONFLICT")
  case 30: constant("MAQUETTE_E_INTERNAL")
  case 31: constant("MAQUETTE_E_NOT_HELD")
  default: constant("unknown status")
  }
}
