package import MaquetteFormats
import MaquetteSystem

/// What each of some instances has as `y`, whatever that is.
package struct TrueValues: Sendable {
  /// Those that are texts; -1 for a row without `y`, a smaller code where it is no text.
  private(set) var labels: LabelColumn
  /// Those that are numbers, of a row whose code is ``number``; empty where no row has one.
  private(set) var numbers: [Double]
  /// All else, of a row whose code is ``other``.
  private(set) var others: [Int: Other]

  enum Other: Sendable {
    case label(Label)
    case json(JSON)
  }

  static let number: Int32 = -2
  static let other: Int32 = -3

  init(labels: LabelColumn, numbers: [Double], others: [Int: Other]) {
    self.labels = labels
    self.numbers = numbers
    self.others = others
  }

  package var count: Int { labels.count }

  /// The label of a row as the record keeps it, and what is no label; both nil where there is no `y`.
  func parts(_ row: Int) -> (label: Label?, other: JSON?) {
    switch labels.codes[row] {
    case Self.number: return (.number(numbers[row]), nil)
    case Self.other:
      switch others[row] {
      case .label(let label): return (label, nil)
      case .json(let json): return (nil, json)
      case nil: return (nil, nil)
      }
    case -1: return (nil, nil)
    case let code: return (.text(labels.names[Int(code)]), nil)
    }
  }

  /// What a row has; nil where it has nothing.
  package subscript(row: Int) -> JSON? {
    let (label, other) = parts(row)
    return other ?? label?.json
  }

  /// What each row is called among text labels: numbers and all else as JSON writes them; no label for null.
  package var column: LabelColumn {
    guard labels.codes.contains(where: { $0 < -1 }) else { return labels }
    var interner = LabelInterner(labels.names)
    let codes = labels.codes.indices.map { row -> Int32 in
      if labels.codes[row] >= -1 { return labels.codes[row] }
      guard let value = self[row], !value.isNull else { return -1 }
      // There are no more rows than codes.
      return (try? interner.code(value.description)) ?? -1
    }
    return interner.column(codes)
  }

  /// The numbers of a row: one, or those of an array; nil where there are none.
  package func numbers(_ row: Int) -> [Double]? {
    let (label, other) = parts(row)
    switch (label, other) {
    case (.number(let number), _): return [number]
    case (.numbers(let numbers), _): return numbers.map { Double($0) }
    case (_, .array(let elements)?):
      let numbers = elements.compactMap(\.number)
      return numbers.count == elements.count && !numbers.isEmpty ? numbers : nil
    default: return nil
    }
  }

  /// The rows of these indices, which must lie in the column.
  package func gathering(_ rows: [Int32]) -> TrueValues {
    var others: [Int: Other] = [:]
    if !self.others.isEmpty {
      for (place, row) in rows.enumerated() { others[place] = self.others[Int(row)] }
    }
    return TrueValues(
      labels: LabelColumn(unchecked: labels.names, rows.map { labels.codes[Int($0)] }),
      numbers: numbers.isEmpty ? [] : rows.map { numbers[Int($0)] }, others: others)
  }
}

/// Gathers ``TrueValues`` row by row.
struct TrueValuesBuilder {
  private var codes: [Int32] = []
  private var numbers: [Double] = []
  private var others: [Int: TrueValues.Other] = [:]

  mutating func reserveCapacity(_ rows: Int) { codes.reserveCapacity(rows) }

  /// - Parameter code: of a text, -1 for nothing.
  mutating func add(code: Int32) {
    codes.append(code)
    if !numbers.isEmpty { numbers.append(0) }
  }

  mutating func add(_ number: Double) {
    if numbers.isEmpty { numbers = [Double](repeating: 0, count: codes.count) }
    codes.append(TrueValues.number)
    numbers.append(number)
  }

  mutating func add(_ other: TrueValues.Other) {
    others[codes.count] = other
    add(code: TrueValues.other)
  }

  mutating func add(_ label: Label?, _ other: JSON?, _ labels: inout LabelInterner) throws(MaquetteError) {
    switch (label, other) {
    case (.text(let text), _): add(code: try labels.code(text))
    case (.number(let number), _): add(number)
    case (let label?, _): add(.label(label))
    case (nil, let other?): add(.json(other))
    case (nil, nil): add(code: -1)
    }
  }

  func values(_ labels: LabelInterner) -> TrueValues {
    TrueValues(labels: labels.column(codes), numbers: numbers, others: others)
  }
}
