import CSQLite
import MaquetteFormats
import MaquetteKernels
import MaquetteSystem

/// Gathers rows into matrices from inside of SQLite: an aggregate function sees each row without the detour of a
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

  /// Makes the functions `maquette_collect(x, y)`, `maquette_collect(x, y, fields)` and
  /// `maquette_collect(x, y, fields, id, updatedAt, place)` known to a connection that does not outlive this.
  func register(_ handle: OpaquePointer) -> Int32 {
    for arguments in [2, 3, 6] as [Int32] {
      let code = sqlite3_create_function_v2(
        handle, "maquette_collect", arguments, SQLITE_UTF8 | SQLITE_DIRECTONLY, state, nil,
        { context, count, values in
          guard let values, let state = sqlite3_user_data(context) else { return }
          if !state.assumingMemoryBound(to: State.self).pointee.add(values, count) {
            sqlite3_result_error(context, "no row of numbers", -1)
          }
        }, { context in sqlite3_result_null(context) }, nil)
      if code != SQLITE_OK { return code }
    }
    return SQLITE_OK
  }

  /// Where the next rows go.
  ///
  /// - Parameters:
  ///   - features: [rows, features], to be written whole or in part before ``finish(_:)``.
  ///   - targets: [rows, targets] where numbers are wanted; nil: labels, if `y` and `fields` are not NULL.
  ///   - labels: that are known already.
  ///   - keepsTruth: whether `y` is taken as it is, instead of as a label.
  ///   - allowsBytes: whether rows may have a byte for each number.
  func start(
    rows: Int, features: (FloatBuffer, width: Int), targets: (FloatBuffer, width: Int)?,
    labels: LabelInterner,
    keepsTruth: Bool, allowsBytes: Bool
  ) {
    state.pointee = State(rows: rows, features: features, targets: targets, labels: labels)
    state.pointee.allowsBytes = allowsBytes
    if keepsTruth {
      state.pointee.truth = TrueValuesBuilder()
      state.pointee.truth?.reserveCapacity(rows)
    }
  }

  /// How many rows came, up to the first that can't be used.
  var row: Int { state.pointee.row }
  var hasFailed: Bool { state.pointee.hasFailed }
  /// Whether a row could not be used because its `y` is NULL and its fields were not given.
  var needsFields: Bool { state.pointee.needsFields }
  /// Whether there were more rows than places for them.
  var hasOverflown: Bool { state.pointee.hasOverflown }
  /// Where the last row was that came or can't be used, for rows that bring their place.
  var place: Int64 { state.pointee.place }

  /// What came beside the numbers; the memory that was lent is not touched any more.
  func finish() -> (labels: LabelInterner, codes: [Int32], ids: InstanceIDs, truth: TrueValues?) {
    defer { state.pointee = State() }
    return (
      state.pointee.labels, state.pointee.codes,
      InstanceIDs(state.pointee.ids, updatedAt: state.pointee.dates),
      state.pointee.truth?.values(state.pointee.labels)
    )
  }

  private struct State {
    var rows = 0
    var features: (buffer: FloatBuffer, width: Int)?
    var targets: (buffer: FloatBuffer, width: Int)?
    var target: UnsafeMutableRawPointer?
    var labels = LabelInterner()
    var truth: TrueValuesBuilder?
    var codes: [Int32] = []
    var ids: [DocumentID] = []
    var dates: [Int64] = []
    var rowBytes = 0
    var place: Int64 = 0
    var row = 0
    var hasFailed = false
    var needsFields = false
    var hasOverflown = false
    var allowsBytes = false

    init() {}

    init(
      rows: Int, features: (FloatBuffer, width: Int), targets: (FloatBuffer, width: Int)?,
      labels: LabelInterner
    ) {
      self.rows = rows
      self.features = features
      self.targets = targets
      self.labels = labels
      target = UnsafeMutableRawPointer(features.0.pointer)
      rowBytes = features.width * 4
      if targets == nil { codes.reserveCapacity(rows) }
    }

    mutating func add(_ values: UnsafeMutablePointer<OpaquePointer?>, _ count: Int32) -> Bool {
      let isIdentified = count == 6
      guard row < rows else {
        hasOverflown = true
        return false
      }
      if count == 2, sqlite3_value_type(values[1]) == SQLITE_NULL {
        needsFields = true
        return false
      }
      if isIdentified { place = sqlite3_value_int64(values[5]) }
      guard !hasFailed, sqlite3_value_type(values[0]) == SQLITE_BLOB,
        let source = sqlite3_value_blob(values[0]), let target,
        isRow(Int(sqlite3_value_bytes(values[0]))), !isIdentified || identify(values), learn(values)
      else {
        hasFailed = true
        return false
      }
      let place = target + row &* rowBytes
      if Int(sqlite3_value_bytes(values[0])) == rowBytes {
        place.copyMemory(from: source, byteCount: rowBytes)
      } else {
        let (numbers, bytes) = (
          place.assumingMemoryBound(to: Float.self), source.assumingMemoryBound(to: UInt8.self)
        )
        for column in 0..<rowBytes / 4 { numbers[column] = Float(bytes[column]) }
      }
      row &+= 1
      return true
    }

    /// Whether so many bytes are a row: 4 for each number, or 1.
    private func isRow(_ bytes: Int) -> Bool { bytes == rowBytes || allowsBytes && bytes &* 4 == rowBytes }

    private mutating func identify(_ values: UnsafeMutablePointer<OpaquePointer?>) -> Bool {
      guard let id = DocumentID(bytes(values[3])) else { return false }
      ids.append(id)
      dates.append(sqlite3_value_int64(values[4]))
      return true
    }

    /// Takes what is to be learnt.
    private mutating func learn(_ values: UnsafeMutablePointer<OpaquePointer?>) -> Bool {
      if let targets { return copy(values, to: targets.buffer.pointer + row &* targets.width, targets.width) }
      if truth != nil { return (try? keep(values)) != nil }
      guard let code = try? label(values) else { return false }
      codes.append(code)
      return true
    }

    private func copy(
      _ values: UnsafeMutablePointer<OpaquePointer?>, to target: UnsafeMutablePointer<Float>, _ width: Int
    ) -> Bool {
      switch sqlite3_value_type(values[1]) {
      case SQLITE_INTEGER, SQLITE_FLOAT:
        guard width == 1 else { return false }
        target.pointee = Float(sqlite3_value_double(values[1]))
      case SQLITE_BLOB:
        let numbers = bytes(values[1])
        guard let source = numbers.baseAddress, numbers.count == width &* 4 else { return false }
        UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: numbers.count)
      case SQLITE_NULL:
        guard sqlite3_value_type(values[2]) != SQLITE_NULL,
          let y = try? JSON(parsing: Array(bytes(values[2])))["y"], let numbers = Record.numbers(y),
          numbers.count == width
        else { return false }
        target.update(from: numbers, count: width)
      default: return false
      }
      return Floats.allFinite(target, count: width)
    }

    /// Takes `y` as it is.
    private mutating func keep(_ values: UnsafeMutablePointer<OpaquePointer?>) throws(MaquetteError) {
      switch sqlite3_value_type(values[1]) {
      case SQLITE_TEXT:
        let code = try labels.code(bytes(values[1]))
        truth?.add(code: code)
      case SQLITE_BLOB:
        let numbers = SQLiteSession.floats(bytes(values[1]))
        truth?.add(.label(.numbers(numbers)))
      case SQLITE_NULL:
        if sqlite3_value_type(values[2]) == SQLITE_NULL {
          truth?.add(code: -1)
        } else if let y = try JSON(parsing: Array(bytes(values[2])))["y"] {
          truth?.add(.json(y))
        } else {
          truth?.add(code: -1)
        }
      default: truth?.add(sqlite3_value_double(values[1]))
      }
    }

    private mutating func label(
      _ values: UnsafeMutablePointer<OpaquePointer?>
    ) throws(MaquetteError) -> Int32 {
      switch sqlite3_value_type(values[1]) {
      case SQLITE_TEXT: return try labels.code(bytes(values[1]))
      case SQLITE_BLOB:
        return try labels.code(Label.numbers(SQLiteSession.floats(bytes(values[1]))).json.description)
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
