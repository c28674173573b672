import MaquetteKernels
import MaquetteSystem

/// Rows arranged for finding the nearest of them. Immutable.
final class NeighbourIndex: Sendable {
  enum Metric: Sendable {
    case cosine, euclidean, manhattan
  }

  /// Queries that are searched for together: each panel of rows is read once for all of them. Whole tiles of registers.
  static let queriesPerBlock = 48

  /// How the rows are searched.
  private enum Arrangement: Sendable {
    case sifted(SiftedRows)
    /// All distances are taken: there is no product to tell them by.
    case panels(FloatBuffer)
  }

  private let rows: Int
  private let features: Int
  private let metric: Metric
  private let arrangement: Arrangement

  /// - Parameter run: the training this is a part of, if any.
  /// - Throws: ``MaquetteError/Code/outOfMemory``, ``MaquetteError/Code/cancelled``.
  init(_ matrix: Matrix, metric: Metric, run: TrainingRun? = nil) throws(MaquetteError) {
    let (rows, features) = (matrix.rows, matrix.columns)
    (self.rows, self.features, self.metric) = (rows, features, metric)
    guard metric == .manhattan else {
      arrangement = .sifted(
        try SiftedRows(matrix, metric: metric == .cosine ? .cosine : .squaredDistance) {
          () throws(MaquetteError) in try run?.checkCancellation()
        })
      return
    }
    let panels = try FloatBuffer(zeros: NearestNeighbours.packedCount(rows: rows, features: features))
    try matrix.withUnsafeBufferPointer { (values) throws(MaquetteError) in
      guard let values = values.baseAddress else { return }
      for first in stride(from: 0, to: rows, by: 256) {
        try run?.checkCancellation()
        NearestNeighbours.pack(
          values + first * features, xStride: features, rows: min(256, rows - first), features: features,
          into: panels.pointer, first: first)
      }
    }
    arrangement = .panels(panels)
  }

  /// What a search found, in its scratch memory: `k` places for each query, the nearest first.
  struct Nearest {
    let scores: UnsafePointer<Float>
    let rows: UnsafePointer<Int32>
  }

  /// The scratch memory that ``search(_:count:k:scratch:)`` needs for a whole block of queries.
  func scratchBytes(k: Int) -> Int { Self.queriesPerBlock * (2 * features + 2 * k) * 4 }

  /// The `k` nearest rows to each of `count` queries, at most ``queriesPerBlock``, which lie densely one after the other;
  /// of equally near ones the earlier row.
  ///
  /// - Parameter k: at most as many as there are rows.
  func search(
    _ queries: UnsafePointer<Float>, count: Int, k: Int, scratch: UnsafeMutableRawPointer
  ) -> Nearest {
    let prepared = scratch.assumingMemoryBound(to: Float.self)
    let arranged = prepared + Self.queriesPerBlock * features
    let scores = arranged + Self.queriesPerBlock * features
    let found = UnsafeMutableRawPointer(scores + Self.queriesPerBlock * k).assumingMemoryBound(to: Int32.self)
    var source = queries
    if metric == .cosine {
      Normalisation.unitLength(
        queries, xStride: features, rows: count, columns: features, into: prepared, yStride: features)
      source = UnsafePointer(prepared)
    }
    switch arrangement {
    case .sifted(let sifted):
      sifted.search(source, queryCount: count, k: k, scratch: arranged, scores: scores, indices: found)
    case .panels(let panels):
      _ = NearestNeighbours.search(
        panels: panels.pointer, rows: 0..<rows, features: features, queries: source, queryStride: features,
        queryCount: count, metric: .manhattan, k: k, scores: scores, indices: found)
    }
    return Nearest(scores: scores, rows: found)
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
