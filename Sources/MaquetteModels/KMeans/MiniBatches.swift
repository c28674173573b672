import MaquetteKernels
import MaquetteSystem

/// Centers that move with every mini-batch of rows, each the mean of all rows it was ever given.
///
/// Sculley, "Web-scale k-means clustering", 2010.
struct MiniBatches {
  private(set) var centers: [Double]
  private(set) var counts: [Double]
  let k: Int
  let width: Int

  init(_ start: Matrix, counts: [Double]? = nil) {
    k = start.rows
    width = start.columns
    centers = start.withUnsafeBufferPointer { $0.map(Double.init) }
    self.counts = counts ?? [Double](repeating: 0, count: start.rows)
  }

  func matrix() throws(MaquetteError) -> Matrix {
    try Matrix(rows: k, columns: width, centers.map { Float($0) })
  }

  /// Moves each center towards the rows that are nearest to it, all found before any moves.
  ///
  /// - Returns: the sum of the squared distances of the rows to where the centers were.
  mutating func learn(_ rows: Matrix) throws(MaquetteError) -> Double {
    let fitted = try FittedClusters(centers: try matrix(), counts: counts)
    var clusters = [Int32](repeating: 0, count: rows.rows)
    var distances = [Float](repeating: 0, count: rows.rows)
    try clusters.withUnsafeMutableBufferPointer { (clusters) throws(MaquetteError) in
      try distances.withUnsafeMutableBufferPointer { (distances) throws(MaquetteError) in
        guard let clusters = clusters.baseAddress, let distances = distances.baseAddress else { return }
        try fitted.assign(rows, into: clusters, distances: distances)
      }
    }
    rows.withUnsafeBufferPointer { values in
      for row in 0..<rows.rows {
        let cluster = Int(clusters[row])
        counts[cluster] += 1
        let rate = 1 / counts[cluster]
        for feature in 0..<width {
          centers[cluster * width + feature] +=
            rate * (Double(values[row * width + feature]) - centers[cluster * width + feature])
        }
      }
    }
    return distances.reduce(0) { $0 + Double($1) }
  }
}
