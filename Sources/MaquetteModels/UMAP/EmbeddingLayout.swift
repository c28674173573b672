import MaquetteKernels
import MaquetteSystem

/// The optimisation of an embedding, epoch by epoch.
///
/// Vertices are kept in a random order, so that sixteen which stand side by side are as good as drawn at random. The
/// groups that are moved together have about equally many turns.
final class EmbeddingLayout {
  private let graph: FuzzyGraph
  private let vertices: Int
  private let dimensions: Int
  private let stride: Int
  private let curve: Embedding.Curve
  private let seed: UInt64
  /// Where each row is kept.
  private let place: [Int32]
  private let order: Buffer<Int32>
  private let scratch: ScratchPool
  private var from: FloatBuffer
  private var to: FloatBuffer

  /// How many vertices push a vertex away for each that pulls: McInnes, Healy & Melville, 2018.
  private static let negatives = 5

  /// - Parameter start: [rows, dimensions]
  init(
    _ graph: FuzzyGraph, start: UnsafePointer<Float>, dimensions: Int, curve: Embedding.Curve, seed: UInt64
  ) throws(MaquetteError) {
    let vertices = graph.vertices
    self.vertices = vertices
    self.dimensions = dimensions
    self.curve = curve
    self.seed = seed
    stride = Dense.stride(of: vertices) + Embedding.groupSize
    var random = Random(seed: seed)
    // Where it goes to: `rows[kept]` is the row that is kept there.
    var rows = [Int32](unsafeUninitializedCapacity: vertices) { buffer, count in
      for row in 0..<vertices { buffer[row] = Int32(truncatingIfNeeded: row) }
      count = vertices
    }
    random.shuffle(&rows)
    var place = [Int32](repeating: 0, count: vertices)
    for (kept, row) in rows.enumerated() { place[Int(row)] = Int32(truncatingIfNeeded: kept) }
    self.place = place
    self.graph = try Self.arranged(graph, rows: rows, place: place)
    order = try Self.groups(self.graph)
    scratch = ScratchPool(bytes: self.graph.view().scratchBytes)
    from = try FloatBuffer(zeros: stride * dimensions)
    to = try FloatBuffer(zeros: stride * dimensions)
    for row in 0..<vertices {
      for dimension in 0..<dimensions {
        from.pointer[dimension * stride + Int(place[row])] = start[row * dimensions + dimension]
      }
    }
    repeatFirst(from)
  }

  /// The graph with its vertices in another order, and its weights as parts of the greatest.
  private static func arranged(
    _ graph: FuzzyGraph, rows: [Int32], place: [Int32]
  ) throws(MaquetteError) -> FuzzyGraph {
    let arranged = try FuzzyGraph(vertices: graph.vertices, edges: graph.edges)
    let greatest = graph.greatestWeight
    var next = 0
    for (kept, row) in rows.enumerated() {
      for edge in graph.edges(of: Int(row)) {
        arranged.neighbours.pointer[next] = place[Int(graph.neighbours.pointer[edge])]
        arranged.weights.pointer[next] = graph.weights.pointer[edge] / greatest
        next += 1
      }
      arranged.starts.pointer[kept + 1] = Int64(next)
    }
    return arranged
  }

  private static func groups(_ graph: FuzzyGraph) throws(MaquetteError) -> Buffer<Int32> {
    let size = Embedding.groupSize
    let order = try Buffer<Int32>(zeros: (graph.vertices + size - 1) / size * size)
    let sums = (0..<graph.vertices).map { vertex in
      graph.edges(of: vertex).reduce(Float(0)) { $0 + graph.weights.pointer[$1] }
    }
    let sorted = (0..<graph.vertices).sorted {
      sums[$0] > sums[$1] || (sums[$0] == sums[$1] && $0 < $1)
    }
    for index in 0..<order.count {
      order.pointer[index] = index < sorted.count ? Int32(truncatingIfNeeded: sorted[index]) : -1
    }
    return order
  }

  private func repeatFirst(_ places: FloatBuffer) {
    for dimension in 0..<dimensions {
      let column = places.pointer + dimension * stride
      for index in 0..<Embedding.groupSize { column[vertices + index] = column[index % vertices] }
    }
  }

  /// Moves all vertices once.
  ///
  /// - Parameters:
  ///   - index: of the epoch, from 0.
  ///   - rate: the learning rate.
  func epoch(_ index: Int, rate: Float, run: TrainingRun) throws(MaquetteError) {
    let view = graph.view()
    let epoch = Embedding.Epoch(
      index, of: view, order: order.pointer, from: from.pointer, to: to.pointer, rows: vertices,
      stride: stride, dimensions: dimensions, negatives: Self.negatives,
      seed: seed &+ UInt64(index + 1) &* 0x2545_f491_4f6c_dd1d, curve: curve, rate: rate)
    let scratch = scratch
    try Workers.forEachBlock(of: 32, rows: order.count / Embedding.groupSize) {
      (block) throws(MaquetteError) in
      try run.checkCancellation()
      scratch.withScratch { Embedding.move(epoch, groups: block, scratch: $0) }
    }
    repeatFirst(to)
    swap(&from, &to)
  }

  /// Where the rows are now: [rows, dimensions].
  func embedding() throws(MaquetteError) -> Matrix {
    try Matrix(rows: vertices, columns: dimensions) { values in
      for row in 0..<vertices {
        for dimension in 0..<dimensions {
          values[row * dimensions + dimension] = from.pointer[dimension * stride + Int(place[row])]
        }
      }
    }
  }
}
