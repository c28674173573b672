import Glibc
import MaquetteSystem
import Testing

@testable import MaquetteKernels

@Suite struct `Embedding kernels` {
  @Test(arguments: variants, [1, 16, 17, 50]) func `measure distances as a plain loop does`(
    variant: KernelVariant, width: Int
  ) {
    let stride = Dense.stride(of: width)
    let rows = padded(noise(9 * width), rows: 9, columns: width)
    let ids: [Int32] = [8, 0, 3, 3, 7]
    for difference in [Embedding.Difference.squared, .absolute] {
      var all = unwritten(9)
      var some = unwritten(5)
      rows.withUnsafeBufferPointer { rows in
        guard let rows = rows.baseAddress else { return }
        let query = rows + 2 * stride
        Embedding.distances(
          of: query, to: rows, stride: stride, ids: nil, count: 9, by: difference, into: &all, using: variant)
        Embedding.distances(
          of: query, to: rows, stride: stride, ids: ids, count: 5, by: difference, into: &some, using: variant
        )
      }
      let expected = (0..<9).map { row -> Double in
        var sum = 0.0
        for column in 0..<width {
          let apart = Double(rows[row * stride + column]) - Double(rows[2 * stride + column])
          sum += difference == .squared ? apart * apart : abs(apart)
        }
        return sum
      }
      #expect(largestDifference(all, expected) < 1e-4)
      #expect(bits(some) == bits(ids.map { all[Int($0)] }))
    }
  }

  /// A ring of vertices, each joined to the next two on either side.
  private struct Ring {
    let vertices: Int
    var starts: [Int64] = [0]
    var neighbours: [Int32] = []
    var rates: [Float] = []

    init(_ vertices: Int) {
      self.vertices = vertices
      for vertex in 0..<vertices {
        for (step, rate) in [(1, Float(1)), (2, 0.4), (-1, 1), (-2, 0.4)] {
          neighbours.append(Int32((vertex + step + vertices) % vertices))
          rates.append(rate)
        }
        starts.append(Int64(neighbours.count))
      }
      neighbours += [Int32](repeating: 0, count: 16)
      rates += [Float](repeating: 0, count: 16)
    }

    func withGraph(_ body: (Embedding.Graph) throws -> Void) rethrows {
      try starts.withUnsafeBufferPointer { starts in
        try neighbours.withUnsafeBufferPointer { neighbours in
          try rates.withUnsafeBufferPointer { rates in
            guard let starts = starts.baseAddress, let neighbours = neighbours.baseAddress,
              let rates = rates.baseAddress
            else { return }
            try body(
              Embedding.Graph(starts: starts, neighbours: neighbours, rates: rates, mostNeighbours: 4))
          }
        }
      }
    }
  }

  /// One epoch, its groups in pieces of `size`.
  private func moved(
    _ ring: Ring, _ from: [Float], dimensions: Int, epoch: Int, negatives: Int, size: Int = 1000,
    using variant: KernelVariant = .best
  ) throws -> [Float] {
    let groups = (ring.vertices + 15) / 16
    let stride = from.count / dimensions
    let order = (0..<groups * 16).map { $0 < ring.vertices ? Int32($0) : -1 }
    let (source, target) = (try FloatBuffer(zeros: from.count), try FloatBuffer(zeros: from.count))
    let orders = try Buffer<Int32>(zeros: order.count)
    for (place, value) in from.enumerated() { source.pointer[place] = value }
    for (place, vertex) in order.enumerated() { orders.pointer[place] = vertex }
    try ring.withGraph { graph in
      let scratch = try FloatBuffer(zeros: graph.scratchBytes / 4)
      let work = Embedding.Epoch(
        epoch, of: graph, order: orders.pointer, from: source.pointer, to: target.pointer,
        rows: ring.vertices, stride: stride, dimensions: dimensions, negatives: negatives, seed: 7,
        curve: .init(a: 1.577, b: 0.8951), rate: 0.3)
      for first in Swift.stride(from: 0, to: groups, by: size) {
        Embedding.move(
          work, groups: first..<min(first + size, groups), scratch: scratch.pointer, using: variant)
      }
    }
    return (0..<from.count).map { target.pointer[$0] }
  }

  private func places(_ vertices: Int, dimensions: Int) -> [Float] {
    let stride = Dense.stride(of: vertices) + 16
    let values = noise(vertices * dimensions, seed: 4)
    return (0..<dimensions).flatMap { dimension in
      (0..<stride).map { 3 * values[dimension * vertices + $0 % vertices] }
    }
  }

  @Test(arguments: variants, [1, 2, 3, 5]) func `pull along the edges whose turn it is, as a plain loop does`(
    variant: KernelVariant, dimensions: Int
  ) throws {
    let ring = Ring(37)
    let from = places(37, dimensions: dimensions)
    let stride = from.count / dimensions
    let (a, b, rate) = (1.577, 0.8951, 0.3)
    for epoch in [0, 1, 2, 4] {
      let answer = try moved(
        ring, from, dimensions: dimensions, epoch: epoch, negatives: 0, using: variant)
      for vertex in 0..<37 {
        var own = (0..<dimensions).map { Double(from[$0 * stride + vertex]) }
        for edge in vertex * 4..<vertex * 4 + 4 {
          let turns = Int(ring.rates[edge] * Float(epoch + 1)) - Int(ring.rates[edge] * Float(epoch))
          guard turns > 0 else { continue }
          var other = (0..<dimensions).map { Double(from[$0 * stride + Int(ring.neighbours[edge])]) }
          for _ in 0..<2 {
            let square = zip(own, other).map { ($0 - $1) * ($0 - $1) }.reduce(0, +)
            let factor = -2 * a * b * pow(square, b - 1) / (1 + a * pow(square, b))
            for dimension in 0..<dimensions {
              let step = rate * min(max(factor * (own[dimension] - other[dimension]), -4), 4)
              own[dimension] += step
              other[dimension] -= step
            }
          }
        }
        let result = (0..<dimensions).map { answer[$0 * stride + vertex] }
        #expect(largestDifference(result, own) < 1e-3)
      }
    }
  }

  @Test func `push vertices away from each other`() throws {
    let ring = Ring(64)
    let from = places(64, dimensions: 2)
    let stride = from.count / 2
    func size(_ places: [Float]) -> Double {
      var sum = 0.0
      for vertex in 0..<64 {
        for dimension in 0..<2 {
          let place = Double(places[dimension * stride + vertex])
          sum += place * place
        }
      }
      return sum
    }
    #expect(
      try size(moved(ring, from, dimensions: 2, epoch: 0, negatives: 8))
        > 1.2 * size(moved(ring, from, dimensions: 2, epoch: 0, negatives: 0)))
  }

  @Test(arguments: [5, 16, 130]) func `move a vertex alike in whatever block and on whatever processor`(
    vertices: Int
  ) throws {
    let ring = Ring(vertices)
    let from = places(vertices, dimensions: 2)
    let whole = try moved(ring, from, dimensions: 2, epoch: 3, negatives: 5)
    #expect(try bits(moved(ring, from, dimensions: 2, epoch: 3, negatives: 5, size: 1)) == bits(whole))
    let fused = variants.filter { $0.name != "portable" }
    for variant in fused {
      let answer = try moved(ring, from, dimensions: 2, epoch: 3, negatives: 5, using: variant)
      #expect(bits(answer) == bits(whole))
    }
    #expect(whole.allSatisfy { $0.isFinite })
  }

  @Test(arguments: variants) func `multiply a sparse matrix as a plain loop does`(variant: KernelVariant) {
    let ring = Ring(33)
    let x = noise(33)
    var y = unwritten(33)
    ring.withGraph { graph in
      Embedding.multiply(graph, by: x, rows: 0..<20, into: &y, using: variant)
      Embedding.multiply(graph, by: x, rows: 20..<33, into: &y, using: variant)
    }
    let expected = (0..<33).map { row in
      (row * 4..<row * 4 + 4).map { Double(ring.rates[$0]) * Double(x[Int(ring.neighbours[$0])]) }
        .reduce(0, +)
    }
    #expect(largestDifference(y, expected) < 1e-5)
  }

  @Test(arguments: variants) func `bring a new row to its neighbours`(variant: KernelVariant) {
    // Far from all others, between two.
    var places = [Float](repeating: 0, count: 60)
    for row in 0..<30 { places[2 * row] = Float(row % 5) }
    (places[0], places[1], places[2], places[3]) = (20, 20, 21, 20)
    let neighbours: [Int32] = [0, 1] + [Int32](repeating: 0, count: 14)
    let weights: [Float] = [0.5, 0.5] + [Float](repeating: 0, count: 14)
    var own: [Float] = [15, 12]
    Embedding.place(
      &own, among: places, rows: 30, dimensions: 2, neighbours: neighbours, weights: weights, count: 16,
      steps: 200, seed: 1, curve: .init(a: 1.577, b: 0.8951), negatives: 5, using: variant)
    #expect(abs(own[0] - 20.5) < 2 && abs(own[1] - 20) < 2)
  }
}
