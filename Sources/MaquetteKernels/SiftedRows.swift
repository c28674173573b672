internal import CMaquetteKernels
package import MaquetteSystem

/// Rows arranged so that products tell which of them may be nearest; of those alone distances are taken. Immutable.
///
/// What is found are the nearest by exact sums of (x − q)², whatever the products said: the same for a query in whatever
/// block, and for near rows of large numbers.
package final class SiftedRows: Sendable {
  package enum Metric: Sendable {
    /// The straight line; scores are squared distances with the sign turned.
    case squaredDistance
    /// The cosine; rows are brought to unit length, and so must queries be.
    case cosine
  }

  package let rows: Int
  package let features: Int
  private let metric: Metric
  private let matrix: Matrix
  private let panels: FloatBuffer
  private let offsets: FloatBuffer
  private let squares: FloatBuffer
  /// What is taken away from the rows before they are multiplied: somewhere among them.
  private let middle: FloatBuffer

  private static let rowsPerBlock = 512

  /// - Parameter check: called now and then; may end it by throwing.
  /// - Throws: ``MaquetteError/Code/outOfMemory``, or what `check` throws.
  package init(
    _ matrix: Matrix, metric: Metric, check: @escaping @Sendable () throws(MaquetteError) -> Void = {},
    using variant: KernelVariant = .best
  ) throws(MaquetteError) {
    let (rows, features) = (matrix.rows, matrix.columns)
    let isSquared = metric == .squaredDistance
    self.rows = rows
    self.features = features
    self.metric = metric
    self.matrix = matrix
    let panels = try FloatBuffer(zeros: NearestNeighbours.packedCount(rows: rows, features: features))
    let offsets = try FloatBuffer(zeros: isSquared ? (rows + 15) / 16 * 16 : 0)
    let squares = try FloatBuffer(zeros: isSquared ? rows : 0)
    let middle = try FloatBuffer(zeros: features)
    if isSquared { Self.findMiddle(of: matrix, middle) }
    let scratch = ScratchPool(bytes: isSquared ? 0 : Self.rowsPerBlock * features * 4)
    try Workers.forEachBlock(of: Self.rowsPerBlock, rows: rows) { (block) throws(MaquetteError) in
      try check()
      scratch.withScratch { memory in
        matrix.withUnsafeBufferPointer { values in
          guard let values = values.baseAddress else { return }
          var source = values + block.lowerBound * features
          if !isSquared {
            let unit = memory.assumingMemoryBound(to: Float.self)
            Normalisation.unitLength(
              source, xStride: features, rows: block.count, columns: features, into: unit, yStride: features)
            source = UnsafePointer(unit)
          }
          variant.table.pointee.arrange_rows(
            source, block.count, features, isSquared ? UnsafePointer(middle.pointer) : nil,
            panels.pointer + block.lowerBound * features,
            isSquared ? offsets.pointer + block.lowerBound : nil,
            isSquared ? squares.pointer + block.lowerBound : nil)
        }
      }
    }
    (self.panels, self.offsets, self.squares, self.middle) = (panels, offsets, squares, middle)
  }

  /// The mean of some of the rows.
  private static func findMiddle(of matrix: Matrix, _ middle: FloatBuffer) {
    let (rows, features) = (matrix.rows, matrix.columns)
    guard rows > 0 else { return }
    let step = max(1, rows / 256)
    var means = [Double](repeating: 0, count: features)
    var count = 0.0
    matrix.withUnsafeBufferPointer { values in
      for row in stride(from: 0, to: rows, by: step) {
        count += 1
        for feature in 0..<features { means[feature] += Double(values[row * features + feature]) }
      }
    }
    for feature in 0..<features { middle.pointer[feature] = Float(means[feature] / count) }
  }

  /// The memory that a search for so many queries needs, in floats.
  package func scratchCount(queries: Int) -> Int { min(queries, 128) * features }

  /// The `k` best rows for each query, best first, of equal ones the lower row first.
  ///
  /// - Parameters:
  ///   - k: at most as many as there are rows.
  ///   - scratch: ``scratchCount(queries:)`` floats.
  ///   - scores, indices: [queryCount, k]
  package func search(
    _ queries: UnsafePointer<Float>, queryCount: Int, k: Int, scratch: UnsafeMutablePointer<Float>,
    scores: UnsafeMutablePointer<Float>, indices: UnsafeMutablePointer<Int32>,
    using variant: KernelVariant = .best
  ) {
    var nearest = maquette_nearest(scores: scores, rows: indices, k: k, found: 0)
    withSifted { sifted in
      variant.table.pointee.sift(sifted, 0, rows, queries, features, queryCount, scratch, &nearest)
    }
  }

  /// The nearest center of each row of `block`, of equally near ones the first.
  ///
  /// - Parameters:
  ///   - block: begins at a multiple of 16.
  ///   - clusters, distances: of all rows; the squared distances to the centers where they are wanted.
  package func assign(
    _ block: Range<Int>, to centers: ArrangedCenters, clusters: UnsafeMutablePointer<Int32>,
    distances: UnsafeMutablePointer<Float>?, using variant: KernelVariant = .best
  ) {
    precondition(block.lowerBound % 16 == 0 && metric == .squaredDistance)
    withSifted { sifted in
      centers.withCenters { centers in
        variant.table.pointee.assign(
          sifted, squares.pointer, block.lowerBound, block.upperBound, centers, clusters, distances)
      }
    }
  }

  /// Adds each row of `block` to the sum of its cluster, and 1 to the number behind it: [clusters, features + 1].
  package func add(
    _ block: Range<Int>, of clusters: UnsafePointer<Int32>, to sums: UnsafeMutablePointer<Double>,
    using variant: KernelVariant = .best
  ) {
    matrix.withUnsafeBufferPointer { values in
      guard let values = values.baseAddress else { return }
      variant.table.pointee.add_rows(
        values + block.lowerBound * features, block.count, features, clusters + block.lowerBound, sums)
    }
  }

  private func withSifted(_ body: (UnsafePointer<maquette_sifted>) -> Void) {
    let isSquared = metric == .squaredDistance
    matrix.withUnsafeBufferPointer { values in
      var sifted = maquette_sifted(
        panels: panels.pointer, offsets: isSquared ? UnsafePointer(offsets.pointer) : nil,
        rows: isSquared ? values.baseAddress : nil,
        middle: isSquared ? UnsafePointer(middle.pointer) : nil, features: features)
      body(&sifted)
    }
  }

  /// Centers arranged for ``assign(_:to:clusters:distances:using:)`` to them.
  package func arranged(
    _ centers: Matrix, using variant: KernelVariant = .best
  ) throws(MaquetteError) -> ArrangedCenters {
    let made = try ArrangedCenters(centers)
    centers.withUnsafeBufferPointer { values in
      guard let values = values.baseAddress else { return }
      variant.table.pointee.arrange_centers(
        values, centers.rows, features, middle.pointer, made.arranged.pointer, made.offsets.pointer)
    }
    return made
  }
}

/// Centers of clusters as the kernels take them; see ``SiftedRows/arranged(_:using:)``.
package struct ArrangedCenters: Sendable {
  fileprivate let centers: Matrix
  fileprivate let arranged: FloatBuffer
  fileprivate let offsets: FloatBuffer

  fileprivate init(_ centers: Matrix) throws(MaquetteError) {
    self.centers = centers
    arranged = try FloatBuffer(zeros: centers.rows * centers.columns)
    offsets = try FloatBuffer(zeros: centers.rows + 1)
  }

  fileprivate func withCenters(_ body: (UnsafePointer<maquette_centers>) -> Void) {
    centers.withUnsafeBufferPointer { values in
      guard let values = values.baseAddress else { return }
      var view = maquette_centers(
        centers: values, arranged: arranged.pointer, offsets: offsets.pointer, count: centers.rows)
      body(&view)
    }
  }
}
