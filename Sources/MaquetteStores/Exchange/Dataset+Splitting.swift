public import MaquetteFormats
import MaquetteKernels
public import MaquetteSystem

/// How the instances of a dataset are drawn into two.
public struct DatasetSplit: Sendable {
  /// Of all instances, how many go into the first; more than 0 and less than 1.
  public var share: Double
  /// The field of which both get the same share of every value, as near as whole instances allow. Nil: of none.
  public var stratum: String? = "y"
  /// The field whose equal values stay together, in one of the two: a person, a session. An instance without it is on its
  /// own. Then no field is stratified.
  public var group: String?
  /// The same seed draws the same instances.
  public var seed: UInt64 = 0

  public init(share: Double = 0.8) { self.share = share }

  /// Reads `{"share": 0.8, "seed": 0, "stratify": "y", "group": "person"}`; all may be left out.
  ///
  /// - Throws: ``MaquetteError/Code/badJSON``, ``MaquetteError/Code/invalidArgument``, naming the member.
  public init(_ json: JSONObject) throws(MaquetteError) {
    self.init()
    for (member, value) in json.members {
      switch (member, value) {
      case ("share", .number(let number)): share = number
      case ("seed", .number):
        guard let number = value.integer else {
          throw MaquetteError(.badJSON, "'seed' must be a whole number", name: member)
        }
        seed = UInt64(bitPattern: Int64(number))
      case ("stratify", .string(let field)): stratum = field
      case ("stratify", .null): stratum = nil
      case ("group", .string(let field)): group = field
      case ("group", .null): group = nil
      case ("share", _), ("seed", _), ("stratify", _), ("group", _):
        throw MaquetteError(.badJSON, "'\(member)' can't be \(value.description.prefix(40))", name: member)
      default:
        throw MaquetteError(
          .invalidArgument,
          "there is no option '\(member)' for a split: there are share, seed, stratify and group",
          name: member)
      }
    }
  }
}

extension Dataset {
  /// Copies all instances into two other datasets, each into one of them, in their order. The copies have ids and dates of
  /// their own.
  ///
  /// - Parameters:
  ///   - first: an empty dataset, of this store or another.
  ///   - second: another empty one.
  /// - Returns: how many instances either got.
  /// - Throws: ``MaquetteError/Code/invalidArgument`` for a share that is none, and datasets that are not empty or not three
  ///   different ones; ``MaquetteError/Code/noRows`` for less than two instances, or groups; ``MaquetteError/Code/conflict``
  ///   when the instances change meanwhile; what reading and writing meets. Then the two stay empty.
  @discardableResult
  public func split(
    _ split: DatasetSplit, into first: Dataset, _ second: Dataset
  ) throws(MaquetteError) -> (first: Int, second: Int) {
    guard split.share > 0, split.share < 1 else {
      throw MaquetteError(
        .invalidArgument, "the share is \(split.share); it must be more than 0 and less than 1", name: "share"
      )
    }
    for (one, other) in [(self, first), (self, second), (first, second)] where one.isSame(as: other) {
      throw MaquetteError(
        .invalidArgument, "a dataset is split into two others, but \(quoted(one.name)) is named twice",
        name: one.name)
    }
    for part in [first, second] where try part.count(Query()) > 0 {
      throw MaquetteError(
        .invalidArgument, "a dataset is split into two empty ones, but \(quoted(part.name)) has instances",
        name: part.name)
    }
    let drawn = try draw(split)
    do throws(MaquetteError) {
      return try copy(drawn, first, second)
    } catch {
      // What can't be cleared now is no worse than what was met before.
      for part in [first, second] { try? part.clear() }
      throw error
    }
  }

  private func isSame(as other: Dataset) -> Bool {
    store === other.store && serviceName == other.serviceName && name == other.name
  }

  /// Of each instance, in the order they were created, whether it goes into the first.
  private func draw(_ split: DatasetSplit) throws(MaquetteError) -> [(id: DocumentID, isFirst: Bool)] {
    let name = name
    let path = (split.group ?? split.stratum).map { FieldPath($0) }
    let (ids, keys) = try service.read { (session) throws(MaquetteError) -> ([DocumentID], [String?]) in
      var ids: [DocumentID] = []
      var keys: [String?] = []
      try session.scan(name, path.map { RecordParts(toRead: $0.root) } ?? [], skip: 0) { record in
        ids.append(record.id)
        let value = path?.value(in: record)
        keys.append(value.flatMap { $0.isNull ? nil : $0.description })
        return true
      }
      return (ids, keys)
    }
    var random = Random(seed: split.seed)
    let isFirst =
      split.group == nil
      ? Self.strata(keys, split.share, &random) : Self.groups(keys, split.share, &random)
    guard isFirst.contains(true), isFirst.contains(false) else {
      throw MaquetteError(
        .noRows,
        "dataset \(quoted(name)) can't be split: \(split.group == nil ? "instances" : "groups") for both parts are needed",
        name: name)
    }
    return zip(ids, isFirst).map { ($0, $1) }
  }

  /// The same share of every key; those without are a key of their own.
  private static func strata(_ keys: [String?], _ share: Double, _ random: inout Random) -> [Bool] {
    var rowsOfKey: [[Int]] = []
    var places: [String?: Int] = [:]
    for (row, key) in keys.enumerated() {
      let place = places[key] ?? rowsOfKey.count
      if place == rowsOfKey.count {
        rowsOfKey.append([])
        places[key] = place
      }
      rowsOfKey[place].append(row)
    }
    // Largest remainder: each gives its share rounded down, and those that lost most by that give one more, until the
    // total is the share of all.
    let shares = rowsOfKey.map { Double($0.count) * share }
    var counts = shares.map { Int($0.rounded(.down)) }
    let total = Int((Double(keys.count) * share).rounded())
    let byRemainder = shares.indices.sorted { first, second in
      let (left, right) = (shares[first] - Double(counts[first]), shares[second] - Double(counts[second]))
      return left != right ? left > right : first < second
    }
    for place in byRemainder.prefix(max(0, total - counts.reduce(0, +))) { counts[place] += 1 }
    var isFirst = [Bool](repeating: false, count: keys.count)
    for place in rowsOfKey.indices {
      random.shuffle(&rowsOfKey[place])
      for row in rowsOfKey[place].prefix(counts[place]) { isFirst[row] = true }
    }
    return isFirst
  }

  /// Whole groups, at random, as long as each brings the number nearer to the share.
  private static func groups(_ keys: [String?], _ share: Double, _ random: inout Random) -> [Bool] {
    var groups: [[Int]] = []
    var places: [String: Int] = [:]
    for (row, key) in keys.enumerated() {
      if let key, let place = places[key] {
        groups[place].append(row)
        continue
      }
      if let key { places[key] = groups.count }
      groups.append([row])
    }
    random.shuffle(&groups)
    let wanted = Double(keys.count) * share
    var isFirst = [Bool](repeating: false, count: keys.count)
    var count = 0
    for group in groups
    where abs(Double(count + group.count) - wanted) < abs(Double(count) - wanted) {
      count += group.count
      for row in group { isFirst[row] = true }
    }
    return isFirst
  }

  private func copy(
    _ drawn: [(id: DocumentID, isFirst: Bool)], _ first: Dataset, _ second: Dataset
  ) throws(MaquetteError) -> (Int, Int) {
    var adding = (BlockwiseAdding(first, quoted(name)), BlockwiseAdding(second, quoted(name)))
    let reader = RecordReader(service, name, Query())
    for (id, isFirst) in drawn {
      guard let record = try reader.next(), record.id == id else { throw changed() }
      var copy = Record(id: DocumentID.make())
      (copy.name, copy.features, copy.label, copy.fields) =
        (record.name, record.features, record.label, record.fields)
      // Files belong to the document they were stored with.
      copy.fields["files"] = nil
      copy.dataset = isFirst ? first.name : second.name
      if isFirst { try adding.0.add(copy) } else { try adding.1.add(copy) }
    }
    guard try reader.next() == nil else { throw changed() }
    return (try adding.0.finish(), try adding.1.finish())
  }

  private func changed() -> MaquetteError {
    MaquetteError(.conflict, "dataset \(quoted(name)) changed while it was split", name: name)
  }
}
