import MaquetteSystem

/// Rows in the binary form of `COPY`, which the server takes several times faster than an INSERT for each.
struct PostgreSQLRows {
  /// About how much is sent at once.
  static let blockBytes = 1 << 20
  /// How many rows one command takes: each gets the time that a statement may take.
  static let commandRows = 1 << 17

  /// The signature, no flags, no extension.
  static let header: [UInt8] =
    Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0x00] + [UInt8](repeating: 0, count: 8)
  static let trailer: [UInt8] = [0xFF, 0xFF]

  /// Sends rows, in as many commands as they need.
  ///
  /// - Parameters:
  ///   - sql: `COPY … FROM STDIN (FORMAT binary)`
  ///   - write: appends one row.
  static func copy(
    _ connection: PostgreSQLConnection, _ sql: String, rows: Int,
    _ write: (Int, inout [UInt8]) throws(MaquetteError) -> Void
  ) throws(MaquetteError) {
    var row = 0
    while row < rows {
      let end = min(rows, row + commandRows)
      var isFirst = true
      try connection.copy(sql) { (block) throws(MaquetteError) in
        if isFirst { block += header }
        isFirst = false
        while row < end && block.count < blockBytes {
          try write(row, &block)
          row += 1
        }
        if row < end { return true }
        block += trailer
        return false
      }
    }
  }
}

extension [UInt8] {
  /// Begins a row of so many columns.
  mutating func appendRow(columns: Int) { append(bigEndian: Int16(truncatingIfNeeded: columns)) }

  mutating func appendNull() { append(bigEndian: Int32(-1)) }

  mutating func append(column value: Int64) {
    append(bigEndian: Int32(8))
    append(bigEndian: value)
  }

  mutating func append(column value: Double) {
    append(bigEndian: Int32(8))
    append(bigEndian: value.bitPattern)
  }

  mutating func append(column id: DocumentID) {
    append(bigEndian: Int32(12))
    append(bigEndian: id.high)
    append(bigEndian: id.low)
  }

  mutating func append(column bytes: UnsafeRawBufferPointer) {
    append(bigEndian: Int32(truncatingIfNeeded: bytes.count))
    append(contentsOf: bytes)
  }

  mutating func append(column bytes: [UInt8]) {
    append(bigEndian: Int32(truncatingIfNeeded: bytes.count))
    append(contentsOf: bytes)
  }
}
