import MaquetteKernels
import MaquetteSystem

/// The remembered rows of a nearest-neighbour classifier, arranged for searching.
final class FittedNeighbours: FittedClassifier {
  /// As they were learned: [rows, features].
  let rows: Matrix
  /// An index into `labels` for each row.
  let codes: [Int32]
  let labels: [String]
  let settings: KNNClassifier.Settings
  private let index: NeighbourIndex
  private let scratch: ScratchPool

  var outputs: Int { labels.count }
  var features: Int { rows.columns }

  init(
    features: Matrix, codes: [Int32], labels: [String], settings: KNNClassifier.Settings,
    run: TrainingRun? = nil
  ) throws(MaquetteError) {
    rows = features
    self.codes = codes
    self.labels = labels
    self.settings = settings
    index = try NeighbourIndex(features, metric: settings.metric.searchMetric, run: run)
    scratch = ScratchPool(bytes: index.scratchBytes(k: min(settings.k, features.rows)))
  }

  private init(_ other: FittedNeighbours, settings: KNNClassifier.Settings) throws(MaquetteError) {
    rows = other.rows
    codes = other.codes
    labels = other.labels
    self.settings = settings
    index =
      settings.metric == other.settings.metric
      ? other.index : try NeighbourIndex(other.rows, metric: settings.metric.searchMetric)
    scratch = ScratchPool(bytes: index.scratchBytes(k: min(settings.k, rows.rows)))
  }

  /// The same rows with other settings; they are arranged anew only for another metric.
  func with(_ settings: KNNClassifier.Settings) throws(MaquetteError) -> FittedNeighbours {
    settings == self.settings ? self : try FittedNeighbours(self, settings: settings)
  }

  func predict(
    _ rows: UnsafePointer<Float>, count: Int, into confidences: UnsafeMutablePointer<Float>
  ) throws(MaquetteError) {
    let k = min(settings.k, self.rows.rows)
    let width = labels.count
    // One row, on the caller's thread, without allocating.
    if count == 1 {
      scratch.withScratch { memory in
        let nearest = index.search(rows, count: 1, k: k, scratch: memory)
        vote(nearest, query: 0, k: k, into: confidences)
      }
      return
    }
    nonisolated(unsafe) let (rows, confidences) = (rows, confidences)
    try Workers.forEachBlock(of: NeighbourIndex.queriesPerBlock, rows: count) {
      (block) throws(MaquetteError) in
      self.scratch.withScratch { memory in
        let nearest = self.index.search(
          rows + block.lowerBound * self.features, count: block.count, k: k, scratch: memory)
        for query in 0..<block.count {
          self.vote(nearest, query: query, k: k, into: confidences + (block.lowerBound + query) * width)
        }
      }
    }
  }

  /// Writes each label's share of the votes of the `k` nearest rows.
  private func vote(
    _ nearest: NeighbourIndex.Nearest, query: Int, k: Int, into confidences: UnsafeMutablePointer<Float>
  ) {
    confidences.update(repeating: 0, count: labels.count)
    let found = nearest.rows + query * k
    let scores = nearest.scores + query * k
    guard settings.weights == .distance else {
      for place in 0..<k { confidences[Int(codes[Int(found[place])])] += 1 }
      for label in 0..<labels.count { confidences[label] /= Float(k) }
      return
    }
    // Rows at the very place of the query outweigh all others: they alone count then.
    let hasExact = index.distance(score: scores[0]) == 0
    var total: Float = 0
    for place in 0..<k {
      let distance = index.distance(score: scores[place])
      let weight: Float = hasExact ? (distance == 0 ? 1 : 0) : 1 / distance
      confidences[Int(codes[Int(found[place])])] += weight
      total += weight
    }
    // Distances so small or so large that their weights leave the range of a float: all count the same.
    guard total > 0, total.isFinite else {
      confidences.update(repeating: 0, count: labels.count)
      for place in 0..<k { confidences[Int(codes[Int(found[place])])] += 1 / Float(k) }
      return
    }
    for label in 0..<labels.count { confidences[label] /= total }
  }
}

extension KNNClassifier.Metric {
  var searchMetric: NeighbourIndex.Metric {
    switch self {
    case .cosine: .cosine
    case .euclidean: .euclidean
    }
  }
}
