import MaquetteFormats
import MaquetteKernels
import MaquetteSystem
import TestSupport
import Testing

@testable import MaquetteModels

/// Compared with umap-learn's, which Tests/Fixtures/make_umap_fixtures.py wrote down.
@Suite struct `A fuzzy graph` {
  private let fixture: JSON

  init() throws {
    let folder = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
    fixture = try JSON(parsing: try #require(readFile("/" + folder + "/Fixtures/umap-learn.json")))
  }

  private func numbers(_ json: JSON?) -> [Float] {
    (json?.array ?? []).map { Float($0.number ?? .nan) }
  }

  /// The greatest difference of the weights of all pairs of vertices.
  private func difference(_ graph: FuzzyGraph, _ edges: JSON?) -> Float {
    let count = graph.vertices
    var weights = [Float](repeating: 0, count: count * count)
    for vertex in 0..<count {
      for edge in graph.edges(of: vertex) {
        weights[vertex * count + Int(graph.neighbours.pointer[edge])] = graph.weights.pointer[edge]
      }
    }
    for edge in (edges?.array ?? []).map({ numbers($0) }) {
      weights[Int(edge[0]) * count + Int(edge[1])] -= edge[2]
    }
    return weights.map(\.magnitude).max() ?? .infinity
  }

  @Test func `has umap-learn's weights, with labels and without, for each metric`() throws {
    let rows = try Matrix((fixture["rows"]?.array ?? []).map { numbers($0) })
    let codes = numbers(fixture["codes"]).map { Int32($0) }
    let cases = try #require(fixture["graphs"]?.array)
    #expect(cases.count == 9 && rows.rows == 40)
    for expected in cases {
      let metric = try #require(UMAP.Metric(json: expected["metric"] ?? .null))
      let neighbours = try #require(expected["nNeighbors"]?.integer)
      let lists = try NeighbourLists.exact(
        neighbours - 1, in: RowDistances(rows, metric: metric), of: rows, run: TrainingRun())
      let graph = try FuzzyGraph.of(lists, nNeighbors: neighbours, run: TrainingRun())
      #expect(difference(graph, expected["edges"]) < 2e-3, "\(metric) \(neighbours)")
      guard let supervised = expected["supervised"] else { continue }
      #expect(difference(try graph.separating(codes), supervised) < 5e-3, "\(neighbours)")
    }
  }

  @Test func `falls with the distance as umap-learn's curve does`() throws {
    let curves = try #require(fixture["curves"]?.array)
    #expect(curves.count == 6)
    for expected in curves {
      let curve = Embedding.Curve(
        minDist: try #require(expected["minDist"]?.number), spread: try #require(expected["spread"]?.number))
      let ab = numbers(expected["ab"])
      #expect(abs(curve.a / ab[0] - 1) < 1e-3 && abs(curve.b / ab[1] - 1) < 1e-3, "\(expected)")
    }
  }

  @Test func `is told into its parts`() throws {
    let rows = try Matrix((0..<30).map { row -> [Float] in [Float(row % 3) * 100 + Float(row)] })
    let lists = try NeighbourLists.exact(
      3, in: RowDistances(rows, metric: .euclidean), of: rows, run: TrainingRun())
    let (numbers, count) = try FuzzyGraph.of(lists, nNeighbors: 4, run: TrainingRun()).components()
    #expect(count == 3)
    #expect((0..<30).allSatisfy { numbers.pointer[$0] == Int32($0 % 3) })
  }
}
