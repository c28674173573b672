import MaquetteSystem

/// What a statement gave, its values in binary form.
final class PostgreSQLResult {
  private let library: PostgreSQLLibrary
  private let handle: OpaquePointer
  /// Where it comes from, for messages.
  private let location: String
  let rows: Int

  init(_ library: PostgreSQLLibrary, _ handle: OpaquePointer, _ location: String) {
    self.library = library
    self.handle = handle
    self.location = location
    rows = Int(library.rowCount(handle))
  }

  deinit {
    library.clear(handle)
  }

  var status: Int32 { library.resultStatus(handle) }

  func errorField(_ field: Int32) -> String {
    library.resultErrorField(handle, field).map { String(cString: $0) } ?? ""
  }

  /// What was done: "COMMIT", "UPDATE 3".
  var command: String { library.commandStatus(handle).map { String(cString: $0) } ?? "" }

  /// How many rows were changed.
  var changed: Int { library.commandRows(handle).flatMap { Int(String(cString: $0)) } ?? 0 }

  /// How much memory it takes.
  var bytes: Int { Int(clamping: library.resultMemorySize(handle)) }

  // MARK: Values; row and column must lie in the result

  func isNull(_ row: Int, _ column: Int) -> Bool {
    library.isNull(handle, Int32(truncatingIfNeeded: row), Int32(truncatingIfNeeded: column)) != 0
  }

  /// The bytes of a value, for as long as the result is there; none for NULL.
  func bytes(_ row: Int, _ column: Int) -> UnsafeRawBufferPointer {
    let (row, column) = (Int32(truncatingIfNeeded: row), Int32(truncatingIfNeeded: column))
    return UnsafeRawBufferPointer(
      start: library.value(handle, row, column), count: Int(library.length(handle, row, column)))
  }

  /// - Throws: ``MaquetteError/Code/badFormat`` for NULL, or a column that was made of another type.
  func integer(_ row: Int, _ column: Int) throws(MaquetteError) -> Int64 {
    let bytes = bytes(row, column)
    switch bytes.count {
    case 8: return Int64(bigEndian: bytes.loadUnaligned(as: Int64.self))
    case 4: return Int64(Int32(bigEndian: bytes.loadUnaligned(as: Int32.self)))
    default: throw damaged("a number has \(bytes.count) bytes")
    }
  }

  /// The whole number that a statement without parameters gave, as text.
  func decimal(_ row: Int, _ column: Int) throws(MaquetteError) -> Int64 {
    guard let number = Int64(String(decoding: bytes(row, column), as: UTF8.self)) else {
      throw damaged("a count is no number")
    }
    return number
  }

  func number(_ row: Int, _ column: Int) throws(MaquetteError) -> Double {
    let bytes = bytes(row, column)
    guard bytes.count == 8 else { throw damaged("a number has \(bytes.count) bytes") }
    return Double(bitPattern: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)))
  }

  /// A text; nil for NULL.
  func text(_ row: Int, _ column: Int) throws(MaquetteError) -> String? {
    if isNull(row, column) { return nil }
    guard let text = String(validating: bytes(row, column), as: UTF8.self) else {
      throw damaged("a text is not UTF-8")
    }
    return PostgreSQLText.decoded(text)
  }

  private func damaged(_ what: String) -> MaquetteError {
    MaquetteError(.badFormat, "'\(location)' is damaged: \(what)", name: location)
  }
}
