import Glibc
import MaquetteKernels
import MaquetteSystem

/// An embedding of rows, and what it takes to find the places of others in it.
final class FittedEmbedding: FittedModel {
  /// As they were learned: [rows, features].
  let rows: Matrix
  /// Where they are: [rows, nComponents].
  let embedding: Matrix
  let settings: UMAP.Settings
  /// The learning rate that the next epoch would have had; 0 after the last.
  let rate: Float
  private let distances: RowDistances
  private let curve: Embedding.Curve
  private let scratch: ScratchPool

  var features: Int { rows.columns }
  var outputs: Int { embedding.columns }
  var attributes: [String: Matrix] { ["embedding": embedding] }

  /// How often a new row is moved.
  private static let steps = 100
  /// As in a training: vertices that push for each that pulls.
  private static let negatives: Float = 5

  init(
    rows: Matrix, embedding: Matrix, settings: UMAP.Settings, rate: Float, distances: RowDistances
  ) {
    self.rows = rows
    self.embedding = embedding
    self.settings = settings
    self.rate = rate
    self.distances = distances
    curve = Embedding.Curve(minDist: settings.minDist, spread: settings.spread)
    scratch = ScratchPool(bytes: Self.scratchBytes(distances, settings))
  }

  /// The same, an epoch later.
  private init(_ other: FittedEmbedding, embedding: Matrix, rate: Float) {
    rows = other.rows
    self.embedding = embedding
    settings = other.settings
    self.rate = rate
    distances = other.distances
    curve = other.curve
    scratch = other.scratch
  }

  func moved(to embedding: Matrix, rate: Float) -> FittedEmbedding {
    FittedEmbedding(self, embedding: embedding, rate: rate)
  }

  private static func neighbours(_ rows: Int, _ settings: UMAP.Settings) -> Int {
    min(settings.nNeighbors, rows)
  }

  private static func scratchBytes(_ distances: RowDistances, _ settings: UMAP.Settings) -> Int {
    let k = neighbours(distances.rows, settings)
    let size = RowDistances.queriesPerBlock
    return distances.scratchBytes(k: k) + 64 + (2 * size * k + 2 * Dense.stride(of: k)) * 4
  }

  func predict(
    _ rows: UnsafePointer<Float>, count: Int, into places: UnsafeMutablePointer<Float>
  ) throws(MaquetteError) {
    let (features, outputs) = (features, outputs)
    // One row, on the caller's thread, without allocating.
    if count == 1 {
      scratch.withScratch { find(rows, count: 1, into: places, scratch: $0) }
      return
    }
    nonisolated(unsafe) let (rows, places) = (rows, places)
    try Workers.forEachBlock(of: RowDistances.queriesPerBlock, rows: count) {
      (block) throws(MaquetteError) in
      self.scratch.withScratch {
        self.find(
          rows + block.lowerBound * features, count: block.count, into: places + block.lowerBound * outputs,
          scratch: $0)
      }
    }
  }

  /// The places of a block of rows.
  private func find(
    _ queries: UnsafePointer<Float>, count: Int, into places: UnsafeMutablePointer<Float>,
    scratch: UnsafeMutableRawPointer
  ) {
    let k = Self.neighbours(rows.rows, settings)
    let padded = Dense.stride(of: k)
    let size = RowDistances.queriesPerBlock
    let weights = scratch.assumingMemoryBound(to: Float.self)
    let measured = weights + padded
    let ids = UnsafeMutableRawPointer(measured + size * k).assumingMemoryBound(to: Int32.self)
    let own = ids + size * k
    distances.nearest(
      queries, count: count, k: k, ids: ids, distances: measured,
      scratch: UnsafeMutableRawPointer(own + padded))
    for place in k..<max(k, padded) {
      own[place] = 0
      weights[place] = 0
    }
    for query in 0..<count {
      own.update(from: ids + query * k, count: k)
      find(
        queries + query * features, neighbours: own, distances: measured + query * k, k: k, weights: weights,
        into: places + query * outputs)
    }
  }

  private func find(
    _ query: UnsafePointer<Float>, neighbours: UnsafePointer<Int32>, distances: UnsafePointer<Float>, k: Int,
    weights: UnsafeMutablePointer<Float>, into place: UnsafeMutablePointer<Float>
  ) {
    rows.withUnsafeBufferPointer { learned in
      embedding.withUnsafeBufferPointer { embedded in
        guard let learned = learned.baseAddress, let embedded = embedded.baseAddress else { return }
        // A row that was learned is where it is.
        for index in 0..<k {
          let row = Int(neighbours[index])
          guard memcmp(learned + row * features, query, features * 4) == 0 else { continue }
          place.update(from: embedded + row * outputs, count: outputs)
          return
        }
        let membership = Membership(nNeighbors: settings.nNeighbors, mean: 0)
        membership.weights(distances, count: k, fromNearest: false, into: weights)
        var sum: Float = 0
        for index in 0..<k { sum += weights[index] }
        if sum > 0 {
          for index in 0..<k { weights[index] /= sum }
        } else {
          // So far away that none is nearer than another.
          for index in 0..<k { weights[index] = 1 / Float(k) }
        }
        place.update(repeating: 0, count: outputs)
        for index in 0..<k {
          let neighbour = embedded + Int(neighbours[index]) * outputs
          for dimension in 0..<outputs { place[dimension] += weights[index] * neighbour[dimension] }
        }
        Embedding.place(
          place, among: embedded, rows: rows.rows, dimensions: outputs, neighbours: neighbours,
          weights: weights, count: Dense.stride(of: k), steps: Self.steps,
          seed: UInt64(truncatingIfNeeded: settings.seed), curve: curve, negatives: Self.negatives)
      }
    }
  }
}
