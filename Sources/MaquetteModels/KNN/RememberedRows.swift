import MaquetteKernels
import MaquetteStores
import MaquetteSystem

/// The rows that a nearest-neighbour model has learned, arranged for searching. Immutable.
final class RememberedRows: Sendable {
  /// As they were learned: [rows, features].
  let rows: Matrix
  /// The number of each row, ascending.
  let ids: [Int]
  let settings: NeighbourSettings
  let index: NeighbourIndex
  private let scratch: ScratchPool

  var features: Int { rows.columns }
  /// How many rows are asked.
  let k: Int

  init(
    _ rows: Matrix, ids: [Int], settings: NeighbourSettings, run: TrainingRun? = nil,
    reusing other: RememberedRows? = nil
  ) throws(MaquetteError) {
    self.rows = rows
    self.ids = ids
    self.settings = settings
    k = min(settings.k, rows.rows)
    if let other, other.settings.metric == settings.metric {
      index = other.index
    } else {
      index = try NeighbourIndex(rows, metric: settings.metric.searchMetric, run: run)
    }
    scratch = ScratchPool(bytes: index.scratchBytes(k: k))
  }

  /// The same rows with other settings; they are arranged anew only for another metric.
  func with(_ settings: NeighbourSettings) throws(MaquetteError) -> RememberedRows {
    settings == self.settings
      ? self : try RememberedRows(rows, ids: ids, settings: settings, reusing: self)
  }

  /// The rows with others behind them.
  func adding(
    _ more: Matrix, settings: NeighbourSettings, run: TrainingRun?
  ) throws(MaquetteError) -> RememberedRows {
    guard more.columns == features else {
      throw MaquetteError(
        .badShape, "the rows have \(more.columns) features, those remembered have \(features)")
    }
    let next = (ids.last ?? -1) + 1
    return try RememberedRows(
      try Matrix(joining: [rows, more]), ids: ids + (next..<next + more.rows), settings: settings, run: run)
  }

  /// The places of the rows that stay when those of these ids go.
  ///
  /// - Throws: ``MaquetteError/Code/notFound``, ``MaquetteError/Code/noRows``.
  func places(without gone: [Int]) throws(MaquetteError) -> [Int32] {
    let set = Set(gone)
    let known = Set(ids)
    if let unknown = gone.first(where: { !known.contains($0) }) {
      throw MaquetteError(.notFound, "no row of the id \(unknown) is remembered", name: String(unknown))
    }
    let left = ids.indices.filter { !set.contains(ids[$0]) }.map { Int32($0) }
    guard !left.isEmpty else {
      throw MaquetteError(.noRows, "all rows would be forgotten; reset the model for that")
    }
    return left
  }

  /// Searches for the nearest rows of one query, on the caller's thread and without allocating.
  func search(
    _ query: UnsafePointer<Float>, _ answer: (UnsafePointer<Int32>, UnsafePointer<Float>) -> Void
  ) {
    scratch.withScratch { memory in
      let nearest = index.search(query, count: 1, k: k, scratch: memory)
      answer(nearest.rows, nearest.scores)
    }
  }

  /// Searches for the nearest rows of each query, and hands them to `answer` with the number of the query.
  func search(
    _ queries: UnsafePointer<Float>, count: Int, k: Int,
    _ answer: @escaping @Sendable (Int, UnsafePointer<Int32>, UnsafePointer<Float>) -> Void
  ) throws(MaquetteError) {
    nonisolated(unsafe) let queries = queries
    let scratch = k == self.k ? scratch : ScratchPool(bytes: index.scratchBytes(k: k))
    try Workers.forEachBlock(of: NeighbourIndex.queriesPerBlock, rows: count) {
      (block) throws(MaquetteError) in
      scratch.withScratch { memory in
        let nearest = self.index.search(
          queries + block.lowerBound * self.features, count: block.count, k: k, scratch: memory)
        for query in 0..<block.count {
          answer(block.lowerBound + query, nearest.rows + query * k, nearest.scores + query * k)
        }
      }
    }
  }

  /// Calls `add` with the places of the nearest rows and how much each counts; together 1.
  ///
  /// - Returns: false, and nothing was added, where even the nearest row is too far.
  func weigh(
    _ places: UnsafePointer<Int32>, _ scores: UnsafePointer<Float>, _ add: (Int, Float) -> Void
  ) -> Bool {
    if settings.rejectDistance > 0, Double(index.distance(score: scores[0])) > settings.rejectDistance {
      return false
    }
    let alike = 1 / Float(k)
    guard settings.weights == .distance else {
      for place in 0..<k { add(Int(places[place]), alike) }
      return true
    }
    // Rows at the very place of the query outweigh all others: they alone count then.
    let hasExact = index.distance(score: scores[0]) == 0
    func weight(_ place: Int) -> Float {
      let distance = index.distance(score: scores[place])
      return hasExact ? (distance == 0 ? 1 : 0) : 1 / distance
    }
    var total: Float = 0
    for place in 0..<k { total += weight(place) }
    // Distances so small or so large that their weights leave the range of a float: all count the same.
    guard total > 0, total.isFinite else {
      for place in 0..<k { add(Int(places[place]), alike) }
      return true
    }
    for place in 0..<k { add(Int(places[place]), weight(place) / total) }
    return true
  }

  func neighbours(of queries: Matrix, count: Int?) throws(MaquetteError) -> [[Neighbour]] {
    guard queries.columns == features else {
      throw MaquetteError(
        .badShape, "the row has \(queries.columns) features, the model was trained with \(features)")
    }
    try queries.requireFinite()
    let count = count ?? k
    guard count > 0, count <= rows.rows else {
      throw MaquetteError(
        .invalidArgument, "\(count) neighbours can't be had: there are \(rows.rows) rows", name: "count")
    }
    let found = Monitor([[Neighbour]](repeating: [], count: queries.rows))
    try queries.withUnsafeBufferPointer { (values) throws(MaquetteError) in
      guard let base = values.baseAddress, queries.rows > 0 else { return }
      try search(base, count: queries.rows, k: count) { [self] query, places, scores in
        let neighbours = (0..<count).map {
          Neighbour(id: ids[Int(places[$0])], distance: index.distance(score: scores[$0]))
        }
        found.withLock { $0[query] = neighbours }
      }
    }
    return found.withLock { $0 }
  }
}
