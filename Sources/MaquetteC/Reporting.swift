import CMaquetteSystem
import Glibc
import MaquetteFormats
import MaquetteSystem

/// Whether this process is a fork of the one that loaded the library: its threads are not here, locks may be held by
/// them for ever, and Swift's own know the threads by numbers that are others here.
enum Fork {
  static var isChild: Bool { maquette_system_is_forked() }
}

/// Runs the body of an exported function: its error becomes the status, and an object for the host that wants one.
///
/// The thread can't be cancelled meanwhile: it would leave locks behind, and turns that others wait for.
func reporting(
  to error: UnsafeMutablePointer<OpaquePointer?>?, _ body: () throws(MaquetteError) -> Void
) -> Int32 {
  // No error object in a forked child: making one takes a lock that another thread may have held.
  if Fork.isChild { return MaquetteError.Code.forked.rawValue }
  let cancelability = maquette_system_hold_cancellation()
  defer { maquette_system_release_cancellation(cancelability) }
  do throws(MaquetteError) {
    try body()
    return 0
  } catch let failure {
    if let error, let handle = try? errors.insert(ErrorObject(failure)) { error.pointee = handle }
    return failure.code.rawValue
  }
}

/// Runs the body of an exported function that reports no error, which does nothing in a forked child; as
/// ``reporting(to:_:)`` otherwise. What `body` lets go of must be gone when it returns.
func unlessForked(_ body: () -> Void) {
  if Fork.isChild { return }
  let cancelability = maquette_system_hold_cancellation()
  defer { maquette_system_release_cancellation(cancelability) }
  body()
}

/// As ``unlessForked(_:)``, for a function that gives a handle, or NULL.
func handleUnlessForked(_ body: () -> OpaquePointer?) -> OpaquePointer? {
  var handle: OpaquePointer?
  unlessForked { handle = body() }
  return handle
}

// MARK: What comes in

/// - Throws: ``MaquetteError/Code/invalidArgument`` for a null pointer.
func required<Pointee>(
  _ pointer: UnsafeMutablePointer<Pointee>?, _ name: String
) throws(MaquetteError) -> UnsafeMutablePointer<Pointee> {
  guard let pointer else {
    throw MaquetteError(.invalidArgument, "\(name) is NULL; it must not be", name: name)
  }
  return pointer
}

/// - Throws: ``MaquetteError/Code/invalidArgument`` for a null pointer.
func required<Pointee>(
  _ pointer: UnsafePointer<Pointee>?, _ name: String
) throws(MaquetteError) -> UnsafePointer<Pointee> {
  guard let pointer else {
    throw MaquetteError(.invalidArgument, "\(name) is NULL; it must not be", name: name)
  }
  return pointer
}

/// - Throws: ``MaquetteError/Code/invalidArgument`` for a null pointer, ``MaquetteError/Code/badUTF8``.
func string(_ text: UnsafePointer<CChar>?, _ name: String) throws(MaquetteError) -> String {
  let text = try required(text, name)
  // String(cString:) would quietly repair it.
  guard let string = String(validatingCString: text) else {
    throw MaquetteError(.badUTF8, "\(name) is not valid UTF-8", name: name)
  }
  return string
}

/// - Throws: as ``string(_:_:)``, ``MaquetteError/Code/badJSON``.
func json(_ text: UnsafePointer<CChar>?, _ name: String) throws(MaquetteError) -> JSON {
  try JSON(parsing: try string(text, name), as: name)
}

/// - Returns: an empty object for NULL.
/// - Throws: as ``json(_:_:)``; ``MaquetteError/Code/badJSON`` for another value than an object.
func object(_ text: UnsafePointer<CChar>?, _ name: String) throws(MaquetteError) -> JSONObject {
  guard text != nil else { return [:] }
  let value = try json(text, name)
  guard let object = value.object else {
    throw MaquetteError(.badJSON, "\(name) is \(value.kind); it must be a JSON object", name: name)
  }
  return object
}

// MARK: What goes out

/// A copy for the host, to be given back with `maquette_string_free`.
///
/// - Throws: ``MaquetteError/Code/outOfMemory``.
func owned(_ text: String) throws(MaquetteError) -> UnsafeMutablePointer<CChar> {
  guard let copy = strdup(text) else { throw MaquetteError(.outOfMemory, "not enough memory for a string") }
  return copy
}

/// A copy of text in UTF-8 without a NUL, for the host.
///
/// - Throws: ``MaquetteError/Code/outOfMemory``.
func owned(_ text: [UInt8]) throws(MaquetteError) -> UnsafeMutablePointer<CChar> {
  guard let copy = malloc(text.count + 1) else {
    throw MaquetteError(.outOfMemory, "not enough memory for a string")
  }
  text.withUnsafeBytes {
    copy.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(copy), byteCount: $0.count)
  }
  copy.storeBytes(of: 0, toByteOffset: text.count, as: UInt8.self)
  return copy.assumingMemoryBound(to: CChar.self)
}

/// - Throws: ``MaquetteError/Code/outOfMemory``.
func owned(_ json: JSON) throws(MaquetteError) -> UnsafeMutablePointer<CChar> { try owned(json.bytes) }

// MARK: Structs

/// Checks the size a host gives for a struct: no smaller than the first version's, and with nothing in the part that
/// this version does not know.
///
/// - Throws: ``MaquetteError/Code/invalidArgument``.
func checkSize<Struct>(
  _ size: Int, of pointer: UnsafePointer<Struct>, _ name: String
) throws(MaquetteError) {
  let known = MemoryLayout<Struct>.size
  guard size >= known, size <= 65_536 else {
    throw MaquetteError(
      .invalidArgument, "\(name).struct_size is \(size); it must be sizeof the struct, \(known) or more",
      name: name)
  }
  let bytes = UnsafeRawPointer(pointer)
  for offset in known..<size where bytes.load(fromByteOffset: offset, as: UInt8.self) != 0 {
    throw MaquetteError(
      .invalidArgument,
      "\(name) has something at byte \(offset) that this version of Maquette, which knows \(known) bytes, can't heed",
      name: name)
  }
}
