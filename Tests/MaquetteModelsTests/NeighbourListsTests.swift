import MaquetteKernels
import MaquetteSystem
import TestSupport
import Testing

@testable import MaquetteModels

@Suite(.serialized) struct `Lists of neighbours` {
  private func exact(_ k: Int, _ rows: Matrix, _ metric: UMAP.Metric) throws -> NeighbourLists {
    try NeighbourLists.exact(k, in: try RowDistances(rows, metric: metric), of: rows, run: TrainingRun())
  }

  private func distance(_ left: [Float], _ right: [Float], _ metric: UMAP.Metric) -> Double {
    var (absolute, squared, product, own, other) = (0.0, 0.0, 0.0, 0.0, 0.0)
    for (x, y) in zip(left, right) {
      let (x, y) = (Double(x), Double(y))
      absolute += abs(x - y)
      squared += (x - y) * (x - y)
      product += x * y
      own += x * x
      other += y * y
    }
    switch metric {
    case .manhattan: return absolute
    case .euclidean: return squared.squareRoot()
    case .cosine: return 1 - product / (own * other).squareRoot()
    }
  }

  @Test(arguments: [UMAP.Metric.euclidean, .cosine, .manhattan], [1, 5, 36])
  func `hold what a plain search finds, never the row itself`(metric: UMAP.Metric, k: Int) throws {
    let rows = try Samples.clouds(rows: 37, features: 5, spread: 2).features
    let lists = try exact(k, rows, metric)
    for row in 0..<37 {
      let others = (0..<37).filter { $0 != row }
      let expected = others.map { distance(rows[row: row], rows[row: $0], metric) }.sorted().prefix(k)
      for (place, expected) in expected.enumerated() {
        #expect(abs(Double(lists.distances.pointer[row * k + place]) - expected) < 1e-4)
        #expect(lists.ids.pointer[row * k + place] != Int32(row))
      }
      #expect(Set((0..<k).map { lists.ids.pointer[row * k + $0] }).count == k)
    }
  }

  @Test(arguments: [UMAP.Metric.euclidean, .cosine, .manhattan])
  func `are found nearly all by descent, the same with any number of threads`(metric: UMAP.Metric) throws {
    let rows = try Samples.clouds(rows: 900, features: 12, labels: 5, spread: 2).features
    let k = 10
    let distances = try RowDistances(rows, metric: metric)
    let exact = try exact(k, rows, metric)
    let before = Workers.limit
    defer { Workers.limit = before }
    Workers.limit = 1
    let found = try NeighbourDescent(distances, k: k, seed: 1).lists(run: TrainingRun())
    Workers.limit = 4
    let again = try NeighbourDescent(distances, k: k, seed: 1).lists(run: TrainingRun())
    var hits = 0
    for row in 0..<900 {
      let (own, right) = (row * k..<(row + 1) * k, row * k..<(row + 1) * k)
      let ids = Set(own.map { found.ids.pointer[$0] })
      #expect(ids.count == k && !ids.contains(Int32(row)))
      hits += right.count { ids.contains(exact.ids.pointer[$0]) }
      for place in own {
        #expect(found.ids.pointer[place] == again.ids.pointer[place])
        let id = Int(found.ids.pointer[place])
        let expected = distance(rows[row: row], rows[row: id], metric)
        #expect(abs(Double(found.distances.pointer[place]) - expected) < 1e-4)
      }
    }
    #expect(Double(hits) > 0.97 * Double(900 * k))
  }

  @Test func `are found by descent among rows that are all the same`() throws {
    let rows = try Matrix(rows: 300, columns: 4, [Float](repeating: 1, count: 1200))
    let distances = try RowDistances(rows, metric: .euclidean)
    let lists = try NeighbourDescent(distances, k: 5, seed: 1).lists(run: TrainingRun())
    #expect((0..<1500).allSatisfy { lists.distances.pointer[$0] == 0 })
    #expect((0..<1500).allSatisfy { lists.ids.pointer[$0] != Int32($0 / 5) })
  }
}
