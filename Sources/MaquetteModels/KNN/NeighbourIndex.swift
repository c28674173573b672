import MaquetteKernels
import MaquetteSystem

/// Rows arranged for finding the nearest of them. Immutable.
final class NeighbourIndex: Sendable {
  enum Metric: Sendable {
    case cosine, euclidean, manhattan
  }

  /// Queries that are searched for together: each panel of rows is read once for all of them.
  static let queriesPerBlock = 32

  private let rows: Int
  private let features: Int
  private let metric: Metric
  private let panels: FloatBuffer

  /// - Parameter run: the training this is a part of, if any.
  /// - Throws: ``MaquetteError/Code/outOfMemory``, ``MaquetteError/Code/cancelled``.
  init(_ matrix: Matrix, metric: Metric, run: TrainingRun? = nil) throws(MaquetteError) {
    rows = matrix.rows
    features = matrix.columns
    self.metric = metric
    panels = try FloatBuffer(zeros: NearestNeighbours.packedCount(rows: rows, features: features))
    // Row by row through a small buffer: the rows of a whole copy would be read again from memory.
    let row = try FloatBuffer(zeros: features)
    try matrix.withUnsafeBufferPointer { (values) throws(MaquetteError) in
      guard let values = values.baseAddress else { return }
      for index in 0..<rows {
        if index % 256 == 0 { try run?.checkCancellation() }
        var source = values + index * features
        if metric == .cosine {
          Normalisation.unitLength(
            source, xStride: features, rows: 1, columns: features, into: row.pointer, yStride: features)
          source = UnsafePointer(row.pointer)
        }
        NearestNeighbours.pack(
          source, xStride: features, rows: 1, features: features, into: panels.pointer, first: index)
      }
    }
  }

  /// What a search found, in its scratch memory: `k` places for each query, the nearest first.
  struct Nearest {
    let scores: UnsafePointer<Float>
    let rows: UnsafePointer<Int32>
  }

  /// The scratch memory that ``search(_:count:k:scratch:)`` needs for a whole block of queries.
  func scratchBytes(k: Int) -> Int { Self.queriesPerBlock * (features + 2 * k) * 4 }

  /// The `k` nearest rows to each of `count` queries, at most ``queriesPerBlock``, which lie densely one after the other;
  /// of equally near ones the earlier row.
  ///
  /// - Parameter k: at most as many as there are rows.
  func search(
    _ queries: UnsafePointer<Float>, count: Int, k: Int, scratch: UnsafeMutableRawPointer
  ) -> Nearest {
    let prepared = scratch.assumingMemoryBound(to: Float.self)
    let scores = prepared + Self.queriesPerBlock * features
    let found = UnsafeMutableRawPointer(scores + Self.queriesPerBlock * k).assumingMemoryBound(to: Int32.self)
    var source = queries
    if metric == .cosine {
      Normalisation.unitLength(
        queries, xStride: features, rows: count, columns: features, into: prepared, yStride: features)
      source = UnsafePointer(prepared)
    }
    _ = NearestNeighbours.search(
      panels: panels.pointer, rows: 0..<rows, features: features, queries: source, queryStride: features,
      queryCount: count, metric: kernel, k: k, scores: scores,
      indices: found)
    return Nearest(scores: scores, rows: found)
  }

  private var kernel: NearestNeighbours.Metric {
    switch metric {
    case .cosine: .dot
    case .euclidean: .squaredDistance
    case .manhattan: .manhattan
    }
  }

  /// The distance that belongs to a score: of cosine 0 to 2.
  func distance(score: Float) -> Float {
    switch metric {
    case .cosine: max(0, 1 - score)
    case .euclidean: max(0, -score).squareRoot()
    case .manhattan: max(0, -score)
    }
  }
}
