/// The members of a JSON object, in the order they were added. A name occurs once.
public struct JSONObject: Sendable {
  public private(set) var members: [(name: String, value: JSON)] = []

  public init() {}

  /// Of two members of one name the later wins, at the place of the first.
  public init(_ members: [(String, JSON)]) {
    self.members.reserveCapacity(members.count)
    if members.count <= Self.directSearchLimit {
      for (name, value) in members { self[name] = value }
      return
    }
    // Large objects (a confusion matrix, an index) must not take quadratic time.
    var places: [String: Int] = [:]
    for (name, value) in members {
      if let place = places[name] {
        self.members[place].value = value
      } else {
        places[name] = self.members.count
        self.members.append((name, value))
      }
    }
  }

  private static let directSearchLimit = 16

  public var count: Int { members.count }
  public var isEmpty: Bool { members.isEmpty }
  public var names: [String] { members.map(\.name) }

  /// The member of that name. Setting replaces it in place or adds it at the end; setting nil removes it.
  /// Takes time in proportion to the number of members.
  public subscript(name: String) -> JSON? {
    get { members.first { $0.name == name }?.value }
    set {
      let place = members.firstIndex { $0.name == name }
      switch (place, newValue) {
      case (let place?, let value?): members[place].value = value
      case (let place?, nil): members.remove(at: place)
      case (nil, let value?): members.append((name, value))
      case (nil, nil): break
      }
    }
  }
}

extension JSONObject: Equatable {
  /// The order of the members does not matter.
  public static func == (left: JSONObject, right: JSONObject) -> Bool {
    left.count == right.count && left.members.allSatisfy { right[$0.name] == $0.value }
  }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
  public init(dictionaryLiteral elements: (String, JSON)...) { self.init(elements) }
}
