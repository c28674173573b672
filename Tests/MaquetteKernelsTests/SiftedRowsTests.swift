import MaquetteKernels
import MaquetteSystem
import Testing

private struct Found: Equatable {
  var indices: [Int32]
  var scores: [Float]
}

/// The sum of (x − y)² in doubles.
private func square(_ x: ArraySlice<Float>, _ y: ArraySlice<Float>) -> Double {
  zip(x, y).reduce(0) { $0 + (Double($1.0) - Double($1.1)) * (Double($1.0) - Double($1.1)) }
}

private func search(
  _ x: [Float], features: Int, _ queries: [Float], k: Int, _ variant: KernelVariant,
  _ metric: SiftedRows.Metric = .squaredDistance
) throws -> [Found] {
  let matrix = try Matrix(rows: x.count / features, columns: features, x)
  let rows = try SiftedRows(matrix, metric: metric, using: variant)
  let count = queries.count / features
  var scratch = unwritten(rows.scratchCount(queries: count))
  var (scores, indices) = (unwritten(count * k), [Int32](repeating: -1, count: count * k))
  rows.search(
    queries, queryCount: count, k: k, scratch: &scratch, scores: &scores, indices: &indices, using: variant)
  return (0..<count).map {
    Found(indices: Array(indices[$0 * k..<($0 + 1) * k]), scores: Array(scores[$0 * k..<($0 + 1) * k]))
  }
}

@Suite struct SiftedRowsTests {
  @Test("The nearest are those of a sort by the distances", arguments: variants)
  func nearest(variant: KernelVariant) throws {
    for (rows, features) in [(1, 5), (16, 1), (17, 16), (257, 9), (1200, 37)] {
      let x = noise(rows * features, seed: 21)
      for count in [1, 2, 3, 6, 7, 8, 9, 14, 131] {
        let queries = noise(count * features, seed: 22)
        for k in [1, 3, 20] where k <= rows {
          let found = try search(x, features: features, queries, k: k, variant)
          for query in 0..<count {
            let own = queries[query * features..<(query + 1) * features]
            let distances = (0..<rows).map { square(x[$0 * features..<($0 + 1) * features], own) }
            let sorted = (0..<rows).sorted { (distances[$0], $0) < (distances[$1], $1) }
            for place in 0..<k {
              // Rows that are apart by no more than rounding may change places.
              let chosen = distances[Int(found[query].indices[place])]
              #expect((chosen - distances[sorted[place]]).magnitude <= 1e-5 * (1 + chosen))
              #expect((Double(-found[query].scores[place]) - chosen).magnitude <= 1e-5 * (1 + chosen))
            }
          }
        }
      }
    }
  }

  @Test("A query finds the same, bit for bit, alone and among others", arguments: variants)
  func blocks(variant: KernelVariant) throws {
    let x = noise(700 * 37, seed: 23)
    let queries = noise(19 * 37, seed: 24)
    for metric in [SiftedRows.Metric.squaredDistance, .cosine] {
      let together = try search(x, features: 37, queries, k: 5, variant, metric)
      for query in 0..<19 {
        let own = Array(queries[query * 37..<(query + 1) * 37])
        #expect(try search(x, features: 37, own, k: 5, variant, metric) == [together[query]])
      }
    }
  }

  @Test("Near rows of large numbers are told apart", arguments: variants)
  func largeNumbers(variant: KernelVariant) throws {
    // The squares of such numbers have no digits left for the differences.
    let x = noise(400 * 8, seed: 25).map { 100_000 + $0 }
    let queries = noise(9 * 8, seed: 26).map { 100_000 + $0 }
    let found = try search(x, features: 8, queries, k: 3, variant)
    for query in 0..<9 {
      let own = queries[query * 8..<(query + 1) * 8]
      let distances = (0..<400).map { square(x[$0 * 8..<($0 + 1) * 8], own) }
      let sorted = (0..<400).sorted { (distances[$0], $0) < (distances[$1], $1) }
      #expect(found[query].indices == sorted[..<3].map { Int32($0) })
    }
  }

  @Test("Rows without number, too large and too small for squares are still found", arguments: variants)
  func extremes(variant: KernelVariant) throws {
    let large: [Float] = [1e30, 2e30, -1e30, 3e38, -3e38, 1.1e30]
    #expect(try search(large, features: 1, [1.9e30], k: 1, variant)[0].scores[0].isInfinite)
    #expect(
      try search([0, 1, 5, 1e19, 6, 2], features: 1, [5.4, 1e19], k: 1, variant).map(\.indices) == [[2], [3]])
    let small = (0..<40).map { Float($0) * 1e-20 }
    #expect(try search(small, features: 1, [7.2e-20], k: 2, variant)[0].indices == [7, 8])
    let tiny = (0..<40).map { Float($0) * 1e-30 }
    // Their squared distances are all zero: the first rows are as near as any.
    #expect(try search(tiny, features: 1, [7.2e-30], k: 2, variant)[0].indices == [0, 1])
  }

  @Test("Of equally near rows the lower are chosen", arguments: variants)
  func ties(variant: KernelVariant) throws {
    let kinds: [[Float]] = [[1, 0], [0, 1], [1, 1]]
    let x = (0..<700).flatMap { kinds[$0 * $0 % 3] }
    let squares = try search(x, features: 2, [1, 0.5, 0, 0], k: 20, variant)
    for found in squares {
      for (left, right) in zip(found.indices, found.indices.dropFirst()) {
        let (a, b) = (x[Int(left) * 2..<Int(left) * 2 + 2], x[Int(right) * 2..<Int(right) * 2 + 2])
        #expect(a != b || left < right)
      }
    }
    let equal = [Float](repeating: 1, count: 400)
    #expect(
      try search(equal, features: 1, [1], k: 60, variant)[0].indices == (0..<60).map { Int32($0) })
  }

  @Test("Each row gets the first of its nearest centers, and the distance to it", arguments: variants)
  func centers(variant: KernelVariant) throws {
    for (rows, features, count) in [(1, 3, 1), (17, 16, 2), (257, 9, 7), (300, 64, 50), (90, 21, 13)] {
      let x = noise(rows * features, seed: 27).map { $0 + 50 }
      var centers = noise(count * features, seed: 28).map { $0 + 50 }
      // The last is the first again: never chosen.
      if count > 2 {
        centers.replaceSubrange((count - 1) * features..<count * features, with: centers[..<features])
      }
      let sifted = try SiftedRows(
        try Matrix(rows: rows, columns: features, x), metric: .squaredDistance, using: variant)
      let arranged = try sifted.arranged(try Matrix(rows: count, columns: features, centers), using: variant)
      var (clusters, distances) = ([Int32](repeating: -1, count: rows), unwritten(rows))
      sifted.assign(0..<rows, to: arranged, clusters: &clusters, distances: &distances, using: variant)
      var sums = [Double](repeating: 0, count: count * (features + 1))
      sifted.add(0..<rows, of: clusters, to: &sums, using: variant)
      var expected = [Double](repeating: 0, count: count * (features + 1))
      for row in 0..<rows {
        let own = x[row * features..<(row + 1) * features]
        let squares = (0..<count).map { square(centers[$0 * features..<($0 + 1) * features], own) }
        let least = squares.min() ?? 0
        let chosen = Int(clusters[row])
        #expect(squares[chosen] <= least * (1 + 1e-5))
        #expect(count <= 2 || chosen != count - 1)
        #expect((Double(distances[row]) - squares[chosen]).magnitude <= 1e-5 * squares[chosen])
        for (feature, value) in own.enumerated() {
          expected[chosen * (features + 1) + feature] += Double(value)
        }
        expected[chosen * (features + 1) + features] += 1
      }
      #expect(zip(sums, expected).allSatisfy { ($0 - $1).magnitude <= 1e-9 * (1 + $1.magnitude) })
    }
  }

  @Test("A block of rows is assigned as it is among all", arguments: variants)
  func pieces(variant: KernelVariant) throws {
    let x = noise(200 * 11, seed: 29)
    let sifted = try SiftedRows(
      try Matrix(rows: 200, columns: 11, x), metric: .squaredDistance, using: variant)
    let arranged = try sifted.arranged(try Matrix(rows: 9, columns: 11, noise(99, seed: 30)), using: variant)
    var (whole, parts) = ([Int32](repeating: -1, count: 200), [Int32](repeating: -1, count: 200))
    sifted.assign(0..<200, to: arranged, clusters: &whole, distances: nil, using: variant)
    for block in [96..<200, 0..<96] {
      sifted.assign(block, to: arranged, clusters: &parts, distances: nil, using: variant)
    }
    #expect(whole == parts)
  }
}
