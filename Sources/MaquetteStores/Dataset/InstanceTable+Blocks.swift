package import MaquetteKernels
package import MaquetteSystem

extension InstanceTable {
  /// The bytes that the numbers of this table take.
  package var bytes: Int {
    4 * (features.rows * (features.columns + 1) + (targets.map { $0.rows * $0.columns } ?? 0))
  }

  /// The rows of the blocks of one pass, one after the other.
  ///
  /// - Throws: ``MaquetteError/Code/outOfMemory``; ``MaquetteError/Code/badShape`` where the blocks are of different
  ///   widths.
  package init(joining blocks: [InstanceTable]) throws(MaquetteError) {
    guard let last = blocks.last else {
      self.init(features: try Matrix(rows: 0, columns: 0, []))
      return
    }
    guard blocks.count > 1 else {
      self = last
      return
    }
    let targets = blocks.compactMap(\.targets)
    guard targets.isEmpty || targets.count == blocks.count else {
      throw MaquetteError(.badShape, "only some of the blocks have targets")
    }
    var codes: [Int32] = []
    codes.reserveCapacity(blocks.reduce(0) { $0 + $1.features.rows })
    for block in blocks { codes += block.labels.codes }
    self.init(
      features: try Matrix(joining: blocks.map(\.features)),
      // The names of a block begin with those of the block before.
      labels: LabelColumn(unchecked: last.labels.names, codes),
      targets: targets.isEmpty ? nil : try Matrix(joining: targets), ids: nil)
  }
}

extension Matrix {
  /// The rows of several matrices, one after the other.
  ///
  /// - Throws: ``MaquetteError/Code/badShape`` where they are of different widths, ``MaquetteError/Code/outOfMemory``.
  package init(joining parts: [Matrix]) throws(MaquetteError) {
    let columns = parts.first?.columns ?? 0
    if let odd = parts.first(where: { $0.columns != columns }) {
      throw MaquetteError(
        .badShape, "rows of \(odd.columns) numbers do not go with rows of \(columns)")
    }
    try self.init(rows: parts.reduce(0) { $0 + $1.rows }, columns: columns) {
      (joined) throws(MaquetteError) in
      guard var place = joined.baseAddress else { return }
      for part in parts {
        part.withUnsafeBufferPointer { values in
          guard let start = values.baseAddress else { return }
          place.update(from: start, count: values.count)
          place += values.count
        }
      }
    }
  }
}
