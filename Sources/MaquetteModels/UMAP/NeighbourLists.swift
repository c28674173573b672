import MaquetteKernels
import MaquetteSystem

/// The nearest other rows of every row, the nearest first.
struct NeighbourLists: Sendable {
  let rows: Int
  /// How many neighbours each row has.
  let k: Int
  /// [rows, k]
  let ids: Buffer<Int32>
  /// [rows, k]
  let distances: FloatBuffer

  init(rows: Int, k: Int) throws(MaquetteError) {
    self.rows = rows
    self.k = k
    ids = try Buffer(zeros: rows * k)
    distances = try FloatBuffer(zeros: rows * k)
  }

  /// From so many rows on an approximate graph is made faster than the exact one: measured with 50 and 784 features.
  static let exactLimit = 60_000

  /// - Parameter k: fewer than there are rows.
  /// - Throws: ``MaquetteError/Code/outOfMemory``, ``MaquetteError/Code/cancelled``.
  static func nearest(
    _ k: Int, in distances: RowDistances, of features: Matrix, seed: UInt64, run: TrainingRun
  ) throws(MaquetteError) -> NeighbourLists {
    distances.rows <= exactLimit
      ? try exact(k, in: distances, of: features, run: run)
      : try NeighbourDescent(distances, k: k, seed: seed).lists(run: run)
  }

  static func exact(
    _ k: Int, in distances: RowDistances, of features: Matrix, run: TrainingRun
  ) throws(MaquetteError) -> NeighbourLists {
    let lists = try NeighbourLists(rows: features.rows, k: k)
    guard k > 0 else { return lists }
    let width = k + 1
    let size = RowDistances.queriesPerBlock
    let scratch = ScratchPool(bytes: distances.scratchBytes(k: width) + 64 + size * width * 8)
    try Workers.forEachBlock(of: size, rows: features.rows) { (block) throws(MaquetteError) in
      try run.checkCancellation()
      scratch.withScratch { memory in
        let ids = memory.assumingMemoryBound(to: Int32.self)
        let found = UnsafeMutableRawPointer(ids + size * width).assumingMemoryBound(to: Float.self)
        features.withUnsafeBufferPointer { values in
          guard let values = values.baseAddress else { return }
          distances.nearest(
            values + block.lowerBound * features.columns, count: block.count, k: width, ids: ids,
            distances: found, scratch: UnsafeMutableRawPointer(found + size * width))
        }
        for (place, row) in block.enumerated() {
          lists.keep(row, ids + place * width, found + place * width)
        }
      }
    }
    return lists
  }

  /// Takes over k of the k + 1 nearest rows, which are themselves of the list: not the row itself, or else the last.
  private func keep(_ row: Int, _ found: UnsafePointer<Int32>, _ measured: UnsafePointer<Float>) {
    var place = 0
    for candidate in 0...k where found[candidate] != Int32(truncatingIfNeeded: row) && place < k {
      ids.pointer[row * k + place] = found[candidate]
      distances.pointer[row * k + place] = measured[candidate]
      place += 1
    }
  }
}
