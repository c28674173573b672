import Glibc
import MaquetteKernels

/// How surely neighbours at some distances are near: 1 for the nearest, falling exponentially from there, so fast that
/// the sum over all is log₂ of their number.
///
/// Source: McInnes, Healy & Melville, 2018, algorithm 3.
struct Membership: Sendable {
  let target: Float
  /// Of all distances.
  let mean: Float

  init(_ lists: NeighbourLists, nNeighbors: Int) {
    let count = lists.rows * lists.k
    var sum = 0.0
    for place in 0..<count { sum += Double(lists.distances.pointer[place]) }
    self.init(nNeighbors: nNeighbors, mean: count > 0 ? Float(sum / Double(count)) : 0)
  }

  init(nNeighbors: Int, mean: Float) {
    target = log2f(Float(max(nNeighbors, 2)))
    self.mean = mean
  }

  /// - Parameters:
  ///   - distances: increasing.
  ///   - fromNearest: the nearest at more than no distance is as near as can be.
  func weights(
    _ distances: UnsafePointer<Float>, count: Int, fromNearest: Bool = true,
    into weights: UnsafeMutablePointer<Float>
  ) {
    guard count > 0 else { return }
    let nearest = fromNearest ? (0..<count).lazy.map { distances[$0] }.first { $0 > 0 } ?? 0 : 0
    var (low, high, width): (Float, Float, Float) = (0, .infinity, 1)
    // Starts at the scale of the distances.
    var own: Float = 0
    for place in 0..<count { own += distances[place] / Float(count) }
    if own > 0 { width = own }
    for _ in 0..<64 {
      let sum = fall(distances, count, nearest, width, weights)
      if (sum - target).magnitude < 1e-5 { break }
      if sum > target {
        high = width
        width = (low + high) / 2
      } else {
        low = width
        width = high.isInfinite ? width * 2 : (low + high) / 2
      }
      guard width.isFinite, width > 0 else { break }
    }
    // A width that is next to nothing would leave a row with one neighbour only.
    let floor = 1e-3 * (nearest > 0 ? own : mean)
    _ = fall(distances, count, nearest, max(width, floor), weights)
  }

  private func fall(
    _ distances: UnsafePointer<Float>, _ count: Int, _ nearest: Float, _ width: Float,
    _ weights: UnsafeMutablePointer<Float>
  ) -> Float {
    for place in 0..<count {
      let beyond = distances[place] - nearest
      weights[place] = beyond > 0 && width > 0 ? max(-80, -beyond / width) : 0
    }
    Floats.exponential(weights, into: weights, count: count)
    var sum: Float = 0
    for place in 0..<count { sum += weights[place] }
    return sum
  }
}
