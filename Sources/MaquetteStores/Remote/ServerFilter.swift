import MaquetteFormats
import MaquetteSystem

/// What of a query's conditions a server is asked to look at.
///
/// Values arrive there as texts, whatever they were: a number in a condition meets no number, and some servers make a
/// number of every text that looks like one. Dates, arrays and negations differ from one database to the next. So a server
/// is asked for documents that have a certain text, which all understand alike, and everything else is looked at here,
/// over what then comes: answers are the same as everywhere.
struct ServerFilter {
  private var texts: [(field: String, values: [String])] = []
  /// Whether nothing of the conditions is left to be looked at here.
  private(set) var isWhole = true

  /// Everything.
  init() {}

  /// - Parameter dataset: nil: of the whole service.
  init(_ condition: Condition = .all([]), in dataset: String?) {
    if let dataset {
      if Self.isPlain(dataset), fits([dataset]) {
        texts.append(("datasetName", [dataset]))
      } else {
        isWhole = false
      }
    }
    add(condition)
  }

  /// Texts of more bytes are not asked for: servers refuse long addresses, and percent signs make them three times as long.
  private static let longest = 2_000
  private var length = 0

  private mutating func add(_ condition: Condition) {
    switch condition {
    case .all(let conditions): for condition in conditions { add(condition) }
    case .field(let path, let test):
      guard let values = Self.texts(test), Self.isField(path.text), values.allSatisfy({ Self.isPlain($0) })
      else {
        isWhole = false
        return
      }
      if let known = texts.first(where: { $0.field == path.text }) {
        // Named twice, a server would read a list of both.
        if known.values.map(ExactText.init) != values.map(ExactText.init) { isWhole = false }
      } else if fits(values) {
        texts.append((path.text, values))
      } else {
        isWhole = false
      }
    case .any, .not: isWhole = false
    }
  }

  /// Whether there is room for more texts; they take it.
  private mutating func fits(_ values: [String]) -> Bool {
    let more = values.reduce(0) { $0 + $1.utf8.count }
    guard more <= Self.longest - length else { return false }
    length += more
    return true
  }

  /// The texts of which a field must have one; nil where it may be otherwise.
  private static func texts(_ test: Test) -> [String]? {
    switch test {
    case .all(let tests): return tests.count == 1 ? texts(tests[0]) : nil
    case .equals(let operand): return operand.json.string.map { [$0] }
    case .isOneOf(let choices):
      let texts = choices.operands.compactMap(\.json.string)
      // More than 20 elements a server's parser may take for an object; none at all can't be said.
      return texts.count == choices.operands.count && (1...20).contains(texts.count) ? texts : nil
    default: return nil
    }
  }

  /// Whether a member of that name means the same to every server: not what servers name themselves, or read as a path.
  private static func isField(_ name: String) -> Bool {
    let own = ["id", "_id", "createdAt", "updatedAt", "constructor", "prototype", Record.instanceDate]
    return !name.isEmpty && !name.hasPrefix("_") && !own.contains(name)
      && name.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
          true
        default: false
        }
      } && name.utf8.contains { !(48...57).contains($0) }
  }

  /// Whether a text is one and the same to every server: nothing that looks like a number, a date or a word of JSON.
  static func isPlain(_ text: String) -> Bool {
    guard let first = text.utf8.first,
      !["true", "false", "null", "undefined", "NaN", "Infinity"].contains(text)
    else {
      return false
    }
    switch first {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."):
      return text.utf8.contains {
        ($0 | 0x20) > UInt8(ascii: "f") && ($0 | 0x20) != UInt8(ascii: "x") && $0 < 0x80
      }
        && Timestamp(text) == nil
    // White space in front is no part of a number.
    case 0...32: return false
    default: return true
    }
  }

  func add(to query: inout QueryString) {
    for (field, values) in texts {
      if values.count == 1 {
        query.add(field, values[0])
      } else {
        for value in values { query.add([field, "$in", ""], value) }
      }
    }
  }

  var query: QueryString {
    var query = QueryString()
    add(to: &query)
    return query
  }
}
