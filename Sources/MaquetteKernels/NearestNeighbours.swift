internal import CMaquetteKernels

/// Exact search for the nearest of many rows.
///
/// The rows are kept in panels of 16, feature by feature: `panels[panel][feature][16 rows]`. A score is the same
/// bit for bit in whatever block it is computed; more is nearer.
package enum NearestNeighbours {
  package enum Metric: Sendable {
    /// The dot product: the cosine, if rows and queries have unit length.
    case dot
    /// The squared Euclidean distance with its sign turned, summed over (x − q)², so that near rows of large
    /// numbers lose no digits.
    case squaredDistance
    /// The sum of |x − q| with its sign turned.
    case manhattan

    fileprivate var code: Int32 {
      switch self {
      case .dot: Int32(MAQUETTE_DOT)
      case .squaredDistance: Int32(MAQUETTE_SQUARED_DISTANCE)
      case .manhattan: Int32(MAQUETTE_MANHATTAN)
      }
    }
  }

  /// The floats that `rows` rows take in panels.
  package static func packedCount(rows: Int, features: Int) -> Int { (rows + 15) / 16 * 16 * features }

  /// Copies rows into panels as the rows `first` and up; the others are left alone.
  package static func pack(
    _ x: UnsafePointer<Float>, xStride: Int, rows: Int, features: Int,
    into panels: UnsafeMutablePointer<Float>, first: Int = 0, using variant: KernelVariant = .best
  ) {
    variant.table.pointee.pack(x, xStride, rows, features, panels, first)
  }

  /// scores[query, 16 × panel + row], `scoreStride` floats from query to query.
  ///
  /// - Parameter offsets: one for each row of the panels, added to its dot products; nil: none.
  package static func score(
    panels: UnsafePointer<Float>, offsets: UnsafePointer<Float>? = nil, panelCount: Int, features: Int,
    queries: UnsafePointer<Float>,
    queryStride: Int, queryCount: Int, metric: Metric, into scores: UnsafeMutablePointer<Float>,
    scoreStride: Int, using variant: KernelVariant = .best
  ) {
    variant.table.pointee.score(
      panels, offsets, panelCount, features, queries, queryStride, queryCount, metric.code, scores,
      scoreStride)
  }

  /// The `k` best of `rows` for each query, best first, of equal ones the lower row first.
  ///
  /// - Parameters:
  ///   - panels: the panel of row 0.
  ///   - offsets: one for each row of the panels, added to its dot products; nil: none.
  ///   - rows: starts at a multiple of 16; rows beyond its end are never chosen.
  ///   - scores: [queryCount, k]
  ///   - found: how many of k are there already from searches before, the same for each query.
  /// - Returns: how many of k there are now; the rest of `scores` and `indices` is left alone.
  package static func search(
    panels: UnsafePointer<Float>, offsets: UnsafePointer<Float>? = nil, rows: Range<Int>, features: Int,
    queries: UnsafePointer<Float>,
    queryStride: Int, queryCount: Int, metric: Metric, k: Int, scores: UnsafeMutablePointer<Float>,
    indices: UnsafeMutablePointer<Int32>, found: Int = 0, using variant: KernelVariant = .best
  ) -> Int {
    precondition(rows.lowerBound % 16 == 0 && rows.upperBound <= Int(Int32.max))
    var nearest = maquette_nearest(scores: scores, rows: indices, k: k, found: found)
    variant.table.pointee.search(
      panels, offsets, rows.lowerBound, rows.upperBound, features, queries, queryStride, queryCount,
      metric.code,
      &nearest)
    return nearest.found
  }

  /// Puts one row among the `k` best of a query, of which there are `found`; returns how many there are then.
  package static func insert(
    score: Float, index: Int32, k: Int, found: Int, scores: UnsafeMutablePointer<Float>,
    indices: UnsafeMutablePointer<Int32>
  ) -> Int {
    maquette_nearest_insert(scores, indices, k, found, score, index)
  }
}
