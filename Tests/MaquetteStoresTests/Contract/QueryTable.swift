import MaquetteFormats
import Testing

/// Documents and what queries find among them, as text that a person reads.
///
/// A line of ``documents`` is a document; its number in the list, from 1, is its `n` and names it in the answers. A line
/// of ``cases`` is a query, `->`, and the numbers of what it finds, in order: all of it, or a page `of` so many; or `!`
/// and what the error names.
struct QueryTable: Sendable, CustomTestStringConvertible {
  let name: String
  let documents: String
  let cases: String

  var testDescription: String { name }

  /// The documents, each with its number as `n`.
  func parsedDocuments() throws -> [JSONObject] {
    try Self.lines(documents).enumerated().map { place, line in
      var document = try JSONObject(line)
      document["n"] = JSON(place + 1)
      return document
    }
  }

  struct Case {
    let query: JSON
    let text: String
    let expected: Expected
  }

  enum Expected: Equatable, CustomStringConvertible {
    case found([Int], total: Int)
    case refused(String)

    var description: String {
      switch self {
      case .found(let numbers, let total): "\(numbers) of \(total)"
      case .refused(let name): "! \(name)"
      }
    }
  }

  func parsedCases() throws -> [Case] {
    try Self.lines(cases).map { line in
      let (text, answer) = try #require(Self.split(line), "no '->' in: \(line)")
      return Case(query: try JSON(parsing: text), text: text, expected: try Self.expected(answer))
    }
  }

  private static func expected(_ answer: String) throws -> Expected {
    if answer.hasPrefix("!") { return .refused(String(answer.dropFirst().drop { $0 == " " })) }
    let words = answer.split(separator: " ")
    let numbers = try words.prefix { $0 != "of" }.map { try #require(Int($0), "no number: \($0)") }
    return .found(
      numbers, total: words.contains("of") ? try #require(words.last.flatMap { Int($0) }) : numbers.count)
  }

  static func lines(_ text: String) -> [String] {
    text.split(separator: "\n").map { String($0.drop { $0 == " " }) }.filter { !$0.isEmpty }
  }

  static func split(_ line: String) -> (String, String)? {
    let parts = line.split(separator: " -> ", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    if parts.count == 2 { return (parts[0], String(parts[1].drop { $0 == " " })) }
    return line.hasSuffix(" ->") ? (String(line.dropLast(3)), "") : nil
  }
}
