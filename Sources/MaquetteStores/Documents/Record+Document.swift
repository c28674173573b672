import MaquetteFormats
import MaquetteSystem

extension Record {
  /// The record of a document that somebody wants to store. Dates the document has are not looked at.
  ///
  /// - Throws: ``MaquetteError/Code/invalidArgument`` for an id of another form, ``MaquetteError/Code/notFinite``.
  init(_ document: JSONObject, id given: DocumentID? = nil) throws(MaquetteError) {
    var found = given
    if found == nil { found = try Record.id(of: document) }
    let id = found ?? DocumentID.make()
    self.init(id: id)
    try set(document)
  }

  /// The record that a document was made of, with its id and dates; nil for what a store did not give.
  init?(told document: JSONObject) {
    guard let id = document["id"]?.string.flatMap({ DocumentID($0) }),
      let record = try? Record(document, id: id)
    else { return nil }
    self = record
    createdAt = document["createdAt"]?.string.flatMap { Timestamp($0) }?.milliseconds ?? 0
    updatedAt = document["updatedAt"]?.string.flatMap { Timestamp($0) }?.milliseconds ?? 0
  }

  /// Puts these members in the place of those of their names. The id and the dates stay as they are.
  ///
  /// - Throws: ``MaquetteError/Code/invalidArgument`` for what is nested too deep, ``MaquetteError/Code/notFinite``.
  mutating func set(_ members: JSONObject) throws(MaquetteError) {
    for (member, value) in members.members {
      try Record.check(value, member, depth: 1)
      // What is no column's. (A bare nil would be JSON's null here.)
      var rest: JSON? = Optional.none
      switch (member, value) {
      case ("id", _), ("createdAt", _), ("updatedAt", _): continue
      case ("datasetName", _):
        dataset = value.string
        if dataset == nil { rest = value }
      case ("name", _):
        name = value.string
        if name == nil { rest = value }
      case ("y", .string(let text)): label = .text(text)
      case ("y", .number(let number)): label = .number(number)
      case ("y", _):
        label = nil
        rest = value
      case ("x", _):
        features = nil
        rest = value
      default: rest = value
      }
      fields[member] = rest
    }
    try sortFeatures()
  }

  /// Only an instance of a dataset has features; any other document has its `x` among the fields.
  private mutating func sortFeatures() throws(MaquetteError) {
    if dataset == nil {
      guard let features else { return }
      fields["x"] = features.json
      self.features = nil
    } else if let x = fields["x"], let numbers = try Features(x, of: id.text) {
      features = numbers
      fields["x"] = nil
    }
  }

  /// The id a new document brings with it; nil if it has none.
  private static func id(of document: JSONObject) throws(MaquetteError) -> DocumentID? {
    guard let given = document["id"], !given.isNull else { return nil }
    guard let text = given.string, let id = DocumentID(text) else {
      throw MaquetteError(
        .invalidArgument,
        "the id of a document must be 24 hexadecimal digits, not \(given.description.prefix(60))",
        name: "id")
    }
    return id
  }

  /// The deepest nesting that the JSON reader accepts, which will read this again.
  private static let deepest = 255

  private static func check(_ value: JSON, _ member: String, depth: Int) throws(MaquetteError) {
    guard depth <= deepest else {
      throw MaquetteError(
        .invalidArgument, "'\(member)' is nested deeper than \(deepest) levels", name: member)
    }
    switch value {
    case .number(let number):
      guard number.isFinite else {
        throw MaquetteError(.notFinite, "'\(member)' holds \(number): numbers must be finite", name: member)
      }
    case .array(let elements):
      for element in elements { try check(element, member, depth: depth + 1) }
    case .object(let object):
      for (_, value) in object.members { try check(value, member, depth: depth + 1) }
    case .null, .bool, .string: break
    }
  }

  /// The document as readers get it.
  var document: JSONObject { document { _ in true } }

  private func document(_ isWanted: (String) -> Bool) -> JSONObject {
    var members: [(String, JSON)] = []
    members.reserveCapacity(fields.members.count + 7)
    forEachMember(isWanted) { members.append(($0, $1.json)) }
    return JSONObject(members)
  }

  /// Calls `body` with the members of the document that are wanted, and the id; nothing is made of the others.
  private func forEachMember(_ isWanted: (String) -> Bool, _ body: (String, Member) -> Void) {
    body("id", .id(id))
    if let dataset, isWanted("datasetName") { body("datasetName", .json(.string(dataset))) }
    if let name, isWanted("name") { body("name", .json(.string(name))) }
    if let features, isWanted("x") { body("x", .features(features)) }
    if let prediction {
      for (member, value) in members(of: prediction) where isWanted(member) { body(member, .json(value)) }
    } else if let label, isWanted("y") {
      body("y", .json(label.json))
    }
    for (member, value) in fields.members where isWanted(member) { body(member, .json(value)) }
    if isWanted("createdAt") { body("createdAt", .date(createdAt)) }
    if isWanted("updatedAt") { body("updatedAt", .date(updatedAt)) }
  }

  /// A member of a document as a record has it.
  private enum Member {
    case json(JSON)
    case id(DocumentID)
    /// Milliseconds since 1970.
    case date(Int64)
    case features(Features)

    var json: JSON {
      switch self {
      case .json(let value): value
      case .id(let id): .string(id.text)
      case .date(let date): .string(Timestamp(milliseconds: date).description)
      case .features(let features): features.json
      }
    }

    func write(to text: inout JSONWriter) {
      switch self {
      case .json(let value): text.write(value)
      case .id(let id): id.write(to: &text)
      case .date(let date):
        let moment = Timestamp(milliseconds: date)
        if !text.write(plain: Timestamp.usualLength, { moment.write(to: $0) }) {
          text.write(moment.description)
        }
      case .features(let features): features.write(to: &text)
      }
    }
  }

  /// One member of ``document``, without making the others.
  subscript(member: String) -> JSON? {
    switch member {
    case "id", "_id": .string(id.text)
    case "createdAt": .string(Timestamp(milliseconds: createdAt).description)
    case "updatedAt": .string(Timestamp(milliseconds: updatedAt).description)
    case "datasetName" where dataset != nil: dataset.map { .string($0) }
    case "name" where name != nil: name.map { .string($0) }
    case "x" where features != nil: features?.json
    case "y" where label != nil && prediction == nil: label?.json
    default: fields.member(member) ?? prediction.flatMap { self.member(member, of: $0) }
    }
  }

  /// The document with the members named, and its id; all of it for nil.
  func document(selecting members: [String]?) -> JSONObject { document(Self.isNamed(members)) }

  /// Writes what ``document(selecting:)`` gives, in a fraction of the time it takes to make that and write it.
  func write(to text: inout JSONWriter, selecting members: [String]? = nil) {
    // A field that a prediction was given takes the place of the member of its name.
    guard prediction == nil || fields.isEmpty else {
      return text.write(.object(document(selecting: members)))
    }
    text.beginObject()
    forEachMember(Self.isNamed(members)) { name, member in
      text.name(name)
      member.write(to: &text)
    }
    text.endObject()
  }

  private static func isNamed(_ members: [String]?) -> (String) -> Bool {
    guard let members else { return { _ in true } }
    let roots = members.map { FieldPath($0).root }
    return { member in roots.contains { isSame($0, member) } }
  }

  /// What the label is called among text labels; nil where there is none.
  ///
  /// Numbers and booleans are written as in JSON, and so is anything else that somebody put under `y`.
  var labelText: String? {
    if case .text(let text) = label { return text }
    guard let value = self["y"], !value.isNull else { return nil }
    return value.description
  }
}

extension JSONObject {
  /// The members named, of a dotted name the first part, and the id.
  func selecting(_ names: [String]) -> JSONObject {
    let kept = Set(names.map { ExactText(FieldPath($0).root) })
    return JSONObject(
      members.filter { $0.name == "id" || kept.contains(ExactText($0.name)) }.map { ($0.name, $0.value) })
  }
}
