import Glibc
import MaquetteSystem
import Synchronization

/// What this process knows of one service of a server.
final class RemoteService: Sendable {
  let name: String

  /// Held while something is written: what this process does to a service has one order.
  private let writing = Monitor(())
  private let state = Mutex(State())

  private struct State {
    var version = StoreVersion()
    var stamp: RemoteStamp?
    /// When the last answer to something that was written came, in nanoseconds of the monotonic clock.
    var lastAnswer: UInt64 = 0
    var marks: [Int64: WalkMark] = [:]
    var lastMark: Int64 = 0
    /// Datasets without features, by how many instances they had when they were looked through.
    var withoutFeatures: [String: Int] = [:]
  }

  init(_ name: String) { self.name = name }

  func whileWriting<Result>(_ body: () throws(MaquetteError) -> Result) throws(MaquetteError) -> Result {
    try writing.withLock { (_) throws(MaquetteError) in try body() }
  }

  var version: StoreVersion { state.withLock { $0.version } }

  func noteTransaction() { state.withLock { $0.version.own += 1 } }

  /// Takes in what the service looks like now, and returns which version that is.
  func note(_ stamp: RemoteStamp) -> StoreVersion {
    state.withLock { state in
      if let before = state.stamp, before != stamp { state.version.foreign += 1 }
      state.stamp = stamp
      return state.version
    }
  }

  // MARK: The order of what is written

  /// Two things written in one millisecond would have the same date: nobody could tell which is newer.
  private static let spacing: UInt64 = 1_000_000

  /// Runs `body`, which writes, in another millisecond than what was written before.
  func spaced<Result>(_ body: () throws(MaquetteError) -> Result) throws(MaquetteError) -> Result {
    let next = state.withLock { $0.lastAnswer } + Self.spacing
    let now = Self.now()
    if now < next {
      var time = timespec(tv_sec: 0, tv_nsec: Int(next - now))
      while nanosleep(&time, &time) != 0, errno == EINTR {}
    }
    defer { state.withLock { $0.lastAnswer = Self.now() } }
    return try body()
  }

  private static func now() -> UInt64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
  }

  // MARK: Places in a walk

  /// Marks that are kept; who has one that was forgotten begins anew.
  private static let mostMarks = 4096

  /// Notes where a walk stands, for a later one to go on from.
  func mark(_ mark: WalkMark) -> Int64 {
    state.withLock { state in
      state.lastMark += 1
      state.marks[state.lastMark] = mark
      if state.marks.count > Self.mostMarks { state.marks[state.lastMark - Int64(Self.mostMarks)] = nil }
      return state.lastMark
    }
  }

  func mark(_ position: Int64) -> WalkMark? { state.withLock { $0.marks[position] } }

  // MARK: Datasets without features

  func hasNoFeatures(_ dataset: String, of count: Int) -> Bool {
    state.withLock { $0.withoutFeatures[dataset] == count }
  }

  func noteNoFeatures(_ dataset: String, of count: Int) {
    state.withLock { $0.withoutFeatures[dataset] = count }
  }
}

/// What tells two states of a service apart without reading it.
struct RemoteStamp: Sendable, Equatable {
  let total: Int
  /// The latest `updatedAt`.
  let updatedAt: Int64
}

/// A document that was read, as a place to go on from.
struct WalkMark: Sendable {
  /// How many came before it.
  let rank: Int
  let id: DocumentID
  let createdAt: Int64
}
