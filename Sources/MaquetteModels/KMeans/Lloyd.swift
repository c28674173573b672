import Glibc
import MaquetteKernels
import MaquetteSystem

/// The iterations of k-means over rows that are all in memory.
///
/// Lloyd, "Least squares quantization in PCM", 1982. Sums are taken block by block and added in their order, so that the
/// number of threads changes no bit.
struct Lloyd {
  let rows: Matrix
  let settings: KMeansSettings
  let run: TrainingRun

  /// The mean variance of a feature, which the tolerance is relative to.
  let variance: Double
  private let arranged: SiftedRows

  /// - Throws: ``MaquetteError/Code/outOfMemory``, ``MaquetteError/Code/cancelled``.
  init(_ rows: Matrix, settings: KMeansSettings, run: TrainingRun) throws(MaquetteError) {
    self.rows = rows
    self.settings = settings
    self.run = run
    arranged = try SiftedRows(rows, metric: .squaredDistance) { () throws(MaquetteError) in
      try run.checkCancellation()
    }
    var moments = ColumnMoments(columns: rows.columns)
    moments.add(rows)
    variance = moments.deviations.reduce(0) { $0 + $1 * $1 } / Double(max(1, rows.columns))
  }

  /// Iterates from these centers until they hardly move.
  func clusters(from start: Matrix) throws(MaquetteError) -> FittedClusters {
    let (n, k) = (rows.rows, start.rows)
    let assigned = UnsafeMutableBufferPointer<Int32>.allocate(capacity: n)
    let distances = UnsafeMutableBufferPointer<Float>.allocate(capacity: n)
    defer {
      assigned.deallocate()
      distances.deallocate()
    }
    assigned.initialize(repeating: 0)
    distances.initialize(repeating: 0)
    guard let clusters = assigned.baseAddress, let nearest = distances.baseAddress else {
      throw MaquetteError(.noRows, "there is nothing to learn from: no rows")
    }
    var (centers, counts) = (start, [Double](repeating: 0, count: k))
    var iteration = 0
    while iteration < settings.maxIterations {
      iteration += 1
      let before = centers
      (centers, counts) = try means(to: before, clusters, nearest)
      var moved = 0.0
      for cluster in 0..<k {
        for feature in 0..<rows.columns {
          let difference = Double(centers[cluster, feature]) - Double(before[cluster, feature])
          moved += difference * difference
        }
      }
      if moved <= settings.tolerance * variance { break }
    }
    try assign(to: centers, clusters, nearest)
    var inertia = 0.0
    for row in 0..<n { inertia += Double(nearest[row]) }
    return try FittedClusters(
      centers: centers, counts: counts, clusters: Array(assigned), inertia: inertia, iterations: iteration)
  }

  /// Rows that are worked on at once.
  private var blockSize: Int { (max(2048, (rows.rows + 63) / 64) + 15) / 16 * 16 }

  /// Finds each row's nearest center, of equally near ones the first, and the squared distance to it.
  private func assign(
    to centers: Matrix, _ clusters: UnsafeMutablePointer<Int32>, _ distances: UnsafeMutablePointer<Float>
  ) throws(MaquetteError) {
    nonisolated(unsafe) let (clusters, distances) = (clusters, distances)
    let (arranged, run) = (arranged, run)
    let targets = try arranged.arranged(centers)
    try Workers.forEachBlock(of: blockSize, rows: rows.rows) { (block) throws(MaquetteError) in
      try run.checkCancellation()
      arranged.assign(block, to: targets, clusters: clusters, distances: distances)
    }
  }

  /// The mean of the rows that are nearest to each center. A cluster without rows takes the row that is farthest from
  /// its center.
  private func means(
    to before: Matrix, _ clusters: UnsafeMutablePointer<Int32>, _ distances: UnsafeMutablePointer<Float>
  ) throws(MaquetteError) -> (Matrix, [Double]) {
    let (width, k) = (rows.columns, before.rows)
    let size = blockSize
    let blocks = (rows.rows + size - 1) / size
    let sums = UnsafeMutableBufferPointer<Double>.allocate(capacity: blocks * k * (width + 1))
    defer { sums.deallocate() }
    sums.initialize(repeating: 0)
    nonisolated(unsafe) let (parts, assigned) = (sums, clusters)
    let (arranged, run) = (arranged, run)
    let targets = try arranged.arranged(before)
    try Workers.forEachBlock(of: size, rows: rows.rows) { (block) throws(MaquetteError) in
      guard let part = parts.baseAddress.map({ $0 + block.lowerBound / size * k * (width + 1) }) else {
        return
      }
      try run.checkCancellation()
      arranged.assign(block, to: targets, clusters: assigned, distances: nil)
      arranged.add(block, of: assigned, to: part)
    }
    for block in 1..<max(1, blocks) {
      for place in 0..<k * (width + 1) { sums[place] += sums[block * k * (width + 1) + place] }
    }
    let empty = (0..<k).filter { sums[$0 * (width + 1) + width] == 0 }
    if !empty.isEmpty { try assign(to: before, clusters, distances) }
    for cluster in empty {
      var farthest = 0
      for row in 0..<rows.rows where distances[row] > distances[farthest] { farthest = row }
      let old = Int(clusters[farthest]) * (width + 1)
      // Taken from where it was, unless that would be left without any.
      guard sums[old + width] > 1 else { continue }
      distances[farthest] = 0
      clusters[farthest] = Int32(cluster)
      for feature in 0..<width {
        let value = Double(rows[farthest, feature])
        sums[old + feature] -= value
        sums[cluster * (width + 1) + feature] += value
      }
      sums[old + width] -= 1
      sums[cluster * (width + 1) + width] += 1
    }
    let counts = (0..<k).map { sums[$0 * (width + 1) + width] }
    let centers = try Matrix(rows: k, columns: width) { (buffer) throws(MaquetteError) in
      for cluster in 0..<k {
        let count = max(1, counts[cluster])
        for feature in 0..<width {
          buffer[cluster * width + feature] = Float(sums[cluster * (width + 1) + feature] / count)
        }
      }
    }
    return (centers, counts)
  }
}

/// Where clusters begin.
enum KMeansStart {
  /// Arthur & Vassilvitskii's seeding, each time trying a few rows and taking the best, as scikit-learn does.
  static func plusPlus(
    _ rows: Matrix, k: Int, random: inout Random, run: TrainingRun
  ) throws(MaquetteError) -> Matrix {
    let n = rows.rows
    let trials = 2 + Int(log2(Double(max(1, k))))
    var chosen = [Int32(random.integer(below: n))]
    var nearest = try squaredDistances(rows, to: Int(chosen[0]))
    while chosen.count < k {
      try run.checkCancellation()
      let total = nearest.reduce(0.0) { $0 + Double($1) }
      var best: (row: Int, distances: [Float], potential: Double)?
      for _ in 0..<trials {
        let row: Int
        if total > 0, total.isFinite {
          var left = random.uniformDouble() * total
          row =
            nearest.firstIndex {
              left -= Double($0); return left < 0
            } ?? n - 1
        } else {
          // All rows are at the chosen places already.
          row = random.integer(below: n)
        }
        let distances = zip(try squaredDistances(rows, to: row), nearest).map { min($0, $1) }
        let potential = distances.reduce(0.0) { $0 + Double($1) }
        if potential < best?.potential ?? .infinity { best = (row, distances, potential) }
        if total == 0 { break }
      }
      guard let best else { throw KMeansClustering.tooFar }
      chosen.append(Int32(best.row))
      nearest = best.distances
    }
    return try rows.gathering(chosen)
  }

  private static func squaredDistances(_ rows: Matrix, to row: Int) throws(MaquetteError) -> [Float] {
    let center = try FittedClusters(centers: try rows.gathering([Int32(row)]), counts: [0])
    var clusters = [Int32](repeating: 0, count: rows.rows)
    var distances = [Float](repeating: 0, count: rows.rows)
    try clusters.withUnsafeMutableBufferPointer { (clusters) throws(MaquetteError) in
      try distances.withUnsafeMutableBufferPointer { (distances) throws(MaquetteError) in
        guard let clusters = clusters.baseAddress, let distances = distances.baseAddress else { return }
        try center.assign(rows, into: clusters, distances: distances)
      }
    }
    return distances
  }
}
