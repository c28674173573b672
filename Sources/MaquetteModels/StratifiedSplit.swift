import MaquetteKernels

/// Rows set apart for validation: the same share of every label, drawn at random, none of them ever trained on.
struct StratifiedSplit: Sendable {
  /// Indices of rows, in their order.
  let training: [Int32]
  let validation: [Int32]

  /// - Parameters:
  ///   - codes: a label for each row, 0 to `labelCount` - 1.
  ///   - share: of the rows to validate with, 0 to 1. Every label keeps at least one row to train on.
  init(codes: [Int32], labelCount: Int, share: Double, random: inout Random) {
    var rowsOfLabel = [[Int32]](repeating: [], count: labelCount)
    for (row, code) in codes.enumerated() { rowsOfLabel[Int(code)].append(Int32(row)) }

    // Largest remainder: each label gives its share rounded down, and those that lost most by that give one more
    // until the total is the share of all rows.
    let total = Int((Double(codes.count) * share).rounded())
    var counts = rowsOfLabel.map { min(Int((Double($0.count) * share).rounded(.down)), max(0, $0.count - 1)) }
    let byRemainder = (0..<labelCount).sorted { first, second in
      let firstRemainder = Double(rowsOfLabel[first].count) * share - Double(counts[first])
      let secondRemainder = Double(rowsOfLabel[second].count) * share - Double(counts[second])
      return firstRemainder != secondRemainder ? firstRemainder > secondRemainder : first < second
    }
    var missing = total - counts.reduce(0, +)
    for label in byRemainder where missing > 0 && counts[label] + 1 < rowsOfLabel[label].count {
      counts[label] += 1
      missing -= 1
    }

    var isValidation = [Bool](repeating: false, count: codes.count)
    for label in 0..<labelCount {
      random.shuffle(&rowsOfLabel[label])
      for row in rowsOfLabel[label].prefix(counts[label]) { isValidation[Int(row)] = true }
    }
    let rows = (0..<Int32(codes.count))
    training = rows.filter { !isValidation[Int($0)] }
    validation = rows.filter { isValidation[Int($0)] }
  }
}
