import MaquetteKernels
import MaquetteSystem

/// Rows cut in halves again and again, by the plane between two rows drawn at random, until few are left together.
///
/// Source: Dasgupta & Freund, "Random projection trees and low dimensional manifolds", 2008.
struct ProjectionTree: Sendable {
  /// The rows, leaf by leaf.
  let order: Buffer<Int32>
  /// Places in `order`.
  let leaves: [Range<Int>]
  var greatestLeaf: Int { leaves.map(\.count).max() ?? 0 }

  /// - Parameter leaf: the most rows of a leaf; each has at least half as many.
  init(_ distances: RowDistances, seed: UInt64, leaf: Int) throws(MaquetteError) {
    let rows = distances.rows
    let order = try Buffer<Int32>(zeros: rows)
    let sides = try FloatBuffer(zeros: rows)
    for row in 0..<rows { order.pointer[row] = Int32(truncatingIfNeeded: row) }
    var random = Random(seed: seed)
    var leaves: [Range<Int>] = []
    var waiting = [0..<rows]
    let normal = try FloatBuffer(zeros: distances.stride)
    while let range = waiting.popLast() {
      guard range.count > leaf else {
        leaves.append(range)
        continue
      }
      let first = distances.row(Int(order.pointer[range.lowerBound + random.integer(below: range.count)]))
      let second = distances.row(Int(order.pointer[range.lowerBound + random.integer(below: range.count)]))
      for column in 0..<distances.stride { normal.pointer[column] = first[column] - second[column] }
      let middle = Self.split(
        UnsafeMutableBufferPointer(start: order.pointer + range.lowerBound, count: range.count),
        sides: sides.pointer, by: normal.pointer, distances)
      // At the median, so that there are never more levels than halvings.
      waiting.append(range.lowerBound + middle..<range.upperBound)
      waiting.append(range.lowerBound..<range.lowerBound + middle)
    }
    self.order = order
    self.leaves = leaves
  }

  /// Brings those that lie further in the direction of `normal` to the end; returns where they begin, the middle.
  private static func split(
    _ ids: UnsafeMutableBufferPointer<Int32>, sides: UnsafeMutablePointer<Float>,
    by normal: UnsafePointer<Float>, _ distances: RowDistances
  ) -> Int {
    for (place, id) in ids.enumerated() {
      let row = distances.row(Int(id))
      var sum = SIMD16<Float>(repeating: 0)
      for column in stride(from: 0, to: distances.stride, by: 16) {
        sum +=
          UnsafeRawPointer(row + column).loadUnaligned(as: SIMD16<Float>.self)
          * UnsafeRawPointer(normal + column).loadUnaligned(as: SIMD16<Float>.self)
      }
      sides[place] = sum.sum()
    }
    let middle = ids.count / 2
    // Hoare's selection, 1961: the lower half first.
    var (low, high) = (0, ids.count - 1)
    while low < high {
      let pivot = sides[low + (high - low) / 2]
      var (left, right) = (low, high)
      while left <= right {
        while sides[left] < pivot { left += 1 }
        while sides[right] > pivot { right -= 1 }
        if left <= right {
          ids.swapAt(left, right)
          (sides[left], sides[right]) = (sides[right], sides[left])
          left += 1
          right -= 1
        }
      }
      if middle <= right {
        high = right
      } else if middle >= left {
        low = left
      } else {
        break
      }
    }
    return middle
  }
}
