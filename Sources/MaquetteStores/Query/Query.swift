public import MaquetteFormats
import MaquetteSystem

/// Which documents of a service are wanted, in what order, and how many at once.
///
/// The language is that of Marcelle's stores: `{"y": "a", "score": {"$gt": 0.5}, "$sort": {"createdAt": -1},
/// "$limit": 10}`. Fields are all to match; a dotted name descends into objects and arrays. A field given a value is
/// compared with it, where an array also matches through one of its elements and null also matches a field that
/// isn't there; given an object of operators (`$in`, `$nin`, `$lt`, `$lte`, `$gt`, `$gte`, `$ne`, `$not`), it must
/// meet all of them. `$or` and `$and` take a list of queries, `$not` one.
///
/// `$lt` and its family compare within one type only. A string that is an ISO 8601 moment
/// (`2026-01-01T00:00:00.000Z`, or with `+01:00` in the place of `Z`) is a date, and dates are compared as moments;
/// other strings byte by byte.
public struct Query: Sendable {
  /// Documents a page holds where the query does not say: 100.
  public static let defaultLimit = 100
  /// Documents a page holds at the most: 200.
  public static let largestLimit = 200

  /// How many documents to return; their sign does not matter, more than ``largestLimit`` are not given, and 0 only
  /// counts.
  public var limit: Int?
  /// How many of the matching documents to pass over.
  public var skip = 0
  /// What to order by, the first first; without, documents come in the order they were created.
  public var sort: [SortKey] = []
  /// The members to return; nil returns all. The id always comes along.
  public var select: [String]?

  /// The field whose different values are wanted, instead of documents; see ``Service/answer(_:)``.
  public var distinct: String?

  /// Whether all documents that match come at once, however many.
  package var isUnlimited = false

  var condition = Condition.all([])

  /// A field to order by.
  public struct SortKey: Sendable, Equatable {
    public let field: String
    public let isAscending: Bool

    public init(_ field: String, ascending: Bool = true) {
      self.field = field
      isAscending = ascending
    }
  }

  /// Every document, in the order they were created.
  public init() {}

  var pageLimit: Int {
    if isUnlimited { return Int.max }
    guard let limit else { return Self.defaultLimit }
    return Int(min(limit.magnitude, UInt(Self.largestLimit)))
  }

  /// - Throws: ``MaquetteError/Code/unsupported`` where it asks for values.
  func requireDocuments() throws(MaquetteError) {
    guard distinct != nil else { return }
    throw MaquetteError(
      .unsupported, "a query with $distinct gives values, not documents: ask for its answer",
      name: "$distinct")
  }

  /// What must be read of a record to tell whether it matches and where it belongs.
  var parts: RecordParts {
    var parts = condition.parts
    for key in sort { parts.formUnion(RecordParts(toRead: FieldPath(key.field).root)) }
    return parts
  }

  /// What must be read of a record that is returned.
  var selectedParts: RecordParts {
    guard let select else { return .all }
    return select.reduce(into: []) { $0.formUnion(RecordParts(toRead: FieldPath($1).root)) }
  }
}

/// Some of the documents that match a query.
public struct Page: Sendable, Equatable {
  /// How many documents match.
  public let total: Int
  public let limit: Int
  public let skip: Int
  public let data: [JSONObject]

  package init(total: Int, limit: Int, skip: Int, data: [JSONObject]) {
    self.total = total
    self.limit = limit
    self.skip = skip
    self.data = data
  }

  /// `{"total": …, "limit": …, "skip": …, "data": […]}`
  public var json: JSON {
    [
      "total": JSON(total), "limit": JSON(limit), "skip": JSON(skip),
      "data": .array(data.map { .object($0) }),
    ]
  }
}
