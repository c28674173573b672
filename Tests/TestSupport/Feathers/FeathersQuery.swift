import MaquetteFormats

/// A query as a Feathers server has it: parsed by qs, so that every value is a text.
struct FeathersQuery {
  struct Refusal: Error {
    let parameter: String
  }

  /// Everything but the parameters that begin with `$`.
  private(set) var conditions = JSONObject()
  private(set) var limit: Int?
  private(set) var skip = 0
  private(set) var sort: [(field: String, isAscending: Bool)] = []
  private(set) var select: [String]?
  private(set) var distinct: String?

  init(_ text: String) throws(Refusal) {
    guard let object = Self.parse(text).object else { return }
    for (name, value) in object.members {
      switch name {
      case "$limit": limit = value.string.flatMap { Int($0) }
      case "$skip": skip = value.string.flatMap { Int($0) } ?? 0
      case "$sort": sort = (value.object?.members ?? []).map { ($0.name, $0.value.string != "-1") }
      case "$select": select = value.array?.compactMap(\.string) ?? [value.string ?? ""]
      case "$distinct": distinct = value.string
      case "$or", "$and", "$not": conditions[name] = value
      case _ where name.hasPrefix("$"): throw Refusal(parameter: name)
      default: conditions[name] = value
      }
    }
    // An unknown operator is refused whether or not there is a document to try it on.
    _ = try Self.matches([:], conditions)
  }

  // MARK: qs

  /// `a[b]=c&d[]=e` → `{"a": {"b": "c"}, "d": ["e"]}`
  static func parse(_ text: String) -> JSON {
    var root = JSON.object([:])
    for part in text.split(separator: "&") {
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map {
        percentDecoded(String($0))
      }
      var steps: [String] = []
      var rest = pair[0][...]
      steps.append(String(rest.prefix { $0 != "[" }))
      rest = rest.drop { $0 != "[" }
      while rest.first == "[", let end = rest.firstIndex(of: "]") {
        steps.append(String(rest[rest.index(after: rest.startIndex)..<end]))
        rest = rest[rest.index(after: end)...]
      }
      root = set(root, steps[...], .string(pair.count > 1 ? pair[1] : ""))
    }
    return root
  }

  private static func set(_ json: JSON?, _ steps: ArraySlice<String>, _ value: JSON) -> JSON {
    guard let step = steps.first else {
      // A name that comes twice is a list.
      guard let json else { return value }
      return .array((json.array ?? [json]) + [value])
    }
    if step.isEmpty || json?.array != nil || json == nil && Int(step) != nil {
      var elements = json?.array ?? []
      if let index = Int(step), index < elements.count {
        elements[index] = set(elements[index], steps.dropFirst(), value)
      } else {
        elements.append(set(nil, steps.dropFirst(), value))
      }
      return .array(elements)
    }
    var object = json?.object ?? [:]
    object[step] = set(object[step], steps.dropFirst(), value)
    return .object(object)
  }

  // MARK: Matching, as databases of documents do

  func matches(_ document: JSONObject) -> Bool { (try? Self.matches(document, conditions)) ?? false }

  private static func matches(_ document: JSONObject, _ conditions: JSONObject) throws(Refusal) -> Bool {
    var all = true
    for (name, condition) in conditions.members {
      switch name {
      case "$or", "$and":
        var results: [Bool] = []
        for element in condition.array ?? [] { results.append(try matches(document, element.object ?? [:])) }
        all = (name == "$or" ? results.contains(true) : results.allSatisfy { $0 }) && all
      case "$not": all = try !matches(document, condition.object ?? [:]) && all
      case _ where name.hasPrefix("$"): throw Refusal(parameter: name)
      default: all = try test(value(document, name), condition) && all
      }
    }
    return all
  }

  static func value(_ document: JSONObject, _ path: String) -> JSON? {
    var value: JSON? = .object(document)
    for step in path.split(separator: ".") { value = value?[String(step)] }
    return value
  }

  private static func test(_ value: JSON?, _ condition: JSON) throws(Refusal) -> Bool {
    guard let operators = condition.object, operators.names.contains(where: { $0.hasPrefix("$") }) else {
      return equals(value, condition)
    }
    var all = true
    for (name, operand) in operators.members {
      let holds: Bool
      switch name {
      case "$in": holds = (operand.array ?? []).contains { equals(value, $0) }
      case "$nin": holds = !(operand.array ?? []).contains { equals(value, $0) }
      case "$ne": holds = !equals(value, operand)
      case "$lt": holds = compare(value, operand) { $0 < $1 }
      case "$lte": holds = compare(value, operand) { $0 <= $1 }
      case "$gt": holds = compare(value, operand) { $0 > $1 }
      case "$gte": holds = compare(value, operand) { $0 >= $1 }
      case "$not": holds = try !test(value, operand)
      default: throw Refusal(parameter: name)
      }
      all = holds && all
    }
    return all
  }

  private static func equals(_ value: JSON?, _ expected: JSON) -> Bool {
    value.map { same($0, expected) } ?? false || (value?.array ?? []).contains { same($0, expected) }
  }

  private static func same(_ left: JSON, _ right: JSON) -> Bool {
    if case .string(let left) = left, case .string(let right) = right {
      return left.utf8.elementsEqual(right.utf8)
    }
    return left == right
  }

  private static func compare(_ value: JSON?, _ bound: JSON, _ isOrdered: (String, String) -> Bool) -> Bool {
    guard let value = value?.string, let bound = bound.string else { return false }
    return isOrdered(value, bound)
  }

  // MARK: Order

  func sorted(_ documents: [JSONObject]) -> [JSONObject] {
    documents.sorted { left, right in
      for key in sort {
        let order = Self.order(Self.value(left, key.field), Self.value(right, key.field))
        if order != 0 { return key.isAscending == (order < 0) }
      }
      return false
    }
  }

  private static func order(_ left: JSON?, _ right: JSON?) -> Int {
    let (rank, other) = (self.rank(left), self.rank(right))
    if rank != other { return rank < other ? -1 : 1 }
    switch (left, right) {
    case (.number(let left), .number(let right)): return left < right ? -1 : left > right ? 1 : 0
    case (.string(let left), .string(let right)): return left < right ? -1 : left > right ? 1 : 0
    default: return 0
    }
  }

  private static func rank(_ value: JSON?) -> Int {
    switch value {
    case nil: 0
    case .null: 1
    case .number: 2
    case .string: 3
    case .bool: 4
    case .array: 5
    case .object: 6
    }
  }

  func selected(_ document: JSONObject) -> JSONObject {
    guard let select else { return document }
    return JSONObject(
      document.members.filter { $0.name == "_id" || select.contains($0.name) }.map { ($0.name, $0.value) })
  }
}
