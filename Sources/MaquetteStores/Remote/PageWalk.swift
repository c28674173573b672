import MaquetteFormats
import MaquetteSystem

/// The pages of what matches a query, one after the other in the order of creation.
struct PageWalk {
  private let client: FeathersClient
  private let service: String
  private let query: QueryString
  /// How many documents the next page passes over.
  private(set) var skip: Int
  /// How many matched when the last page was read.
  private(set) var total = 0
  private var limit = 32
  private var isOver = false

  /// Documents of a page, and bytes it should have; a server gives fewer documents where it likes.
  private static let mostDocuments = 1024
  private static let goodSize = (512 << 10)..<(8 << 20)

  /// - Parameter query: which documents, and which members of them.
  init(_ client: FeathersClient, _ service: String, _ query: QueryString, skip: Int = 0) {
    self.client = client
    self.service = service
    self.skip = skip
    var query = query
    query.add(["$sort", "createdAt"], "1")
    query.add(["$sort", "_id"], "1")
    self.query = query
  }

  /// The next page, with at least one document; nil behind the last.
  mutating func next() throws(MaquetteError) -> [JSONObject]? {
    guard !isOver else { return nil }
    var query = query
    query.add("$limit", String(limit))
    query.add("$skip", String(skip))
    let page: FeathersClient.Page
    do throws(MaquetteError) {
      page = try client.find(service, query)
    } catch  where error.code == .outOfMemory && limit > 1 {
      // Large documents.
      limit = max(1, limit / 4)
      return try next()
    }
    total = page.total
    skip += page.documents.count
    isOver = page.documents.isEmpty || skip >= page.total
    if page.bytes < Self.goodSize.lowerBound {
      limit = min(2 * limit, Self.mostDocuments)
    } else if page.bytes >= Self.goodSize.upperBound {
      limit = max(1, limit / 2)
    }
    return page.documents.isEmpty ? nil : page.documents
  }
}
