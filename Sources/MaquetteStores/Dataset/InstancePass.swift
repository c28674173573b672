package import MaquetteSystem

/// One pass over the instances of a dataset that must not change meanwhile; for one thread at a time.
package final class InstancePass {
  /// How many instances there are.
  package let total: Int

  private let dataset: Dataset
  private let startedAt: Int64
  private var version: StoreVersion
  private var request: BlockRequest
  /// The instances read so far.
  private var seen: [PredictedInstance] = []

  /// Stands before the first instance.
  ///
  /// - Parameters:
  ///   - field: where the features are: `x`, or a field of the documents; dots lead into objects and arrays.
  ///   - rows: the most rows of a block.
  /// - Throws: what reading meets.
  package init(_ dataset: Dataset, field: String, rows: Int) throws(MaquetteError) {
    let name = dataset.name
    self.dataset = dataset
    startedAt = Timestamp.now().milliseconds
    request = BlockRequest(dataset: name, target: .optionalLabel, rows: rows)
    request.field = field
    request.keepsTruth = true
    (version, total) = try dataset.service.read { (session) throws(MaquetteError) in
      (try session.currentVersion(), try session.count(name))
    }
  }

  /// The instances as they are now.
  package func instances() throws(MaquetteError) -> InstanceSet {
    let name = dataset.name
    return try dataset.service.read { (session) throws(MaquetteError) in
      var values: Set<PredictedInstance> = []
      try session.scan(name, [], skip: 0) { record in
        values.insert(PredictedInstance(id: record.id, updatedAt: record.updatedAt))
        return true
      }
      return InstanceSet(values)
    }
  }

  /// The next rows, with their ids and ``InstanceTable/truth``; nil behind the last.
  ///
  /// - Throws: ``MaquetteError/Code/conflict`` when the dataset changed since the pass began,
  ///   ``MaquetteError/Code/badShape``, ``MaquetteError/Code/notFinite`` for an instance that can't be used, all naming
  ///   it; ``MaquetteError/Code/inputOutput`` when the store is gone; or what else reading meets.
  package func next() throws(MaquetteError) -> InstanceTable? {
    let request = request
    let (seen, total, startedAt, before) = (seen, total, startedAt, version)
    let (block, version) = try dataset.service.read {
      (session) throws(MaquetteError) -> (Block?, StoreVersion) in
      try session.requirePresence()
      let version = try session.currentVersion()
      // Another process may have written anything anywhere: whether it was to this dataset is looked up once, at the
      // end, unless it is seen at once.
      let isOver = seen.count == total
      if version.own != before.own || isOver && version != before {
        try Self.check(session, request.dataset, seen, total, startedAt)
      } else if try session.count(request.dataset) != total {
        throw Self.changed(request.dataset)
      }
      return isOver
        ? (nil, version) : (try session.block(request), isOver ? version : Self.own(version, before))
    }
    self.version = version
    guard let block else { return nil }
    guard let ids = block.table.ids, !ids.isEmpty, seen.count + ids.count <= total else {
      throw Self.changed(request.dataset)
    }
    self.seen.reserveCapacity(total)
    for (row, id) in ids.values.enumerated() {
      self.seen.append(PredictedInstance(id: id, updatedAt: ids.updatedAt[row]))
    }
    self.request = block.next
    return block.table
  }

  /// What was looked at: the own transactions, but not those of others.
  private static func own(_ version: StoreVersion, _ before: StoreVersion) -> StoreVersion {
    StoreVersion(foreign: before.foreign, own: version.own)
  }

  private static func check(
    _ session: any Session, _ dataset: String, _ seen: [PredictedInstance], _ total: Int, _ startedAt: Int64
  ) throws(MaquetteError) {
    var place = 0
    try session.scan(dataset, [], skip: 0) { (record) throws(MaquetteError) in
      if place < seen.count {
        guard seen[place] == PredictedInstance(id: record.id, updatedAt: record.updatedAt) else {
          throw changed(dataset)
        }
      } else if record.updatedAt > startedAt {
        throw changed(dataset)
      }
      place += 1
      return true
    }
    guard place == total else { throw changed(dataset) }
  }

  private static func changed(_ dataset: String) -> MaquetteError {
    MaquetteError(
      .conflict, "dataset \(quoted(dataset)) changed while predictions of its instances were made",
      name: dataset)
  }
}
