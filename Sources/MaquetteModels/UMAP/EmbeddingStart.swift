import MaquetteKernels
import MaquetteSystem

/// Where the vertices stand before the first epoch, each dimension from 0 to 10.
///
/// A connected graph is laid out by the eigenvectors of its Laplacian: Belkin & Niyogi, "Laplacian eigenmaps", 2001. Of
/// several parts those eigenvectors say nothing about each other: each part is laid out by its own, around the place
/// that the principal components of the parts' middles give it, so that far clusters stay apart, in their order.
struct EmbeddingStart {
  let graph: FuzzyGraph
  let features: Matrix
  let dimensions: Int
  let seed: UInt64
  let run: TrainingRun

  /// [rows, dimensions]
  func places() throws(MaquetteError) -> FloatBuffer {
    let places = try FloatBuffer(zeros: graph.vertices * dimensions)
    let (numbers, count) = try graph.components()
    if count == 1 {
      try spread(try spectral(graph), over: places)
    } else {
      try layOut(numbers, count, into: places)
    }
    scale(places)
    var random = Random(seed: seed ^ 0x5eed)
    for place in 0..<places.count { places.pointer[place] += Float(1e-4 * random.normal()) }
    return places
  }

  /// The eigenvectors after the first, [dimensions or fewer, rows].
  private func spectral(_ graph: FuzzyGraph) throws(MaquetteError) -> Matrix {
    let rows = graph.vertices
    let roots = try FloatBuffer(zeros: rows)
    let known = try FloatBuffer(zeros: rows)
    var total = 0.0
    for vertex in 0..<rows {
      let degree = graph.edges(of: vertex).reduce(0.0) { $0 + Double(graph.weights.pointer[$1]) }
      total += degree
      roots.pointer[vertex] = degree > 0 ? Float(1 / degree.squareRoot()) : 0
      known.pointer[vertex] = Float(degree.squareRoot())
    }
    guard total > 0 else { return try Matrix(rows: 0, columns: 0) { _ in } }
    for vertex in 0..<rows { known.pointer[vertex] /= Float(total.squareRoot()) }
    let normalised = try FuzzyGraph(vertices: rows, edges: graph.edges)
    normalised.starts.pointer.update(from: graph.starts.pointer, count: rows + 1)
    normalised.neighbours.pointer.update(from: graph.neighbours.pointer, count: graph.edges)
    for vertex in 0..<rows {
      for edge in graph.edges(of: vertex) {
        normalised.weights.pointer[edge] =
          graph.weights.pointer[edge] * roots.pointer[vertex]
          * roots.pointer[Int(graph.neighbours.pointer[edge])]
      }
    }
    let view = normalised.view()
    return try Lanczos.leading(dimensions, size: rows, known: known, seed: seed) {
      (x, y) throws(MaquetteError) in
      try run.checkCancellation()
      nonisolated(unsafe) let (x, y) = (x, y)
      try Workers.forEachBlock(of: 2048, rows: rows) { (block) throws(MaquetteError) in
        Embedding.multiply(view, by: x, rows: block, into: y)
      }
      withExtendedLifetime(normalised) {}
    }
  }

  private func spread(_ vectors: Matrix, over places: FloatBuffer) throws(MaquetteError) {
    for dimension in 0..<min(vectors.rows, dimensions) {
      for row in 0..<vectors.columns {
        places.pointer[row * dimensions + dimension] = vectors[dimension, row]
      }
    }
  }

  // MARK: Several parts

  private func layOut(
    _ numbers: Buffer<Int32>, _ count: Int, into places: FloatBuffer
  ) throws(MaquetteError) {
    let middles = try middles(numbers, count)
    let centers = try principal(middles)
    let members = try membersByPart(numbers, count)
    for part in 0..<count {
      try run.checkCancellation()
      let own = members[part]
      let radius = halfDistance(from: part, centers, count)
      let inner = own.count > dimensions + 1 ? try spectral(try subgraph(own, numbers)) : nil
      for dimension in 0..<dimensions {
        let center = centers.pointer[part * dimensions + dimension]
        var scale: Float = 0
        if let inner, dimension < inner.rows {
          let greatest = (0..<own.count).map { inner[dimension, $0].magnitude }.max() ?? 0
          scale = greatest > 0 ? radius / greatest : 0
        }
        for (place, row) in own.enumerated() {
          let offset = scale > 0 ? scale * (inner?[dimension, place] ?? 0) : 0
          places.pointer[Int(row) * dimensions + dimension] = center + offset
        }
      }
    }
  }

  private func membersByPart(_ numbers: Buffer<Int32>, _ count: Int) throws(MaquetteError) -> [[Int32]] {
    var members = [[Int32]](repeating: [], count: count)
    for row in 0..<graph.vertices {
      members[Int(numbers.pointer[row])].append(Int32(truncatingIfNeeded: row))
    }
    return members
  }

  private func subgraph(_ own: [Int32], _ numbers: Buffer<Int32>) throws(MaquetteError) -> FuzzyGraph {
    let edges = own.reduce(0) { $0 + graph.edges(of: Int($1)).count }
    let part = try FuzzyGraph(vertices: own.count, edges: edges)
    let places = try Buffer<Int32>(zeros: graph.vertices)
    for (place, row) in own.enumerated() { places.pointer[Int(row)] = Int32(truncatingIfNeeded: place) }
    var next = 0
    for (place, row) in own.enumerated() {
      for edge in graph.edges(of: Int(row)) {
        part.neighbours.pointer[next] = places.pointer[Int(graph.neighbours.pointer[edge])]
        part.weights.pointer[next] = graph.weights.pointer[edge]
        next += 1
      }
      part.starts.pointer[place + 1] = Int64(next)
    }
    return part
  }

  /// The mean row of each part: [parts, features].
  private func middles(_ numbers: Buffer<Int32>, _ count: Int) throws(MaquetteError) -> Matrix {
    let width = features.columns
    var sizes = [Float](repeating: 0, count: count)
    for row in 0..<graph.vertices { sizes[Int(numbers.pointer[row])] += 1 }
    return try Matrix(rows: count, columns: width) { sums in
      features.withUnsafeBufferPointer { values in
        for row in 0..<graph.vertices {
          let part = Int(numbers.pointer[row])
          for column in 0..<width {
            sums[part * width + column] += values[row * width + column] / sizes[part]
          }
        }
      }
    }
  }

  /// The scores of the first principal components, [rows, dimensions], at most 10 in magnitude.
  private func principal(_ rows: Matrix) throws(MaquetteError) -> FloatBuffer {
    let (count, width) = (rows.rows, rows.columns)
    let centred = try FloatBuffer(zeros: count * width)
    rows.withUnsafeBufferPointer { values in
      for column in 0..<width {
        var mean = 0.0
        for row in 0..<count { mean += Double(values[row * width + column]) / Double(count) }
        for row in 0..<count {
          centred.pointer[row * width + column] = Float(Double(values[row * width + column]) - mean)
        }
      }
    }
    // Numbers of whatever size, without overflow.
    let greatest = (0..<count * width).map { centred.pointer[$0].magnitude }.max() ?? 0
    if greatest > 0 { for place in 0..<count * width { centred.pointer[place] /= greatest } }
    let components = try Lanczos.leading(min(dimensions, width), size: width, known: nil, seed: seed) {
      x, y in
      y.update(repeating: 0, count: width)
      for row in 0..<count {
        let values = centred.pointer + row * width
        var sum: Float = 0
        for column in 0..<width { sum += values[column] * x[column] }
        for column in 0..<width { y[column] += sum * values[column] }
      }
    }
    let scores = try FloatBuffer(zeros: count * dimensions)
    for row in 0..<count {
      for component in 0..<components.rows {
        var sum: Float = 0
        for column in 0..<width {
          sum += centred.pointer[row * width + column] * components[component, column]
        }
        scores.pointer[row * dimensions + component] = sum
      }
    }
    let most = (0..<scores.count).map { scores.pointer[$0].magnitude }.max() ?? 0
    if most > 0 { for place in 0..<scores.count { scores.pointer[place] *= 10 / most } }
    return scores
  }

  /// Half of the distance to the nearest other part; not less than a little.
  private func halfDistance(from part: Int, _ centers: FloatBuffer, _ count: Int) -> Float {
    // Of very many parts, a sample tells enough.
    var least = Float.infinity
    for other in stride(from: 0, to: count, by: max(1, count / 4096)) where other != part {
      var square: Float = 0
      for dimension in 0..<dimensions {
        let difference =
          centers.pointer[part * dimensions + dimension] - centers.pointer[other * dimensions + dimension]
        square += difference * difference
      }
      least = min(least, square)
    }
    return least.isFinite ? max(0.05, least.squareRoot() / 2) : 1
  }

  private func scale(_ places: FloatBuffer) {
    for dimension in 0..<dimensions {
      let column = stride(from: dimension, to: places.count, by: dimensions)
      let least = column.lazy.map { places.pointer[$0] }.min() ?? 0
      let most = column.lazy.map { places.pointer[$0] }.max() ?? 0
      for place in column {
        places.pointer[place] = most > least ? 10 * (places.pointer[place] - least) / (most - least) : 0
      }
    }
  }
}
