import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteSystem
import TestSupport
import Testing

extension StoreContract {
  /// What stores answer to random queries is what the reference answers.
  @Suite struct RandomQueriesTests {
    private static let rounds = 12
    private static let documents = 56
    #if DEBUG
      private static let queries = 100
    #else
      private static let queries = 500
    #endif

    @Test(
      "find, count, items and distinct are the reference's, for random documents and queries",
      arguments: StoreKind.allCases, 0..<rounds)
    func agree(_ kind: StoreKind, _ round: Int) throws {
      let areInstances = round % 2 == 0
      var random = RandomQueries(seed: 100 + UInt64(round), areInstances: areInstances)
      let test = try TestStore(kind)
      let service = try test.store.service(areInstances ? "instances-a" : "documents")
      if round % 3 == 1 { try Self.index(service) }
      for number in 0..<Self.documents { _ = try service.create(random.document(number)) }
      if areInstances { try Self.appendMatrices(test.store) }
      if round % 3 == 2 { try Self.index(service) }
      let documents = try service.items().array()
      let ofA = documents.filter { $0["datasetName"] == "a" }
      let dataset = areInstances ? try Dataset("a", in: test.store) : nil

      for number in 0..<Self.queries {
        let json = random.query(among: documents)
        let query = try Query(.object(json))
        let reference = ReferenceQuery(query: json)
        let expected = reference.find(in: documents)
        let page = try service.find(query)
        let isRight =
          page.total == expected.total && page.limit == expected.limit && page.skip == expected.skip
          && page.data == expected.data
        #expect(isRight, "find \(JSON.object(json)): \(page.json), but \(expected)")
        #expect(try service.count(query) == expected.total, "count \(JSON.object(json))")
        if number % 4 == 0 {
          let field = random.field()
          let values = try service.distinct(field, query)
          #expect(
            values.map(\.description) == reference.distinct(field, in: documents).map(\.description),
            "distinct \(field) \(JSON.object(json))")
        }
        if number % 4 == 1, json["$limit"] == nil {
          let all = try service.items(query).array().map(\.id)
          var whole = json
          whole["$select"] = nil
          whole["$skip"] = nil
          let ids = ReferenceQuery(query: whole).find(in: documents).data.map(\.id)
          if ids.count == expected.total {
            #expect(all == Array(ids.dropFirst(expected.skip)), "items \(JSON.object(json))")
          }
        }
        if let dataset, number % 2 == 0 {
          let expected = reference.find(in: ofA)
          let page = try dataset.find(query)
          #expect(
            page.total == expected.total && page.data == expected.data, "in a dataset: \(JSON.object(json))")
        }
      }
    }

    /// Instances whose `y` are numbers of a matrix, and labels.
    private static func appendMatrices(_ store: DataStore) throws {
      let dataset = try Dataset("a", in: store)
      try dataset.append(counting(4, columns: 2), targets: counting(4, columns: 2))
      try dataset.append(counting(3, columns: 2), targets: counting(3, columns: 1))
      try dataset.append(counting(3, columns: 2), labels: LabelColumn(["a", "cafe\u{301}", "b"]))
    }

    private static func index(_ service: Service) throws {
      for field in ["y", "createdAt", "datasetName"] { try service.createIndex(on: field) }
    }
  }
}
