import Glibc
import MaquetteKernels
import MaquetteSystem

/// Which rows are near each other, and how surely: a symmetric weighted graph, its edges ordered by neighbour.
///
/// Source: McInnes, Healy & Melville, 2018, section 3.1.
final class FuzzyGraph: Sendable {
  let vertices: Int
  /// The edges of vertex v are at starts[v] ..< starts[v + 1].
  let starts: Buffer<Int64>
  let neighbours: Buffer<Int32>
  /// More than 0, at most 1; 16 zeros follow.
  let weights: FloatBuffer

  var edges: Int { Int(starts.pointer[vertices]) }

  init(vertices: Int, edges: Int) throws(MaquetteError) {
    self.vertices = vertices
    starts = try Buffer(zeros: vertices + 1)
    neighbours = try Buffer(zeros: edges + 16)
    weights = try FloatBuffer(zeros: edges + 16)
  }

  func edges(of vertex: Int) -> Range<Int> {
    Int(starts.pointer[vertex])..<Int(starts.pointer[vertex + 1])
  }

  var mostNeighbours: Int { (0..<vertices).map { edges(of: $0).count }.max() ?? 0 }

  /// In the form that kernels take; valid as long as this object.
  func view() -> Embedding.Graph {
    Embedding.Graph(
      starts: starts.pointer, neighbours: neighbours.pointer, rates: weights.pointer,
      mostNeighbours: mostNeighbours)
  }

  // MARK: Making

  /// The graph of the neighbours, near ones surely, further ones less; the union of what both ends of an edge hold.
  ///
  /// - Throws: ``MaquetteError/Code/outOfMemory``, ``MaquetteError/Code/cancelled``.
  static func of(
    _ lists: NeighbourLists, nNeighbors: Int, run: TrainingRun
  ) throws(MaquetteError) -> FuzzyGraph {
    let k = lists.k
    let directed = try FloatBuffer(zeros: max(1, lists.rows * k))
    let membership = Membership(lists, nNeighbors: nNeighbors)
    try Workers.forEachBlock(of: 256, rows: lists.rows) { (block) throws(MaquetteError) in
      try run.checkCancellation()
      for row in block {
        membership.weights(lists.distances.pointer + row * k, count: k, into: directed.pointer + row * k)
      }
    }
    return try union(rows: lists.rows, k: k, ids: lists.ids, weights: directed)
  }

  /// w + wᵀ − w ∘ wᵀ of the directed edges that each row has.
  private static func union(
    rows: Int, k: Int, ids: Buffer<Int32>, weights: FloatBuffer
  ) throws(MaquetteError) -> FuzzyGraph {
    let directed = try FuzzyGraph(vertices: rows, edges: rows * k)
    for row in 0...rows { directed.starts.pointer[row] = Int64(row * k) }
    directed.neighbours.pointer.update(from: ids.pointer, count: rows * k)
    directed.weights.pointer.update(from: weights.pointer, count: rows * k)
    return try directed.united()
  }

  /// The edges turned around, ordered by neighbour.
  private func turned() throws(MaquetteError) -> FuzzyGraph {
    let turned = try FuzzyGraph(vertices: vertices, edges: edges)
    let next = try Buffer<Int64>(zeros: vertices + 1)
    for edge in 0..<edges { next.pointer[Int(neighbours.pointer[edge]) + 1] += 1 }
    for vertex in 0..<vertices { next.pointer[vertex + 1] += next.pointer[vertex] }
    turned.starts.pointer.update(from: next.pointer, count: vertices + 1)
    for vertex in 0..<vertices {
      for edge in edges(of: vertex) {
        let from = Int(neighbours.pointer[edge])
        let place = Int(next.pointer[from])
        next.pointer[from] += 1
        turned.neighbours.pointer[place] = Int32(truncatingIfNeeded: vertex)
        turned.weights.pointer[place] = weights.pointer[edge]
      }
    }
    return turned
  }

  private func united() throws(MaquetteError) -> FuzzyGraph {
    // Turned around twice, the edges are ordered.
    let other = try turned()
    let own = try other.turned()
    let result = try FuzzyGraph(vertices: vertices, edges: 2 * edges)
    var place = 0
    for vertex in 0..<vertices {
      var (left, right) = (own.edges(of: vertex), other.edges(of: vertex))
      while !left.isEmpty || !right.isEmpty {
        let first = left.isEmpty ? Int32.max : own.neighbours.pointer[left.lowerBound]
        let second = right.isEmpty ? Int32.max : other.neighbours.pointer[right.lowerBound]
        var (a, b): (Float, Float) = (0, 0)
        if first <= second {
          a = own.weights.pointer[left.lowerBound]
          left = left.lowerBound + 1..<left.upperBound
        }
        if second <= first {
          b = other.weights.pointer[right.lowerBound]
          right = right.lowerBound + 1..<right.upperBound
        }
        let weight = a + b - a * b
        guard weight > 0 else { continue }
        result.neighbours.pointer[place] = min(first, second)
        result.weights.pointer[place] = weight
        place += 1
      }
      result.starts.pointer[vertex + 1] = Int64(place)
    }
    return result
  }

  /// Only edges that have a turn in so many epochs.
  func pruned(epochs: Int) throws(MaquetteError) -> FuzzyGraph {
    let least = greatestWeight / Float(epochs)
    let result = try FuzzyGraph(vertices: vertices, edges: edges)
    var place = 0
    for vertex in 0..<vertices {
      for edge in edges(of: vertex) where weights.pointer[edge] >= least {
        result.neighbours.pointer[place] = neighbours.pointer[edge]
        result.weights.pointer[place] = weights.pointer[edge]
        place += 1
      }
      result.starts.pointer[vertex + 1] = Int64(place)
    }
    return result
  }

  var greatestWeight: Float { (0..<edges).map { weights.pointer[$0] }.max() ?? 0 }

  // MARK: Labels

  /// Weakens the edges between rows of different labels, and somewhat those of rows without; then every vertex is surely
  /// near its nearest neighbour again.
  ///
  /// Source: McInnes, Healy & Melville, 2018, section 6 (categorical intersection, target weight ½).
  func separating(_ codes: [Int32]) throws(MaquetteError) -> FuzzyGraph {
    let (unknown, different) = (Float(exp(-1.0)), Float(exp(-5.0)))
    for vertex in 0..<vertices {
      var greatest: Float = 0
      for edge in edges(of: vertex) {
        let (own, other) = (codes[vertex], codes[Int(neighbours.pointer[edge])])
        if own < 0 || other < 0 {
          weights.pointer[edge] *= unknown
        } else if own != other {
          weights.pointer[edge] *= different
        }
        greatest = max(greatest, weights.pointer[edge])
      }
      guard greatest > 0 else { continue }
      for edge in edges(of: vertex) { weights.pointer[edge] /= greatest }
    }
    return try united()
  }

  // MARK: Parts

  /// The number of the connected part of each vertex, from 0 in the order of their first vertices.
  func components() throws(MaquetteError) -> (numbers: Buffer<Int32>, count: Int) {
    let numbers = try Buffer<Int32>(zeros: vertices)
    let stack = try Buffer<Int32>(zeros: vertices)
    for vertex in 0..<vertices { numbers.pointer[vertex] = -1 }
    var count = 0
    for first in 0..<vertices where numbers.pointer[first] < 0 {
      numbers.pointer[first] = Int32(truncatingIfNeeded: count)
      stack.pointer[0] = Int32(truncatingIfNeeded: first)
      var height = 1
      while height > 0 {
        height -= 1
        for edge in edges(of: Int(stack.pointer[height])) {
          let neighbour = Int(neighbours.pointer[edge])
          guard numbers.pointer[neighbour] < 0 else { continue }
          numbers.pointer[neighbour] = Int32(truncatingIfNeeded: count)
          stack.pointer[height] = Int32(truncatingIfNeeded: neighbour)
          height += 1
        }
      }
      count += 1
    }
    return (numbers, count)
  }
}
