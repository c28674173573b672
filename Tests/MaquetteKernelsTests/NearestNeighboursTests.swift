import MaquetteKernels
import Testing

private struct Found: Equatable {
  var indices: [Int32]
  var scores: [Float]
}

/// Rows in panels, and what is asked of them.
private struct Example {
  let rows: Int
  let features: Int
  let x: [Float]
  var panels: [Float]

  init(rows: Int, features: Int, x: [Float]? = nil, _ variant: KernelVariant) {
    self.rows = rows
    self.features = features
    self.x = x ?? noise(rows * features, seed: 11)
    panels = unwritten(NearestNeighbours.packedCount(rows: rows, features: features))
    NearestNeighbours.pack(
      self.x, xStride: features, rows: rows, features: features, into: &panels, using: variant)
  }

  func scores(_ queries: [Float], _ metric: NearestNeighbours.Metric, _ variant: KernelVariant) -> [Float] {
    let panelCount = (rows + 15) / 16
    let count = features == 0 ? 3 : queries.count / features
    var scores = unwritten(count * panelCount * 16)
    NearestNeighbours.score(
      panels: panels, panelCount: panelCount, features: features, queries: queries, queryStride: features,
      queryCount: count, metric: metric, into: &scores, scoreStride: panelCount * 16, using: variant)
    return (0..<count).flatMap { scores[$0 * panelCount * 16..<$0 * panelCount * 16 + rows] }
  }

  func search(
    _ queries: [Float], k: Int, _ metric: NearestNeighbours.Metric, _ variant: KernelVariant,
    pieces: [Range<Int>]? = nil
  ) -> [Found] {
    let count = queries.count / features
    var (scores, indices) = (unwritten(count * k), [Int32](repeating: -1, count: count * k))
    var found = 0
    for piece in pieces ?? [0..<rows] {
      found = NearestNeighbours.search(
        panels: panels, rows: piece, features: features, queries: queries, queryStride: features,
        queryCount: count, metric: metric, k: k, scores: &scores, indices: &indices, found: found,
        using: variant)
    }
    #expect(found == min(k, rows))
    return (0..<count).map {
      Found(
        indices: Array(indices[$0 * k..<$0 * k + found]), scores: Array(scores[$0 * k..<$0 * k + found]))
    }
  }

  /// All scores, sorted.
  func expected(
    _ queries: [Float], k: Int, _ metric: NearestNeighbours.Metric, _ variant: KernelVariant
  ) -> [Found] {
    let all = scores(queries, metric, variant)
    return (0..<queries.count / features).map { query in
      let mine = Array(all[query * rows..<(query + 1) * rows])
      let order = (0..<rows).sorted { (mine[$0], $1) > (mine[$1], $0) }.prefix(k)
      return Found(indices: order.map { Int32($0) }, scores: order.map { mine[$0] })
    }
  }
}

private let metrics: [NearestNeighbours.Metric] = [.dot, .squaredDistance]

@Suite struct NearestNeighboursTests {
  @Test("Scores are dot products or squared distances", arguments: variants)
  func scores(variant: KernelVariant) {
    for (rows, features) in sizes.map({ ($0, 9) }) + sizes.map({ (33, $0) }) {
      for queries in [1, 3, 8, 9] {
        let example = Example(rows: rows, features: features, variant)
        let asked = noise(max(queries, 3) * features, seed: 12)
        for metric in metrics {
          let result = example.scores(asked, metric, variant)
          var expected: [Double] = []
          for query in 0..<result.count / max(rows, 1) {
            for row in 0..<rows {
              var sum = 0.0
              for feature in 0..<features {
                let (a, b) = (
                  Double(example.x[row * features + feature]), Double(asked[query * features + feature])
                )
                sum += metric == .dot ? a * b : -(a - b) * (a - b)
              }
              expected.append(sum)
            }
          }
          #expect(largestDifference(result, expected) < 5e-4, "\(rows) × \(features)")
        }
      }
    }
  }

  @Test("A score has the same bits in any block", arguments: variants)
  func blocks(variant: KernelVariant) {
    let example = Example(rows: 150, features: 37, variant)
    let queries = noise(19 * 37, seed: 13)
    for metric in metrics {
      let together = example.scores(queries, metric, variant)
      for query in 0..<19 {
        let alone = example.scores(Array(queries[query * 37..<(query + 1) * 37]), metric, variant)
        #expect(bits(alone) == bits(together[query * 150..<(query + 1) * 150]))
      }
      let first = Example(rows: 16, features: 37, x: Array(example.x[..<(16 * 37)]), variant)
      let some = first.scores(queries, metric, variant)
      #expect(bits(some[..<16]) == bits(together[..<16]))
    }
  }

  @Test("The best k are those of a sort", arguments: variants)
  func topK(variant: KernelVariant) {
    for rows in [1, 7, 16, 17, 257, 1200] {
      let example = Example(rows: rows, features: 5, variant)
      let queries = noise(9 * 5, seed: 14)
      for metric in metrics {
        for k in [1, 3, 16, 300] {
          #expect(
            example.search(queries, k: k, metric, variant)
              == example.expected(queries, k: k, metric, variant),
            "\(rows) rows, k \(k)")
        }
      }
    }
  }

  @Test("Of equal scores the lower rows are chosen", arguments: variants)
  func ties(variant: KernelVariant) {
    // Only three kinds of rows, so that nearly all scores are equal.
    let kinds: [[Float]] = [[1, 0], [0, 1], [1, 1]]
    let x = (0..<700).flatMap { kinds[$0 * $0 % 3] }
    let example = Example(rows: 700, features: 2, x: x, variant)
    for k in [1, 5, 20, 500] {
      #expect(
        example.search([1, 0.5, 0, 0], k: k, .dot, variant)
          == example.expected([1, 0.5, 0, 0], k: k, .dot, variant))
    }
  }

  @Test("Searching in pieces, in any order, finds the same", arguments: variants)
  func pieces(variant: KernelVariant) {
    let x = (0..<400).map { Float($0 % 7) }
    let example = Example(rows: 400, features: 1, x: x, variant)
    let whole = example.search([1, -1], k: 60, .dot, variant)
    #expect(example.search([1, -1], k: 60, .dot, variant, pieces: [0..<160, 160..<400]) == whole)
    #expect(example.search([1, -1], k: 60, .dot, variant, pieces: [320..<400, 160..<320, 0..<160]) == whole)
    let equal = Example(rows: 400, features: 1, x: [Float](repeating: 1, count: 400), variant)
    let lowest = equal.search([1], k: 60, .dot, variant, pieces: [320..<400, 160..<320, 0..<160])
    #expect(lowest[0].indices == (0..<60).map { Int32($0) })
  }

  @Test("What lies beyond the last row is never chosen", arguments: variants)
  func paddingRows(variant: KernelVariant) {
    // The padding holds NaN here, and zeros would be nearer than any row.
    let example = Example(rows: 19, features: 3, x: [Float](repeating: -1, count: 57), variant)
    let found = example.search([1, 1, 1], k: 30, .dot, variant)
    #expect(found[0].indices == (0..<19).map { Int32($0) })
  }

  @Test("Rows packed one at a time lie like rows packed at once", arguments: variants)
  func packing(variant: KernelVariant) {
    let example = Example(rows: 53, features: 21, variant)
    var one = unwritten(example.panels.count)
    example.x.withUnsafeBufferPointer { x in
      guard let base = x.baseAddress else { return }
      for row in 0..<53 {
        NearestNeighbours.pack(
          base + row * 21, xStride: 21, rows: 1, features: 21, into: &one, first: row, using: variant)
      }
    }
    #expect(bits(one) == bits(example.panels))
    #expect(example.panels[(3 * 21 + 20) * 16 + 4] == example.x[52 * 21 + 20])
  }
}
