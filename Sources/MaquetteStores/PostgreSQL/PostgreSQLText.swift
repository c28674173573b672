/// Texts as PostgreSQL keeps them: it can hold every character but U+0000.
///
/// That one is written as U+0001 `0`, and U+0001 as U+0001 `1`: equal texts stay equal, different ones different, and all
/// that anybody writes on purpose stays as it is.
enum PostgreSQLText {
  static func encoded(_ text: String) -> String {
    guard text.utf8.contains(where: { $0 < 2 }) else { return text }
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0: result.append(contentsOf: "\u{1}0".unicodeScalars)
      case 1: result.append(contentsOf: "\u{1}1".unicodeScalars)
      default: result.append(scalar)
      }
    }
    return String(result)
  }

  static func decoded(_ text: String) -> String {
    guard text.utf8.contains(1) else { return text }
    var result = String.UnicodeScalarView()
    var isEscaped = false
    for scalar in text.unicodeScalars {
      if isEscaped {
        result.append(scalar == "0" ? "\0" : "\u{1}")
        isEscaped = false
      } else if scalar.value == 1 {
        isEscaped = true
      } else {
        result.append(scalar)
      }
    }
    return String(result)
  }
}
