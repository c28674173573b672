import MaquetteStreams
public import MaquetteSystem
import Synchronization

/// The instances of one name: what models learn from.
///
/// An instance is a document with `x`, what is known, and `y`, what is to be learnt. All datasets of one name in one
/// store are the same instances, and see each other's changes at once. Every method may be called from any thread.
public final class Dataset: @unchecked Sendable {  // wrapped properties are never assigned again
  public let name: String
  /// The store the instances are in.
  public let store: DataStore

  /// How many instances there are, whoever made them: the store is asked. `$count` is held; what other processes do
  /// it tells as long as it, or `$changes`, has subscribers.
  @Counted public internal(set) var count = 0

  /// `$changes` tells every subscriber first `[{level: 'dataset', type: 'created'}]`, then what happens to the
  /// instances, one batch for each call that changed something, after `$count`.
  ///
  /// A dataset that is cleared is one change, `{level: 'dataset', type: 'cleared'}`: whoever mirrors the instances
  /// drops them all.
  @Announced public internal(set) var changes: [DatasetChange] = [.ready]

  let service: Service
  private let arrivals = Outbox<Arrival>()
  private let lastTransaction = Mutex<UInt64>(0)
  private let observation = Mutex<Observation?>(nil)
  /// That others are watched, too.
  private let demand = Mutex<Demand?>(nil)
  let cache = Mutex<TableCache?>(nil)

  private struct Arrival: Sendable {
    let transaction: UInt64
    let count: Int
    /// What happened, where it means something to the dataset.
    let batch: EventBatch?
    /// Whether the number was looked up for its own sake.
    var isCounted = false
  }

  /// The dataset of that name; it need not have any instances.
  ///
  /// - Throws: ``MaquetteError/Code/invalidArgument`` for an empty name or one with a NUL, or what opening its service
  ///   meets.
  public init(_ name: String, in store: DataStore) throws(MaquetteError) {
    guard !name.isEmpty, !name.utf8.contains(0) else {
      throw MaquetteError(
        .invalidArgument, "the name of a dataset must not be empty or hold a NUL", name: name)
    }
    let service = try store.service(kebabCase("instances-" + name))
    self.name = name
    self.store = store
    self.service = service
    let start = try Self.count(name, service)
    lastTransaction.withLock { $0 = start.transaction }
    _count.attach { (try? Self.count(name, service))?.count }
    $count.set(start.count)
    let demand = Demand(
      begin: { [events = service.events] in events.demand?.add() }, began: { [weak self] in self?.recount() },
      end: { [events = service.events] in events.demand?.remove() })
    self.demand.withLock { $0 = demand }
    $count.serve(demand)
    $changes.serve(demand)
    let observation = service.batches.follow { [weak self] event in self?.receive(event.value) }
    self.observation.withLock { $0 = observation }
    // What happened while nobody listened yet.
    let now = try Self.count(name, service)
    hand(out: Arrival(transaction: now.transaction, count: now.count, batch: nil))
  }

  deinit {
    observation.withLock { $0 }?.cancel()
    demand.withLock { $0 }?.close()
    $count.close()
    $changes.close()
  }

  /// The service that holds the instances: `instances-training-set` for `TrainingSet`.
  public var serviceName: String { service.name }

  private static func count(
    _ dataset: String, _ service: Service
  ) throws(MaquetteError) -> (count: Int, transaction: UInt64) {
    try service.read { (session) throws(MaquetteError) in (try session.count(dataset), session.version.own) }
  }

  /// Takes in what others did while nobody wanted to know.
  private func recount() {
    // A store that can't be read now says so to whoever reads it.
    guard let now = try? Self.count(name, service), now.count != $count.value else { return }
    hand(out: Arrival(transaction: now.transaction, count: now.count, batch: nil, isCounted: true))
  }

  private func receive(_ batch: EventBatch) {
    guard let first = batch.first else { return }
    let (source, isReloaded) = (first.source, first.kind == .reloaded)
    guard let count = isReloaded ? (try? Self.count(name, service))?.count : source.counts[name] else {
      return
    }
    // The changes are made only if anybody watches: there may be a million.
    let isOurs = batch.concerns(name)
    hand(out: Arrival(transaction: source.transaction, count: count, batch: isOurs ? batch : nil))
  }

  private func hand(out arrival: Arrival) {
    arrivals.pass(arrival) { arrival in
      // The count at the start may already include what arrives late.
      let isNews = lastTransaction.withLock { last -> Bool in
        defer { last = max(last, arrival.transaction) }
        return arrival.transaction > last || arrival.isCounted && arrival.transaction == last
      }
      if isNews { $count.set(arrival.count) }
      if let batch = arrival.batch {
        $changes.set(making: { batch.changes(of: name) })
      }
    }
  }
}

/// `TrainingSet_One` → `training-set-one`: a hyphen goes between a small and a capital letter, and takes the place
/// of white space and underscores.
package func kebabCase(_ text: String) -> String {
  var result = ""
  var afterSmallLetter = false
  var isGap = false
  for character in text {
    if character == "_" || character.isWhitespace {
      isGap = true
      continue
    }
    if isGap || afterSmallLetter && character.isUppercase { result += "-" }
    isGap = false
    afterSmallLetter = character.isLowercase
    result += character.lowercased()
  }
  return isGap ? result + "-" : result
}
