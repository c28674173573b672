public import MaquetteSystem

/// A label for each row, as a number into the list of the labels that occur.
public struct LabelColumn: Sendable, Equatable {
  /// The different labels, the first seen first.
  public let names: [String]
  /// For each row the index of its label in ``names``; -1 for a row without.
  public let codes: [Int32]

  /// A label for each row.
  public init(_ labels: [String]) {
    var places: [String: Int32] = [:]
    var names: [String] = []
    codes = labels.map { label in
      if let place = places[label] { return place }
      let place = Int32(truncatingIfNeeded: names.count)
      places[label] = place
      names.append(label)
      return place
    }
    self.names = names
  }

  /// A column that is coded already.
  ///
  /// - Throws: ``MaquetteError/Code/invalidArgument`` when a name comes twice, or a code is neither -1 nor the index
  ///   of a name.
  public init(names: [String], codes: [Int32]) throws(MaquetteError) {
    var seen: Set<String> = []
    // Instances that come one at a time have one.
    for name in names where names.count > 1 && !seen.insert(name).inserted {
      throw MaquetteError(.invalidArgument, "the label '\(name)' comes twice among the names", name: name)
    }
    // As unsigned numbers every negative code but -1 is too large as well.
    let limit = UInt32(truncatingIfNeeded: names.count)
    if let row = codes.firstIndex(where: { $0 != -1 && UInt32(bitPattern: $0) >= limit }) {
      throw MaquetteError(
        .invalidArgument,
        "row \(row) has the label code \(codes[row]): it must be -1 or the index of one of \(names.count) names"
      )
    }
    self.init(unchecked: names, codes)
  }

  init(unchecked names: [String], _ codes: [Int32]) {
    self.names = names
    self.codes = codes
  }

  /// The number of rows.
  public var count: Int { codes.count }

  /// The label of one row; nil where it has none. The index must lie in the column.
  public subscript(row: Int) -> String? {
    let code = codes[row]
    return code < 0 ? nil : names[Int(code)]
  }
}
