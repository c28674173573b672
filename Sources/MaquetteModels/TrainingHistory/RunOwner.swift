import MaquetteFormats
import MaquetteStores
import MaquetteSystem
import Synchronization

/// Who writes a run: the first piece of its journal, which is there for as long as the run goes on.
struct RunOwner: Equatable, Sendable {
  let identity: ProcessIdentity

  /// Milliseconds after which a run whose process can't be seen from here, because it is on another machine, counts as
  /// abandoned when nothing was written. Whoever writes one writes at least every ``heartbeat``.
  static let patience: Int64 = 60_000
  static let heartbeat: Int64 = 20_000

  static let pieceName = "owner"

  static var here: RunOwner { RunOwner(identity: .current()) }

  init(identity: ProcessIdentity) {
    self.identity = identity
  }

  /// - Returns: nil for what is no owner.
  init?(_ piece: [UInt8]) {
    guard let json = try? JSON(parsing: piece), let process = json["process"]?.integer,
      let started = json["started"]?.integer, let machine = json["machine"]?.string
    else { return nil }
    identity = ProcessIdentity(process: process, started: started, machine: machine)
  }

  var piece: StoredFile {
    let json: JSON = [
      "process": JSON(identity.process), "started": JSON(identity.started),
      "machine": .string(identity.machine),
    ]
    return StoredFile(name: Self.pieceName, bytes: json.bytes)
  }

  /// Whether the run is still being written.
  ///
  /// - Parameters:
  ///   - run: its id.
  ///   - updatedAt: when its document was last written.
  func isWriting(_ run: String, updatedAt: Timestamp?, now: Timestamp = .now()) -> Bool {
    switch identity.isAlive {
    case true?: return identity == .current() ? Self.contains(run) : true
    case false?: return false
    case nil:
      guard let updatedAt else { return false }
      return now.milliseconds - updatedAt.milliseconds < Self.patience
    }
  }

  // MARK: The runs of this process

  private static let runs = Mutex<Set<String>>([])

  static func begin(_ run: String) { runs.withLock { _ = $0.insert(run) } }
  static func end(_ run: String) { runs.withLock { _ = $0.remove(run) } }
  private static func contains(_ run: String) -> Bool { runs.withLock { $0.contains(run) } }
}
