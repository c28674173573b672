import MaquetteFormats

/// The query language once more: read from the query's JSON at every document, with no thought of speed, and with nothing
/// of what the stores use. What the stores answer must be what this answers.
struct ReferenceQuery {
  let query: JSONObject

  struct Answer: Equatable {
    let total: Int
    let limit: Int
    let skip: Int
    let data: [JSONObject]
  }

  func find(in documents: [JSONObject]) -> Answer {
    let found = ordered(in: documents)
    let limit = query["$limit"].map { min(abs(Int($0.number ?? 0)), 200) } ?? 100
    let skip = query["$skip"].map { Int($0.number ?? 0) } ?? 0
    return Answer(
      total: found.count, limit: limit, skip: skip,
      data: found.dropFirst(skip).prefix(limit).map(selected))
  }

  func count(in documents: [JSONObject]) -> Int { documents.filter(matches).count }

  /// The values of a field in what matches, in the query's order, without those that were there before.
  func distinct(_ field: String, in documents: [JSONObject]) -> [JSON] {
    var values: [JSON] = []
    for document in ordered(in: documents) {
      for value in Self.values(of: field, in: document)
      where !values.contains(where: { Self.order($0, value) == 0 }) {
        values.append(value)
      }
    }
    let skipped = values.dropFirst(query["$skip"].map { Int($0.number ?? 0) } ?? 0)
    return Array(skipped.prefix(query["$limit"].map { abs(Int($0.number ?? 0)) } ?? .max))
  }

  private func ordered(in documents: [JSONObject]) -> [JSONObject] {
    let found = documents.filter(matches)
    guard let keys = query["$sort"]?.object?.members else { return found }
    return found.enumerated().sorted { left, right in
      for (field, direction) in keys {
        let order = Self.order(
          Self.values(of: field, in: left.element).first, Self.values(of: field, in: right.element).first)
        if order != 0 { return (order < 0) == (direction.number == 1) }
      }
      return left.offset < right.offset
    }.map(\.element)
  }

  private func selected(_ document: JSONObject) -> JSONObject {
    guard let names = query["$select"]?.array?.map({ $0.string ?? "" }) else { return document }
    let roots = names.map { Self.parts($0)[0] }
    return JSONObject(
      document.members.filter { member in
        member.name == "id" || roots.contains { Self.isSame($0, member.name) }
      }.map { ($0.name, $0.value) })
  }

  // MARK: Matching

  func matches(_ document: JSONObject) -> Bool { Self.matches(query, document) }

  private static func matches(_ query: JSONObject, _ document: JSONObject) -> Bool {
    for (name, value) in query.members {
      switch name {
      case "$limit", "$skip", "$sort", "$select", "$distinct": continue
      case "$and":
        if !(value.array ?? []).allSatisfy({ matches($0.object ?? [:], document) }) { return false }
      case "$or":
        if !(value.array ?? []).contains(where: { matches($0.object ?? [:], document) }) { return false }
      case "$not": if matches(value.object ?? [:], document) { return false }
      default: if !meets(values(of: name, in: document), value) { return false }
      }
    }
    return true
  }

  /// Whether what a field's name leads to is as asked: a value, or an object of operators.
  private static func meets(_ values: [JSON], _ wanted: JSON) -> Bool {
    guard let operators = wanted.object, operators.members.contains(where: { $0.name.first == "$" }) else {
      return equals(values, wanted)
    }
    for (name, value) in operators.members {
      let isMet: Bool
      switch name {
      case "$ne": isMet = !equals(values, value)
      case "$in": isMet = (value.array ?? []).contains { equals(values, $0) }
      case "$nin": isMet = !(value.array ?? []).contains { equals(values, $0) }
      case "$not": isMet = !meets(values, value)
      case "$lt": isMet = compares(values, value) { $0 < 0 }
      case "$lte": isMet = compares(values, value) { $0 <= 0 }
      case "$gt": isMet = compares(values, value) { $0 > 0 }
      case "$gte": isMet = compares(values, value) { $0 >= 0 }
      default: isMet = false
      }
      if !isMet { return false }
    }
    return true
  }

  /// The values, and the elements of those that are arrays.
  private static func spread(_ values: [JSON]) -> [JSON] {
    values + values.flatMap { $0.array ?? [] }
  }

  private static func equals(_ values: [JSON], _ wanted: JSON) -> Bool {
    values.isEmpty && kind(wanted) == 1 || spread(values).contains { order($0, wanted) == 0 }
  }

  private static func compares(_ values: [JSON], _ bound: JSON, _ isRight: (Int) -> Bool) -> Bool {
    spread(values).contains { kind($0) == kind(bound) && isRight(order($0, bound)) }
  }

  // MARK: Fields

  static func parts(_ field: String) -> [String] {
    field.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
  }

  private static func values(of field: String, in document: JSONObject) -> [JSON] {
    var names = parts(field)
    if names[0] == "_id" { names[0] = "id" }
    return values(names, .object(document))
  }

  private static func values(_ names: [String], _ value: JSON) -> [JSON] {
    if names.isEmpty { return [value] }
    let rest = Array(names.dropFirst())
    if case .object(let object) = value {
      return object.members.filter { isSame($0.name, names[0]) }.flatMap { values(rest, $0.value) }
    }
    guard case .array(let elements) = value else { return [] }
    if let index = UInt32(names[0]), String(index) == names[0] {
      return index < elements.count ? values(rest, elements[Int(index)]) : []
    }
    return elements.filter { kind($0) == 7 }.flatMap { values(names, $0) }
  }

  // MARK: Order

  /// 0 missing, 1 null, 2 number, 3 string, 4 boolean, 5 date, 6 array, 7 object.
  private static func kind(_ value: JSON?) -> Int {
    switch value {
    case nil: 0
    case .null: 1
    case .number: 2
    case .string(let text): moment(text) == nil ? 3 : 5
    case .bool: 4
    case .array: 6
    case .object: 7
    }
  }

  /// Less than, equal to or greater than 0.
  static func order(_ left: JSON?, _ right: JSON?) -> Int {
    guard kind(left) == kind(right) else { return kind(left) - kind(right) }
    switch (left, right) {
    case (.number(let left), .number(let right)): return left < right ? -1 : left > right ? 1 : 0
    case (.bool(let left), .bool(let right)): return left == right ? 0 : left ? 1 : -1
    case (.string(let left), .string(let right)):
      if let left = moment(left), let right = moment(right) {
        return left < right ? -1 : left > right ? 1 : 0
      }
      return order(left, right)
    case (.array(let left), .array(let right)):
      for place in 0..<min(left.count, right.count) where order(left[place], right[place]) != 0 {
        return order(left[place], right[place])
      }
      return left.count - right.count
    case (.object(let left), .object(let right)):
      let left = left.members.sorted { order($0.name, $1.name) < 0 }
      let right = right.members.sorted { order($0.name, $1.name) < 0 }
      for place in 0..<min(left.count, right.count) {
        let name = order(left[place].name, right[place].name)
        if name != 0 { return name }
        let value = order(left[place].value, right[place].value)
        if value != 0 { return value }
      }
      return left.count - right.count
    default: return 0
    }
  }

  private static func order(_ left: String, _ right: String) -> Int {
    let (left, right) = (Array(left.utf8), Array(right.utf8))
    for place in 0..<min(left.count, right.count) where left[place] != right[place] {
      return Int(left[place]) - Int(right[place])
    }
    return left.count - right.count
  }

  private static func isSame(_ left: String, _ right: String) -> Bool { order(left, right) == 0 }

  /// Milliseconds since 1970 of `2026-01-01T00:00:00.000Z` or `…+01:00`; nil for any other text.
  private static func moment(_ text: String) -> Int? {
    var rest = Array(text.utf8)[...]
    func number(_ digits: Int) -> Int? {
      guard rest.count >= digits, rest.prefix(digits).allSatisfy({ (48...57).contains($0) }) else {
        return nil
      }
      defer { rest = rest.dropFirst(digits) }
      return rest.prefix(digits).reduce(0) { $0 * 10 + Int($1) - 48 }
    }
    func sign(_ characters: String) -> UInt8? {
      guard let first = rest.first, characters.utf8.contains(first) else { return nil }
      rest = rest.dropFirst()
      return first
    }
    guard let year = number(4), sign("-") != nil, let month = number(2), sign("-") != nil,
      let day = number(2),
      sign("T") != nil, let hour = number(2), sign(":") != nil, let minute = number(2), sign(":") != nil,
      let second = number(2), (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60,
      second < 61
    else { return nil }
    var milliseconds = 0
    if sign(".") != nil {
      var factor = 100
      guard let first = number(1) else { return nil }
      milliseconds += first * factor
      var digits = 1
      while let digit = number(1) {
        digits += 1
        factor /= 10
        milliseconds += digit * factor
      }
      guard digits <= 9 else { return nil }
    }
    var offset = 0
    if let direction = sign("+-") {
      guard let hours = number(2), sign(":") != nil, let minutes = number(2), hours < 24, minutes < 60 else {
        return nil
      }
      offset = (hours * 60 + minutes) * (direction == 43 ? 1 : -1)
    } else if sign("Z") == nil {
      return nil
    }
    guard rest.isEmpty else { return nil }
    // Days since 0000-01-01, counted as a calendar does.
    func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }
    let lengths = [31, isLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    let leapDays = year == 0 ? 0 : (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400 + 1
    let days = year * 365 + leapDays + lengths[..<(month - 1)].reduce(0, +) + day - 1 - 719_528
    return ((days * 24 + hour) * 60 + minute - offset) * 60_000 + second * 1000 + milliseconds
  }
}
