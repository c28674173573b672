import MaquetteFormats
import MaquetteKernels
import MaquetteSystem

/// The centers of clusters, arranged for finding the nearest. Immutable.
final class FittedClusters: FittedModel {
  /// [clusters, features]
  let centers: Matrix
  /// How many rows each center is the mean of so far: the weight that it has against rows that come later.
  let counts: [Double]
  /// The cluster of each training row; empty where rows came in blocks, or the model was loaded.
  let clusters: [Int32]
  /// The sum of the squared distances of the training rows to their centers; nil of centers whose file didn't tell it.
  let inertia: Double?
  let iterations: Int

  private let panels: FloatBuffer
  var features: Int { centers.columns }
  var outputs: Int { centers.rows }

  init(
    centers: Matrix, counts: [Double], clusters: [Int32] = [], inertia: Double? = nil, iterations: Int = 0
  ) throws(MaquetteError) {
    self.centers = centers
    self.counts = counts
    self.clusters = clusters
    self.inertia = inertia
    self.iterations = iterations
    let panels = try FloatBuffer(
      zeros: NearestNeighbours.packedCount(rows: centers.rows, features: centers.columns))
    centers.withUnsafeBufferPointer {
      guard let base = $0.baseAddress else { return }
      NearestNeighbours.pack(
        base, xStride: centers.columns, rows: centers.rows, features: centers.columns, into: panels.pointer)
    }
    self.panels = panels
  }

  /// The membership in each cluster, which falls with the square of the distance to its center, and is 1 at a center;
  /// together 1. Bezdek, "Pattern recognition with fuzzy objective function algorithms", 1981, with m = 2.
  ///
  /// Unlike an exponential of the distance it tells near from far at any distance.
  func predict(
    _ rows: UnsafePointer<Float>, count: Int, into confidences: UnsafeMutablePointer<Float>
  ) throws(MaquetteError) {
    guard count > 1 else {
      if count == 1 { memberships(rows, into: confidences) }
      return
    }
    nonisolated(unsafe) let (rows, confidences) = (rows, confidences)
    try Workers.forEachBlock(of: 256, rows: count) { [self] (block) throws(MaquetteError) in
      for row in block { memberships(rows + row * features, into: confidences + row * outputs) }
    }
  }

  private func memberships(_ row: UnsafePointer<Float>, into confidences: UnsafeMutablePointer<Float>) {
    let (width, features) = (outputs, features)
    centers.withUnsafeBufferPointer { centers in
      var least = Double.infinity
      for cluster in 0..<width {
        var sum = 0.0
        for feature in 0..<features {
          let difference = Double(row[feature]) - Double(centers[cluster * features + feature])
          sum += difference * difference
        }
        least = min(least, sum)
      }
      // In two passes, so that nothing is allocated: a membership is a ratio to the least.
      var total = 0.0
      for cluster in 0..<width {
        var sum = 0.0
        for feature in 0..<features {
          let difference = Double(row[feature]) - Double(centers[cluster * features + feature])
          sum += difference * difference
        }
        let share = sum == 0 ? 1 : least / sum
        confidences[cluster] = Float(share)
        total += share
      }
      for cluster in 0..<width { confidences[cluster] = Float(Double(confidences[cluster]) / total) }
    }
  }

  /// The nearest center of each row, of equally near ones the first, and the squared distance to it.
  func assign(
    _ rows: Matrix, into clusters: UnsafeMutablePointer<Int32>, distances: UnsafeMutablePointer<Float>
  ) throws(MaquetteError) {
    nonisolated(unsafe) let (clusters, distances) = (clusters, distances)
    let features = features
    try Workers.forEachBlock(of: 512, rows: rows.rows) { [self] (block) throws(MaquetteError) in
      rows.withUnsafeBufferPointer { values in
        guard let base = values.baseAddress else { return }
        _ = NearestNeighbours.search(
          panels: panels.pointer, rows: 0..<outputs, features: features,
          queries: base + block.lowerBound * features, queryStride: features, queryCount: block.count,
          metric: .squaredDistance, k: 1, scores: distances + block.lowerBound,
          indices: clusters + block.lowerBound)
      }
      for row in block { distances[row] = -distances[row] }
    }
  }

  /// `{"cluster": 2, "confidences": {"0": 0.1, …}}`
  func json(_ prediction: UnsafeBufferPointer<Float>) -> JSON {
    let answer = ClusterAnswer(prediction)
    return [
      "cluster": JSON(answer.cluster),
      "confidences": .object(
        JSONObject(answer.confidences.enumerated().map { (String($0), JSON(Double($1))) })),
    ]
  }

  var attributes: [String: Matrix] {
    var attributes = ["centers": centers]
    attributes["clusters"] = try? Matrix(
      rows: clusters.count, columns: clusters.isEmpty ? 0 : 1, clusters.map { Float($0) })
    if let inertia { attributes["inertia"] = try? Matrix(rows: 1, columns: 1, [Float(inertia)]) }
    return attributes
  }
}

/// The answer of a clustering for one row.
public struct ClusterAnswer: Sendable, Equatable {
  /// The cluster with the greatest confidence, of equals the first.
  public let cluster: Int
  /// For each cluster; the farther its center, the less; together 1.
  public let confidences: [Float]

  init(_ confidences: some Collection<Float>) {
    self.confidences = Array(confidences)
    var best = 0
    for (cluster, confidence) in self.confidences.enumerated() where confidence > self.confidences[best] {
      best = cluster
    }
    cluster = best
  }
}
