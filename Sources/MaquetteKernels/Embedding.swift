internal import CMaquetteKernels

/// What UMAP computes most: moving vertices by their edges, and placing new rows among them.
///
/// Source: McInnes, Healy & Melville, "UMAP: uniform manifold approximation and projection for dimension reduction",
/// 2018. Nothing here allocates or checks; all of it may be called from any thread, and none of it depends on how the
/// work is cut into blocks.
package enum Embedding {
  /// The vertices that are moved side by side.
  package static let groupSize = Int(MAQUETTE_LANES)
  package static let mostDimensions = Int(MAQUETTE_EMBEDDING_DIMENSIONS)

  /// Weighted edges in borrowed memory: those of vertex v are at starts[v] ..< starts[v + 1].
  package struct Graph: @unchecked Sendable {  // read only
    let graph: maquette_graph

    /// - Parameters:
    ///   - rates: 16 more than there are edges can be read.
    ///   - mostNeighbours: of any vertex.
    package init(
      starts: UnsafePointer<Int64>, neighbours: UnsafePointer<Int32>, rates: UnsafePointer<Float>,
      mostNeighbours: Int
    ) {
      graph = maquette_graph(
        starts: starts, neighbours: neighbours, rates: rates, most_neighbours: mostNeighbours)
    }

    /// The memory that ``Embedding/move(_:groups:scratch:using:)`` needs, in bytes.
    package var scratchBytes: Int { Embedding.groupSize * graph.most_neighbours * 4 }
  }

  /// How near the embedding brings two rows: the similarity at distance d is 1 / (1 + a d²ᵇ).
  package struct Curve: Sendable, Equatable {
    package var a: Float
    package var b: Float

    package init(a: Float, b: Float) {
      self.a = a
      self.b = b
    }
  }

  /// One epoch over all vertices.
  package struct Epoch: @unchecked Sendable {  // groups of vertices are written by one thread each
    let embedding: maquette_embedding

    /// - Parameters:
    ///   - order: the vertices of each group of 16, -1 where there is none.
    ///   - from: [dimensions, stride], the first 16 of the rows again after the last one.
    ///   - to: where they stand after the epoch, laid out alike; what follows the last row is left alone.
    ///   - rate: the learning rate.
    package init(
      _ index: Int, of graph: Graph, order: UnsafePointer<Int32>, from: UnsafePointer<Float>,
      to: UnsafeMutablePointer<Float>, rows: Int, stride: Int, dimensions: Int, negatives: Int, seed: UInt64,
      curve: Curve, rate: Float
    ) {
      embedding = maquette_embedding(
        graph: graph.graph, order: order, from: from, to: to, scratch: nil, rows: rows, stride: stride,
        dimensions: dimensions,
        negatives: negatives, seed: seed, epoch: Float(index), a: curve.a, b: curve.b, repulsion: 1,
        rate: rate)
    }
  }

  /// Moves the vertices of some groups by their own edges; the others are where they stood when the epoch began.
  ///
  /// - Parameter scratch: ``Graph/scratchBytes``, on a 64-byte boundary.
  package static func move(
    _ epoch: Epoch, groups: Range<Int>, scratch: UnsafeMutableRawPointer, using variant: KernelVariant = .best
  ) {
    var embedding = epoch.embedding
    embedding.scratch = scratch.assumingMemoryBound(to: Int32.self)
    variant.table.pointee.embed(&embedding, groups.lowerBound, groups.upperBound)
  }

  /// Moves one row among others that stay, from where it stands.
  ///
  /// - Parameters:
  ///   - own: [dimensions]
  ///   - places: [rows, dimensions]
  ///   - neighbours, weights: `count` of them, a multiple of 16; the weights are 1 together, the last ones 0.
  ///   - negatives: how strongly the row is pushed away from others drawn at random.
  package static func place(
    _ own: UnsafeMutablePointer<Float>, among places: UnsafePointer<Float>, rows: Int, dimensions: Int,
    neighbours: UnsafePointer<Int32>, weights: UnsafePointer<Float>, count: Int, steps: Int, seed: UInt64,
    curve: Curve, negatives: Float, using variant: KernelVariant = .best
  ) {
    var placement = maquette_placement(
      places: places, rows: rows, dimensions: dimensions, neighbours: neighbours, weights: weights,
      count: count,
      steps: steps, seed: seed, a: curve.a, b: curve.b, repulsion: 1, negatives: negatives)
    variant.table.pointee.place(&placement, own)
  }

  package enum Difference: Sendable {
    case squared, absolute
  }

  /// The sum of the squared or absolute differences of a row and `count` others: those of `ids`, or the first ones.
  ///
  /// - Parameter stride: from row to row, a multiple of 16; all rows are padded with the same numbers.
  package static func distances(
    of row: UnsafePointer<Float>, to rows: UnsafePointer<Float>, stride: Int, ids: UnsafePointer<Int32>?,
    count: Int,
    by difference: Difference, into distances: UnsafeMutablePointer<Float>,
    using variant: KernelVariant = .best
  ) {
    variant.table.pointee.distances(
      row, rows, stride, ids, count,
      Int32(difference == .squared ? MAQUETTE_SQUARED : MAQUETTE_ABSOLUTE), distances)
  }

  /// y = W x for some rows of the graph, W being its rates.
  package static func multiply(
    _ graph: Graph, by x: UnsafePointer<Float>, rows: Range<Int>, into y: UnsafeMutablePointer<Float>,
    using variant: KernelVariant = .best
  ) {
    withUnsafePointer(to: graph.graph) {
      variant.table.pointee.sparse_multiply($0, x, rows.lowerBound, rows.upperBound, y)
    }
  }
}
