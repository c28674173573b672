import MaquetteKernels
import MaquetteSystem

/// Rows arranged for finding the nearest of them by any of UMAP's metrics. Immutable.
final class RowDistances: Sendable {
  let rows: Int
  let features: Int
  let metric: UMAP.Metric
  /// The floats of a padded row.
  let stride: Int
  /// [rows, stride], of unit length for the cosine distance.
  private let padded: FloatBuffer
  private let index: NeighbourIndex?

  /// - Throws: ``MaquetteError/Code/outOfMemory``, ``MaquetteError/Code/cancelled``.
  init(_ matrix: Matrix, metric: UMAP.Metric, run: TrainingRun? = nil) throws(MaquetteError) {
    rows = matrix.rows
    features = matrix.columns
    self.metric = metric
    stride = Dense.stride(of: matrix.columns)
    padded = try FloatBuffer(zeros: rows * stride)
    let (rows, features, stride, padded) = (rows, features, stride, padded)
    try matrix.withUnsafeBufferPointer { (values) throws(MaquetteError) in
      guard let values = values.baseAddress else { return }
      for row in 0..<rows {
        if row % 4096 == 0 { try run?.checkCancellation() }
        Self.prepare(values + row * features, features, metric, into: padded.pointer + row * stride, stride)
      }
    }
    // There is no faster kernel for sums of absolute differences.
    index =
      switch metric {
      case .euclidean: try NeighbourIndex(matrix, metric: .euclidean, run: run)
      case .cosine: try NeighbourIndex(matrix, metric: .cosine, run: run)
      case .manhattan: nil
      }
  }

  private static func prepare(
    _ row: UnsafePointer<Float>, _ features: Int, _ metric: UMAP.Metric, into to: UnsafeMutablePointer<Float>,
    _ stride: Int
  ) {
    if metric == .cosine {
      Normalisation.unitLength(row, xStride: features, rows: 1, columns: features, into: to, yStride: stride)
    } else {
      to.update(from: row, count: features)
    }
  }

  /// The rows that ``nearest(_:count:k:ids:distances:scratch:)`` takes at once.
  static let queriesPerBlock = NeighbourIndex.queriesPerBlock

  func scratchBytes(k: Int) -> Int {
    index?.scratchBytes(k: k) ?? (stride + rows + 16 + 2 * k) * 4
  }

  /// The `k` nearest rows to each of some queries, the nearest first, of equally near ones the earlier.
  ///
  /// - Parameters:
  ///   - k: at most as many as there are rows.
  ///   - ids, distances: [count, k]
  func nearest(
    _ queries: UnsafePointer<Float>, count: Int, k: Int, ids: UnsafeMutablePointer<Int32>,
    distances: UnsafeMutablePointer<Float>, scratch: UnsafeMutableRawPointer
  ) {
    guard let index else {
      nearestByScan(queries, count: count, k: k, ids: ids, distances: distances, scratch: scratch)
      return
    }
    let found = index.search(queries, count: count, k: k, scratch: scratch)
    ids.update(from: found.rows, count: count * k)
    for place in 0..<count * k {
      let distance = index.distance(score: found.scores[place])
      // Between equal directions there is nothing but the rounding of a product of unit vectors.
      distances[place] = metric == .cosine && distance < 5e-7 ? 0 : distance
    }
  }

  private func nearestByScan(
    _ queries: UnsafePointer<Float>, count: Int, k: Int, ids: UnsafeMutablePointer<Int32>,
    distances: UnsafeMutablePointer<Float>, scratch: UnsafeMutableRawPointer
  ) {
    let prepared = scratch.assumingMemoryBound(to: Float.self)
    let all = prepared + stride
    for place in features..<max(features, stride) { prepared[place] = 0 }
    for query in 0..<count {
      Self.prepare(queries + query * features, features, metric, into: prepared, stride)
      Embedding.distances(
        of: prepared, to: padded.pointer, stride: stride, ids: nil, count: rows, by: .absolute, into: all)
      var found = 0
      let (ids, distances) = (ids + query * k, distances + query * k)
      // Scores: more is nearer.
      for row in 0..<rows where found < k || -all[row] > distances[k - 1] {
        found = NearestNeighbours.insert(
          score: -all[row], index: Int32(truncatingIfNeeded: row), k: k, found: found, scores: distances,
          indices: ids)
      }
      for place in 0..<k { distances[place] = -distances[place] }
    }
  }

  /// What distances are compared by without taking roots: increasing with the distance.
  ///
  /// - Parameter ids: `count` rows.
  func measures(
    of row: Int, to ids: UnsafePointer<Int32>, count: Int, into measures: UnsafeMutablePointer<Float>
  ) {
    Embedding.distances(
      of: padded.pointer + row * stride, to: padded.pointer, stride: stride, ids: ids, count: count,
      by: metric == .manhattan ? .absolute : .squared, into: measures)
  }

  /// The distance that belongs to a measure.
  func distance(measure: Float) -> Float {
    switch metric {
    case .euclidean: max(0, measure).squareRoot()
    // Of unit vectors: |x - y|² = 2 (1 - x·y).
    case .cosine: max(0, measure / 2)
    case .manhattan: measure
    }
  }

  /// One prepared row, ``stride`` floats.
  func row(_ row: Int) -> UnsafePointer<Float> { UnsafePointer(padded.pointer + row * stride) }
}
