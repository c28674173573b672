import CSQLite

/// The names of labels in one piece of memory, which SQLite reads where it lies.
final class LabelTexts {
  private let memory: UnsafeMutablePointer<CChar>
  private let starts: [Int]

  init(_ names: [String]) {
    var starts = [0]
    starts.reserveCapacity(names.count + 1)
    var end = 0
    for name in names {
      end += name.utf8.count
      starts.append(end)
    }
    self.starts = starts
    // An address also where there is nothing.
    memory = .allocate(capacity: end + 1)
    for (name, start) in zip(names, starts) {
      var place = memory + start
      for byte in name.utf8 {
        place.initialize(to: CChar(bitPattern: byte))
        place += 1
      }
    }
  }

  deinit { memory.deallocate() }

  /// Gives SQLite the name of that code as a result; NULL for a code below 0.
  func give(_ code: Int32, to context: OpaquePointer) {
    guard code >= 0 else { return sqlite3_result_null(context) }
    let start = starts[Int(code)]
    // A nil destructor is SQLITE_STATIC: the memory stays as it is.
    sqlite3_result_text64(
      context, memory + start, UInt64(starts[Int(code) + 1] - start), nil, UInt8(SQLITE_UTF8))
  }
}
