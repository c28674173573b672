import MaquetteSystem
import Synchronization

/// What this process knows of one service of a server.
final class RemoteService: Sendable {
  let name: String

  /// Held while something is written: what this process does to a service has one order. There is a number in it since
  /// nothing at all lies where the object begins, and ThreadSanitizer sees a race there.
  private let writing = Monitor(0)
  private let state = Mutex(State())

  private struct State {
    var version = StoreVersion()
    var stamp: RemoteStamp?
    /// A millisecond after the last answer to something that was written.
    var nextWriting: Deadline?
    var marks: [Int64: WalkMark] = [:]
    var lastMark: Int64 = 0
    /// Datasets without features, by how many instances they had when they were looked through.
    var withoutFeatures: [String: Int] = [:]
    var watch: RemoteWatch?
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

  // MARK: What others do

  func watch(_ receiver: ChangeReceiver) { state.withLock { $0.watch = RemoteWatch(receiver) } }

  func unwatch() { state.withLock { $0.watch = nil } }

  var receiver: ChangeReceiver? { state.withLock { $0.watch?.receiver } }

  /// Nil where nobody watches.
  @discardableResult
  func withWatch<Result>(_ body: (inout RemoteWatch) -> Result) -> Result? {
    state.withLock { state in
      guard var watch = state.watch else { return nil }
      // Taken out, so that what is large is not copied when it changes.
      state.watch = nil
      let result = body(&watch)
      state.watch = watch
      return result
    }
  }

  // MARK: The order of what is written

  /// Runs `body`, which writes, in another millisecond than what was written before: two things of one date could not be
  /// told in their order.
  func spaced<Result>(_ body: () throws(MaquetteError) -> Result) throws(MaquetteError) -> Result {
    state.withLock { $0.nextWriting }?.sleep()
    defer { state.withLock { $0.nextWriting = Deadline(milliseconds: 1) } }
    return try body()
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
