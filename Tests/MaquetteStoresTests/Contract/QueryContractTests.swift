import MaquetteFormats
import MaquetteStores
import MaquetteSystem
import TestSupport
import Testing

extension StoreContract {
  /// The query language, example by example.
  @Suite struct Queries {
    private func filled(
      _ kind: StoreKind, _ table: QueryTable, isIndexed: Bool = false
    ) throws -> (TestStore, Service) {
      let test = try TestStore(kind)
      let service = try test.store.service("documents")
      if isIndexed {
        for field in ["y", "createdAt", "updatedAt", "datasetName"] { try service.createIndex(on: field) }
      }
      for document in try table.parsedDocuments() { _ = try service.create(document) }
      return (test, service)
    }

    @Test("find what they ask for, with and without indices", arguments: StoreKind.allCases, QueryTable.all)
    func find(_ kind: StoreKind, _ table: QueryTable) throws {
      for isIndexed in [false, true] {
        let (test, service) = try filled(kind, table, isIndexed: isIndexed)
        defer { withExtendedLifetime(test) {} }
        for example in try table.parsedCases() {
          let answer = Self.answer { try service.find(Query(example.query)) }
          #expect(answer == example.expected, "\(example.text)")
        }
      }
    }

    @Test("count what they find", arguments: StoreKind.allCases, QueryTable.all)
    func count(_ kind: StoreKind, _ table: QueryTable) throws {
      let (test, service) = try filled(kind, table)
      defer { withExtendedLifetime(test) {} }
      for example in try table.parsedCases() {
        guard case .found(_, let total) = example.expected else { continue }
        #expect(try service.count(Query(example.query)) == total, "\(example.text)")
      }
    }

    @Test("give all they find as items, not a page", arguments: StoreKind.allCases, QueryTable.all)
    func items(_ kind: StoreKind, _ table: QueryTable) throws {
      let (test, service) = try filled(kind, table)
      defer { withExtendedLifetime(test) {} }
      for example in try table.parsedCases() {
        guard case .found(let numbers, _) = example.expected else { continue }
        let found = try service.items(Query(example.query)).array().map { $0["n"]?.integer ?? 0 }
        #expect(found == numbers, "\(example.text)")
      }
    }

    @Test("mean the same to the reference", arguments: QueryTable.all)
    func reference(_ table: QueryTable) throws {
      let service = try DataStore("memory:").service("documents")
      let documents = try table.parsedDocuments().map { try service.create($0) }
      for example in try table.parsedCases() {
        guard case .found(let numbers, let total) = example.expected, var query = example.query.object else {
          continue
        }
        for name in ["$limit", "$skip"] {
          if let number = query[name]?.string.flatMap({ Int($0) }) { query[name] = JSON(number) }
        }
        if let sort = query["$sort"]?.object {
          query["$sort"] = .object(
            JSONObject(sort.members.map { ($0.name, $0.value == "-1" ? -1 : $0.value) }))
        }
        let answer = ReferenceQuery(query: query).find(in: documents)
        #expect(answer.data.map { $0["n"]?.integer ?? 0 } == numbers, "\(example.text)")
        #expect(answer.total == total, "\(example.text)")
      }
    }

    private static func answer(_ find: () throws -> Page) -> QueryTable.Expected? {
      do {
        let page = try find()
        return .found(page.data.map { $0["n"]?.integer ?? 0 }, total: page.total)
      } catch {
        guard let error = error as? MaquetteError, error.code == .invalidArgument else { return nil }
        return .refused(error.name)
      }
    }
  }
}
