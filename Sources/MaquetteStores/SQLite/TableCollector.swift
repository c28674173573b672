import CSQLite
import MaquetteFormats
import MaquetteSystem

/// Gathers rows into a matrix from inside of SQLite: an aggregate function sees each row without the detour of a
/// result row.
final class TableCollector {
  /// On the heap for itself, so that SQLite can lead back to it with a plain pointer.
  private let state: UnsafeMutablePointer<State>

  init() {
    state = .allocate(capacity: 1)
    state.initialize(to: State())
  }

  deinit {
    state.deinitialize(count: 1)
    state.deallocate()
  }

  /// Makes the function `maquette_collect(x, y, fields)` known to a connection that does not outlive this.
  func register(_ handle: OpaquePointer) -> Int32 {
    sqlite3_create_function_v2(
      handle, "maquette_collect", 3, SQLITE_UTF8 | SQLITE_DIRECTONLY, state, nil,
      { context, _, values in
        guard let values, let state = sqlite3_user_data(context) else { return }
        if !state.assumingMemoryBound(to: State.self).pointee.add(values) {
          sqlite3_result_error(context, "no row of numbers", -1)
        }
      }, { context in sqlite3_result_null(context) }, nil)
  }

  /// Where the next rows go: `rowBytes` each into `target`, and a code.
  func start(
    _ target: UnsafeMutableRawBufferPointer, _ rowBytes: Int, _ codes: UnsafeMutableBufferPointer<Int32>
  ) {
    state.pointee = State(target: target, codes: codes, rowBytes: rowBytes)
  }

  /// How many rows came, up to the first that can't be used.
  var row: Int { state.pointee.row }
  var hasFailed: Bool { state.pointee.hasFailed }
  /// Whether there were more rows than places for them.
  var hasOverflown: Bool { state.pointee.hasOverflown }

  /// The labels of the rows; the memory that was lent is not touched any more.
  func finish(_ codes: [Int32]) -> LabelColumn {
    defer { state.pointee = State() }
    return state.pointee.labels.column(codes)
  }

  private struct State {
    var target = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    var codes = UnsafeMutableBufferPointer<Int32>(start: nil, count: 0)
    var rowBytes = 0
    var labels = LabelInterner()
    var row = 0
    var hasFailed = false
    var hasOverflown = false

    mutating func add(_ values: UnsafeMutablePointer<OpaquePointer?>) -> Bool {
      guard row < codes.count else {
        hasOverflown = true
        return false
      }
      guard !hasFailed, sqlite3_value_type(values[0]) == SQLITE_BLOB,
        let source = sqlite3_value_blob(values[0]), let target = target.baseAddress,
        Int(sqlite3_value_bytes(values[0])) == rowBytes, let code = try? label(values)
      else {
        hasFailed = true
        return false
      }
      (target + row &* rowBytes).copyMemory(from: source, byteCount: rowBytes)
      codes[row] = code
      row &+= 1
      return true
    }

    private mutating func label(
      _ values: UnsafeMutablePointer<OpaquePointer?>
    ) throws(MaquetteError) -> Int32 {
      switch sqlite3_value_type(values[1]) {
      case SQLITE_TEXT: return try labels.code(bytes(values[1]))
      case SQLITE_NULL:
        if sqlite3_value_type(values[2]) == SQLITE_NULL { return -1 }
        let y = try JSON(parsing: Array(bytes(values[2])))["y"]
        guard let y, !y.isNull else { return -1 }
        return try labels.code(y.description)
      default: return try labels.code(JSON.number(sqlite3_value_double(values[1])).description)
      }
    }

    private func bytes(_ value: OpaquePointer?) -> UnsafeRawBufferPointer {
      let start = sqlite3_value_blob(value)
      return UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : Int(sqlite3_value_bytes(value)))
    }
  }
}
