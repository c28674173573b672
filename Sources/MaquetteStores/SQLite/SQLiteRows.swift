import CSQLite
import MaquetteSystem

/// Rows of ours that SQL can select from, in the table `maquette_rows(id, y, x, fields)`, which is in no file.
///
/// So one statement inserts them all. A statement that is run again for each of 100,000 instances binds, starts, opens and
/// closes its table and its indices, and looks for the place of an id from the root on; all that took half of the time of
/// an append.
final class SQLiteRows {
  /// A column of the table.
  enum Column: Int32 {
    case id, y, x, fields
  }

  /// Gives SQLite the value of a column of a row, from 0: as a result of a function, NULL unless it does. Memory stays
  /// as it is until the next row is asked for.
  typealias Giver = (Int, Column, OpaquePointer) -> Void

  private struct State {
    var count = 0
    var give: Giver?
  }

  /// On the heap for themselves, so that SQLite can lead back to them with plain pointers.
  private let state: UnsafeMutablePointer<State>
  private let module: UnsafeMutablePointer<sqlite3_module>

  init() {
    state = .allocate(capacity: 1)
    state.initialize(to: State())
    module = .allocate(capacity: 1)
    module.initialize(to: Self.makeModule())
  }

  deinit {
    module.deallocate()
    state.deinitialize(count: 1)
    state.deallocate()
  }

  /// Makes the table known to a connection that does not outlive this.
  func register(_ handle: OpaquePointer) -> Int32 {
    sqlite3_create_module_v2(handle, "maquette_rows", module, state, nil)
  }

  /// Runs `body` while the table has so many rows.
  func lend<Value>(
    _ count: Int, _ give: Giver, _ body: () throws(MaquetteError) -> Value
  ) throws(MaquetteError) -> Value {
    let outcome = withoutActuallyEscaping(give) { give -> Result<Value, MaquetteError> in
      state.pointee = State(count: count, give: give)
      defer { state.pointee = State() }
      do throws(MaquetteError) { return .success(try body()) } catch { return .failure(error) }
    }
    return try outcome.get()
  }

  /// Gives SQLite an id that is written out.
  static func give(id: UnsafePointer<UInt8>, to context: OpaquePointer) {
    id.withMemoryRebound(to: CChar.self, capacity: DocumentID.digits) { text in
      // A nil destructor is SQLITE_STATIC.
      sqlite3_result_text64(context, text, UInt64(DocumentID.digits), nil, UInt8(SQLITE_UTF8))
    }
  }

  /// Gives SQLite a value, which it copies.
  static func give(_ value: SQLiteValue, to context: OpaquePointer) {
    // SQLITE_TRANSIENT: SQLite copies.
    let copies = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    switch value {
    case .null: sqlite3_result_null(context)
    case .integer(let value): sqlite3_result_int64(context, value)
    case .number(let value): sqlite3_result_double(context, value)
    case .text(let text):
      text.withCString { start in
        sqlite3_result_text64(context, start, UInt64(text.utf8.count), copies, UInt8(SQLITE_UTF8))
      }
    case .bytes(let bytes):
      bytes.withUnsafeBytes { bytes in
        // An empty blob may have no address, which would mean NULL.
        guard let start = bytes.baseAddress else { return sqlite3_result_zeroblob(context, 0) }
        sqlite3_result_blob64(context, start, UInt64(bytes.count), copies)
      }
    }
  }

  // MARK: What SQLite calls

  private static func state(_ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?) -> UnsafeMutablePointer<
    State
  >? {
    UnsafeMutableRawPointer(cursor?.pointee.pVtab)?.assumingMemoryBound(to: maquette_sqlite_table.self)
      .pointee.state?.assumingMemoryBound(to: State.self)
  }

  private static func place(_ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?) -> UnsafeMutablePointer<
    maquette_sqlite_cursor
  >? {
    UnsafeMutableRawPointer(cursor)?.assumingMemoryBound(to: maquette_sqlite_cursor.self)
  }

  private static func makeModule() -> sqlite3_module {
    var module = sqlite3_module()
    // Without xCreate there is no such table but the one that every connection has.
    module.xConnect = { connection, state, _, _, table, _ in
      let code = sqlite3_declare_vtab(connection, "CREATE TABLE rows(id, y, x, fields)")
      guard code == SQLITE_OK else { return code }
      _ = maquette_sqlite_direct_only(connection)
      let made = UnsafeMutablePointer<maquette_sqlite_table>.allocate(capacity: 1)
      made.initialize(to: maquette_sqlite_table())
      made.pointee.state = state
      table?.pointee = UnsafeMutableRawPointer(made).assumingMemoryBound(to: sqlite3_vtab.self)
      return SQLITE_OK
    }
    module.xDisconnect = { table in
      table?.deallocate()
      return SQLITE_OK
    }
    module.xBestIndex = { _, plan in
      plan?.pointee.estimatedRows = 1_000_000
      return SQLITE_OK
    }
    module.xOpen = { _, cursor in
      let made = UnsafeMutablePointer<maquette_sqlite_cursor>.allocate(capacity: 1)
      made.initialize(to: maquette_sqlite_cursor())
      cursor?.pointee = UnsafeMutableRawPointer(made).assumingMemoryBound(to: sqlite3_vtab_cursor.self)
      return SQLITE_OK
    }
    module.xClose = { cursor in
      cursor?.deallocate()
      return SQLITE_OK
    }
    module.xFilter = { cursor, _, _, _, _ in
      SQLiteRows.place(cursor)?.pointee.row = 0
      return SQLITE_OK
    }
    module.xNext = { cursor in
      SQLiteRows.place(cursor)?.pointee.row &+= 1
      return SQLITE_OK
    }
    module.xEof = { cursor in
      guard let place = SQLiteRows.place(cursor), let state = SQLiteRows.state(cursor) else { return 1 }
      return place.pointee.row < state.pointee.count ? 0 : 1
    }
    module.xColumn = { cursor, context, number in
      guard let place = SQLiteRows.place(cursor), let state = SQLiteRows.state(cursor), let context,
        let column = Column(rawValue: number)
      else { return SQLITE_OK }
      state.pointee.give?(Int(place.pointee.row), column, context)
      return SQLITE_OK
    }
    module.xRowid = { cursor, number in
      number?.pointee = SQLiteRows.place(cursor)?.pointee.row ?? 0
      return SQLITE_OK
    }
    return module
  }
}
