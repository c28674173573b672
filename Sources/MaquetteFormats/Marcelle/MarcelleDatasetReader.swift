package import MaquetteSystem

/// The instances of a dataset in Marcelle's JSON, one after the other, however long the text is:
/// `{"marcelleMeta": {"type": "dataset"}, "instances": [{…}, …]}`. Or the points of one that FluCoMa dumped,
/// `{"cols": 2, "data": {"id": [1, 2], …}}`, as instances with their `identifier`.
///
/// No more than one instance and what was read ahead is in memory.
package struct MarcelleDatasetReader: ~Copyable {
  private var text: JSONPieces
  private let what: String
  private var state = Place.start
  private var hasInstances = false
  private var isMarcelles = false
  /// How many instances were read.
  package private(set) var count = 0

  private enum Place { case start, members, instances, points, end }

  /// - Parameters:
  ///   - what: the name of the text, for messages.
  ///   - read: gives the next bytes; none at the end.
  package init(_ what: String, read: @escaping () throws(MaquetteError) -> [UInt8]) {
    self.what = what
    text = JSONPieces(read: read)
  }

  /// The next instance; nil behind the last.
  ///
  /// - Throws: ``MaquetteError/Code/badJSON``, ``MaquetteError/Code/badUTF8``, ``MaquetteError/Code/badFormat`` for JSON
  ///   that is no dataset of Marcelle's; what reading throws.
  package mutating func next() throws(MaquetteError) -> JSONObject? {
    while true {
      switch state {
      case .start:
        guard try text.take("{") else { throw malformed("it must be a JSON object") }
        state = try text.take("}") ? .end : .members
      case .members: try member()
      case .instances:
        let element = try text.value(as: "instance \(count) of \(what)")
        guard case .object(let instance) = element else {
          throw malformed("instance \(count) is \(element.kind); it must be an object")
        }
        count += 1
        if try !text.take(",") {
          guard try text.take("]") else { throw malformed("',' or ']' must follow instance \(count - 1)") }
          try endMember()
        }
        return instance
      case .points: return try point()
      case .end:
        guard try text.isAtEnd() else { throw malformed("something follows its last brace") }
        guard hasInstances else { throw malformed("it has no \"instances\"") }
        return nil
      }
    }
  }

  private mutating func member() throws(MaquetteError) {
    guard case .string(let name) = try text.value(as: what) else {
      throw malformed("the names of members must be strings")
    }
    guard try text.take(":") else { throw malformed("':' must follow '\(name)'") }
    if name == "data", !isMarcelles, !hasInstances, try text.take("{") {
      hasInstances = true
      if try text.take("}") { try endMember() } else { state = .points }
      return
    }
    guard name == "instances" else {
      let value = try text.value(as: what)
      if name == "marcelleMeta" {
        guard value["type"] == "dataset" else {
          throw malformed("its marcelleMeta says that it is something else: \(value.description.prefix(60))")
        }
        isMarcelles = true
      }
      return try endMember()
    }
    guard try text.take("[") else { throw malformed("its instances must be an array") }
    hasInstances = true
    if try text.take("]") { try endMember() } else { state = .instances }
  }

  /// One of FluCoMa's: `"id": [1, 2]`.
  private mutating func point() throws(MaquetteError) -> JSONObject {
    guard case .string(let identifier) = try text.value(as: what), try text.take(":") else {
      throw malformed("the points of its data must be named by strings")
    }
    let values = try text.value(as: "point \(quoted(identifier)) of \(what)")
    guard values.array != nil else {
      throw malformed("point \(quoted(identifier)) is \(values.kind); it must be an array")
    }
    count += 1
    if try !text.take(",") {
      guard try text.take("}") else { throw malformed("',' or '}' must follow point \(quoted(identifier))") }
      try endMember()
    }
    return ["x": values, "identifier": .string(identifier)]
  }

  private mutating func endMember() throws(MaquetteError) {
    if try text.take(",") {
      state = .members
    } else {
      guard try text.take("}") else { throw malformed("',' or '}' must follow a member") }
      state = .end
    }
  }

  private func malformed(_ reason: String) -> MaquetteError {
    MaquetteError(.badFormat, "\(what) is no dataset of Marcelle's: \(reason)", name: what)
  }
}
