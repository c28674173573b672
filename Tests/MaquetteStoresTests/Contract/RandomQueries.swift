import MaquetteFormats
import MaquetteKernels

/// Random documents and queries about them, the same for the same seed.
struct RandomQueries {
  private var random: Random
  /// Whether the documents are instances, with features of one width.
  let areInstances: Bool
  /// Values that were given to documents, so that queries find some.
  private var pool: [JSON] = []

  init(seed: UInt64, areInstances: Bool) {
    random = Random(seed: seed)
    self.areInstances = areInstances
  }

  private static let texts = [
    "", "a", "b", "B", "ab", "caf\u{e9}", "cafe\u{301}", "\u{5d0}\u{5d1}", "\u{1F600}", "\u{ffee}", "a\u{0}b",
    "'; --",
    "%", "10", "9", "true", "null", "$in", "0123456789abcdef01234567", "a.b", "z z",
  ]
  private static let dates = [
    "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000Z", "2026-01-01T01:00:00+01:00",
    "2025-12-31T23:59:59.999Z",
    "2026-01-01T00:00:00.5Z", "0001-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-01",
    "2026-13-01T00:00:00Z",
  ]
  private static let numbers: [Double] = [
    0, -0.0, 1, 2, 3, 9, 10, -1, 0.1, 0.5, 1e300, -1e300, .leastNonzeroMagnitude, 9_007_199_254_740_991,
    -7.25,
  ]
  private static let fields = [
    "y", "y", "y", "name", "datasetName", "f", "g", "o", "o.p", "o.p.q", "l", "l.p", "l.0", "l.1.p", "x",
    "x.0", "x.1",
    "createdAt", "updatedAt", "id", "_id", "absent", "n", "caf\u{e9}", "it's", "",
  ]

  mutating func pick<Value>(_ values: [Value]) -> Value { values[random.integer(below: values.count)] }
  mutating func oneIn(_ count: Int) -> Bool { random.integer(below: count) == 0 }

  // MARK: Documents

  mutating func document(_ number: Int) -> JSONObject {
    var document: JSONObject = ["n": JSON(number)]
    if areInstances {
      document["datasetName"] = oneIn(6) ? "b" : "a"
      if !oneIn(5) {
        document["x"] = oneIn(4) ? [[feature()], [feature()]] : [feature(), feature()]
      } else if oneIn(3) {
        document["x"] = scalar()
      }
      if !oneIn(6) { document["y"] = label() }
    } else {
      if oneIn(3) { document["datasetName"] = oneIn(3) ? value(depth: 1) : .string(pick(["a", "b"])) }
      if !oneIn(4) { document["y"] = value(depth: 2) }
      if oneIn(4) { document["x"] = [feature(), feature()] }
    }
    // Instances of one dataset have one width: what is no dataset of this test has no features.
    if document["datasetName"]?.string != nil, !areInstances { document["x"] = nil }
    if oneIn(2) { document["name"] = oneIn(4) ? value(depth: 1) : .string(pick(Self.texts)) }
    for field in ["f", "g", "caf\u{e9}", "it's", ""] where oneIn(3) { document[field] = value(depth: 2) }
    if oneIn(3) { document["o"] = ["p": oneIn(2) ? value(depth: 1) : ["q": value(depth: 1)]] }
    if oneIn(3) {
      document["l"] = oneIn(2) ? [["p": value(depth: 1)], ["p": value(depth: 1)]] : value(depth: 2)
    }
    for (_, value) in document.members where pool.count < 400 { pool.append(value) }
    return document
  }

  private mutating func feature() -> JSON { .number(pick([0, 1, 2, 0.5, -3, 1e30])) }

  private mutating func label() -> JSON {
    oneIn(8)
      ? value(depth: 2)
      : oneIn(4) ? .number(pick(Self.numbers)) : .string(pick(["a", "b", "caf\u{e9}", "10"]))
  }

  private mutating func scalar() -> JSON {
    switch random.integer(below: 12) {
    case 0: .null
    case 1: .bool(oneIn(2))
    case 2...4: .number(pick(Self.numbers))
    case 5, 6: .string(pick(Self.dates))
    default: .string(pick(Self.texts))
    }
  }

  private mutating func value(depth: Int) -> JSON {
    guard depth > 0, oneIn(3) else { return scalar() }
    let count = random.integer(below: 4)
    if oneIn(2) { return .array((0..<count).map { _ in value(depth: depth - 1) }) }
    var object = JSONObject()
    for _ in 0..<count { object[pick(["p", "q", "a b"])] = value(depth: depth - 1) }
    return .object(object)
  }

  // MARK: Queries

  mutating func query(among documents: [JSONObject]) -> JSONObject {
    var query = condition(depth: 2, documents)
    if oneIn(3) { query["$sort"] = .object(sort()) }
    if oneIn(3) { query["$limit"] = .number(pick([0, 1, 2, 5, 50, 1000, -3])) }
    if oneIn(4) { query["$skip"] = .number(pick([0, 1, 3, 20, 1e6])) }
    if oneIn(5) {
      query["$select"] = .array((0..<random.integer(below: 3)).map { _ in .string(pick(Self.fields)) })
    }
    return query
  }

  mutating func field() -> String { pick(Self.fields) }

  private mutating func sort() -> JSONObject {
    var keys = JSONObject()
    for _ in 0...random.integer(below: 3) { keys[pick(Self.fields)] = oneIn(2) ? 1 : -1 }
    return keys
  }

  private mutating func condition(depth: Int, _ documents: [JSONObject]) -> JSONObject {
    var query = JSONObject()
    for _ in 0..<pick([0, 1, 1, 1, 2]) {
      switch depth > 0 ? random.integer(below: 8) : 7 {
      case 0: query["$or"] = list(depth, documents)
      case 1: query["$and"] = list(depth, documents)
      case 2: query["$not"] = .object(condition(depth: depth - 1, documents))
      default:
        let field = pick(Self.fields)
        query[field] = test(field, depth: 2, documents)
      }
    }
    return query
  }

  private mutating func list(_ depth: Int, _ documents: [JSONObject]) -> JSON {
    .array((0...random.integer(below: 3)).map { _ in .object(condition(depth: depth - 1, documents)) })
  }

  private mutating func test(_ field: String, depth: Int, _ documents: [JSONObject]) -> JSON {
    if oneIn(3) { return plain(operand(field, documents)) }
    var operators = JSONObject()
    for _ in 0..<pick([1, 1, 2]) {
      switch random.integer(below: depth > 0 ? 8 : 7) {
      case 0: operators["$ne"] = operand(field, documents)
      case 1: operators["$in"] = .array((0..<random.integer(below: 5)).map { _ in operand(field, documents) })
      case 2:
        operators["$nin"] = .array((0..<random.integer(below: 5)).map { _ in operand(field, documents) })
      case 3: operators["$lt"] = operand(field, documents)
      case 4: operators["$lte"] = operand(field, documents)
      case 5: operators["$gt"] = operand(field, documents)
      case 6: operators["$gte"] = operand(field, documents)
      default: operators["$not"] = test(field, depth: depth - 1, documents)
      }
    }
    return .object(operators)
  }

  /// An object whose members begin with `$` would be operators.
  private func plain(_ value: JSON) -> JSON {
    value.object?.names.contains { $0.hasPrefix("$") } == true ? .null : value
  }

  /// Often what some document has there.
  private mutating func operand(_ field: String, _ documents: [JSONObject]) -> JSON {
    if oneIn(4) || documents.isEmpty { return value(depth: 1) }
    if oneIn(4), !pool.isEmpty { return pick(pool) }
    let root = ReferenceQuery.parts(field)[0]
    return pick(documents)[root == "_id" ? "id" : root] ?? scalar()
  }
}
