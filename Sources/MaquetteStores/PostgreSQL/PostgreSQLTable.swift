import MaquetteSystem
import Synchronization

/// The table of one service, and what is remembered of it between transactions, by all connections.
final class PostgreSQLTable: Sendable {
  let service: String
  /// The service's number in `maquette_services`.
  let number: Int64
  /// The table's name as SQL writes it.
  let name: String

  private let state = Mutex<Memory?>(nil)

  /// What need not be asked again while the service is at that change.
  struct Memory {
    let change: Int64
    var tallies: [ExactText: Tally] = [:]
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
  }

  /// What is known of the state at a change.
  func memory(at change: Int64) -> Memory {
    state.withLock { $0?.change == change ? $0 : nil } ?? Memory(change: change)
  }

  func remember(_ memory: Memory) {
    state.withLock { known in
      if memory.change >= known?.change ?? .min { known = memory }
    }
  }
}
