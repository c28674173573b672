public import MaquetteFormats
import MaquetteStreams
public import MaquetteSystem
import Synchronization

extension Dataset {
  /// A live view of the instances that match a query, with a count and changes of its own.
  ///
  /// Takes time in proportion to the instances, and 16 bytes of memory for each that matches. Any number of views, of any
  /// queries, can be open on one dataset.
  ///
  /// - Parameter query: may say in what order, and with what members, ``DatasetView/find(_:)`` and ``DatasetView/items(_:)``
  ///   give the instances.
  /// - Throws: ``MaquetteError/Code/invalidArgument`` for a query with `$limit` or `$skip`: a view is all that matches; or
  ///   what reading meets.
  public func sift(_ query: Query) throws(MaquetteError) -> DatasetView { try DatasetView(of: self, query) }
}

/// The instances of a dataset that match a query, and what happens to them; see ``Dataset/sift(_:)``.
///
/// Every method may be called from any thread.
public final class DatasetView: @unchecked Sendable {  // wrapped properties are never assigned again
  public let dataset: Dataset
  public let query: Query

  /// How many instances match. `$count` is held.
  @Counted public internal(set) var count = 0

  /// What happens to the view, told as a dataset tells it, after `$count`: an instance that is changed so that it matches
  /// is `created`, one that does not any more is `removed`.
  @Announced public internal(set) var changes: [DatasetChange] = [.ready]

  private let state = Mutex(State())
  private let arrivals = Outbox<[DatasetChange]>()
  private let observation = Mutex<Observation?>(nil)

  fileprivate struct State {
    var members: Set<DocumentID> = []
    /// The last transaction that `members` has seen; nil until they were read.
    var transaction: UInt64?
  }

  fileprivate init(of dataset: Dataset, _ query: Query) throws(MaquetteError) {
    guard query.limit == nil, query.skip == 0 else {
      let name = query.limit == nil ? "$skip" : "$limit"
      throw MaquetteError(.invalidArgument, "a view is all that matches: it can't have a \(name)", name: name)
    }
    self.dataset = dataset
    self.query = query
    _count.attach { [weak self] in self?.state.withLock { $0.members.count } }
    // First to hear of what happens, then to look what is there: nothing is missed between the two.
    let observation = dataset.$changes.observe { [weak self] event in self?.receive(event.value) }
    self.observation.withLock { $0 = observation }
    try read()
    handOut()
  }

  deinit {
    observation.withLock { $0 }?.cancel()
    $count.close()
    $changes.close()
  }

  private func read() throws(MaquetteError) {
    let (query, name) = (query, dataset.name)
    let (ids, transaction) = try dataset.service.read { (session) throws(MaquetteError) in
      (try session.matches(of: query, in: name).map(\.id), session.version.own)
    }
    state.withLock { state in
      state.members = Set(ids)
      state.transaction = transaction
    }
    $count.set(ids.count)
  }

  private func receive(_ changes: [DatasetChange]) {
    arrivals.add(changes)
    if state.withLock({ $0.transaction != nil }) { handOut() }
  }

  private func handOut() {
    arrivals.drain { arrived in
      var told: [DatasetChange] = []
      if let reloaded = arrived.first(where: { $0.level == .dataset && $0.type == .reloaded }) {
        // A store that can't be read now says so to whoever reads the view.
        try? read()
        self.changes = [reloaded]
        return
      }
      let count = state.withLock { state in
        for change in arrived {
          guard let transaction = change.transaction, transaction > state.transaction ?? 0 else { continue }
          if let change = state.take(change, query.condition) { told.append(change) }
        }
        return state.members.count
      }
      if told.isEmpty { return }
      $count.set(count)
      self.changes = told
    }
  }

  // MARK: Reading

  /// A page of the instances of the view that match a query as well.
  ///
  /// - Throws: as ``Dataset/find(_:)``.
  public func find(_ query: Query = Query()) throws(MaquetteError) -> Page {
    try dataset.find(self.query.narrowed(by: query))
  }

  /// The instances of the view that match a query as well, read page by page when they are asked for.
  public func items(_ query: Query = Query()) -> LazyIterable<JSONObject> {
    dataset.items(self.query.narrowed(by: query))
  }

  /// As ``items(_:)``, for whoever wants no more than their text.
  package func texts(_ query: Query) -> DocumentTexts { dataset.texts(self.query.narrowed(by: query)) }

  /// The different values of a field, the first seen first.
  ///
  /// - Throws: as ``Dataset/distinct(_:_:)``.
  public func distinct(_ field: String) throws(MaquetteError) -> [JSON] { try dataset.distinct(field, query) }

  /// The view as a source of blocks, to train on.
  ///
  /// - Throws: as ``Dataset/blocks(rows:matching:)``.
  public func blocks(rows: Int? = nil) throws(MaquetteError) -> DatasetBlocks {
    try dataset.blocks(rows: rows, matching: query)
  }
}

extension DatasetView.State {
  /// What a change of the dataset is to the view; nil where it does not concern it.
  fileprivate mutating func take(_ change: DatasetChange, _ condition: Condition) -> DatasetChange? {
    guard change.level == .instance else {
      guard change.type == .cleared, !members.isEmpty else { return nil }
      members = []
      return change
    }
    guard let record = change.record else { return nil }
    if change.type == .removed || !condition.matches(record) {
      return members.remove(record.id) == nil ? nil : change.told(as: .removed)
    }
    return change.told(as: members.insert(record.id).inserted ? .created : .updated)
  }
}

extension Query {
  /// What meets both; how it is given, the other says, where it does.
  func narrowed(by other: Query) -> Query {
    var both = other
    both.condition = .all([condition, other.condition])
    if both.sort.isEmpty { both.sort = sort }
    if both.select == nil { both.select = select }
    return both
  }
}
