import MaquetteSystem
import Synchronization

/// The table of one service, and what is remembered of it between transactions, by all connections.
final class PostgreSQLTable: Sendable {
  let service: String
  /// The service's number in `maquette_services`.
  let number: Int64
  /// The table's name as SQL writes it.
  let name: String

  private let state: Mutex<State>

  private struct State {
    var own = OwnChanges()
    var memory: Memory?
  }

  /// What need not be asked again while the service is at that change.
  struct Memory {
    let change: Int64
    var tallies: [String: Tally] = [:]
    /// What its predictions have in common, `.some(nil)` where there are none.
    var run: PredictionRun??
  }

  struct Tally {
    var count: Int?
    /// The width of its rows of numbers; `.some(nil)` where it has none.
    var width: Int??
  }

  init(service: String, number: Int64, name: String) {
    self.service = service
    self.number = number
    self.name = name
    state = Mutex(State())
  }

  /// How the state at a change is told from others: what this store did of it, and what others did.
  func version(at change: Int64) -> StoreVersion {
    state.withLock { state in
      let own = state.own.count(upTo: change)
      return StoreVersion(foreign: change - Int64(clamping: own), own: own)
    }
  }

  /// Notes that a change, if it comes about, is this store's; before it does, so that nobody who sees it takes it for
  /// somebody else's.
  func claim(_ change: Int64) { state.withLock { $0.own.add(change) } }

  /// Takes back what ``claim(_:)`` noted.
  func renounce(_ change: Int64) { state.withLock { $0.own.remove(change) } }

  /// Whether a change is this store's.
  func isOwn(_ change: Int64) -> Bool {
    state.withLock { $0.own.count(upTo: change) > $0.own.count(upTo: change - 1) }
  }

  /// What is known of the state at a change.
  func memory(at change: Int64) -> Memory {
    state.withLock { $0.memory?.change == change ? $0.memory : nil } ?? Memory(change: change)
  }

  func remember(_ memory: Memory) {
    state.withLock { state in
      if memory.change >= state.memory?.change ?? .min { state.memory = memory }
    }
  }
}

/// Which changes of a service are this store's, in little memory: as runs of consecutive numbers.
struct OwnChanges {
  private struct Run {
    let first: Int64
    var last: Int64
    /// How many there are before this run.
    let before: UInt64
  }

  private var runs: [Run] = []

  /// Of older ones only the number is kept: who still reads a state that old has long been overtaken.
  private static let most = 4096

  /// How many there are up to that change.
  func count(upTo change: Int64) -> UInt64 {
    guard let run = runs.last(where: { $0.first <= change }) else { return runs.first?.before ?? 0 }
    return run.before + UInt64(min(change, run.last) - run.first + 1)
  }

  /// Adds a change greater than all before.
  mutating func add(_ change: Int64) {
    if let last = runs.last, last.last >= change { return }
    if let last = runs.last, last.last == change - 1 {
      runs[runs.count - 1].last = change
    } else {
      runs.append(Run(first: change, last: change, before: count(upTo: change)))
      if runs.count > Self.most { runs.removeFirst(Self.most / 2) }
    }
  }

  /// Takes back the change that was added last.
  mutating func remove(_ change: Int64) {
    guard let last = runs.last, last.last == change else { return }
    if last.first == change { runs.removeLast() } else { runs[runs.count - 1].last = change - 1 }
  }
}
