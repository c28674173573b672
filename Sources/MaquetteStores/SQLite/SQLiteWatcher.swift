import MaquetteSystem

/// A thread that sleeps until a store's file is written to, and then looks who it was. There is one while anybody
/// watches a service of the store.
final class SQLiteWatcher: Sendable {
  /// The shortest time between two looks: so many a second cost nothing that could be measured while others write.
  private static let pause: Int32 = 5
  /// The longest, while something was written not long ago. A commit shows when it is on the disk, which may be a while
  /// after it was written.
  private static let longestPause: Int32 = 50
  /// For how long after that it looks again and again.
  private static let alertness: Int64 = 1000
  /// How often it looks if nothing is heard: where the system doesn't tell, within what a change must be seen; where it
  /// does, for file systems that don't.
  private static let deafPoll: Int32 = 50
  private static let poll: Int32 = 2000

  private enum Phase { case idle, running, stopped }

  private struct State {
    var phase = Phase.idle
    var isWanted = false
    var thread: UInt = 0
    var watch: FileWatch?
  }

  private let state = Monitor(State())
  private let logPath: String
  private let look: @Sendable () -> Void

  /// - Parameters:
  ///   - logPath: the file that every writer writes to.
  ///   - look: called on the thread.
  init(_ logPath: String, look: @escaping @Sendable () -> Void) {
    self.logPath = logPath
    self.look = look
  }

  /// Starts the thread unless it runs.
  ///
  /// - Throws: ``MaquetteError/Code/inputOutput``, ``MaquetteError/Code/outOfMemory``.
  func start() throws(MaquetteError) {
    try state.change { (state) throws(MaquetteError) in
      guard state.phase != .stopped else { return }
      state.isWanted = true
      guard state.phase == .idle else { return }
      let watch = try FileWatch()
      state.watch = watch
      state.phase = .running
      do throws(MaquetteError) {
        try Thread.start("maquette-watch") { [self] in
          self.state.withLock { $0.thread = Thread.current }
          run(watch)
        }
      } catch {
        state.phase = .idle
        throw error
      }
    }
  }

  /// Lets the thread end, which this does not wait for.
  func rest() {
    let watch = state.withLock { state -> FileWatch? in
      state.isWanted = false
      return state.watch
    }
    watch?.wake()
  }

  /// Has the thread look now.
  func wake() { state.withLock { $0.watch }?.wake() }

  /// Ends the thread for good, and waits for it, unless this is it.
  func stop() {
    let (watch, isHere) = state.change { state -> (FileWatch?, Bool) in
      state.isWanted = false
      if state.phase == .idle { state.phase = .stopped }
      return (state.watch, state.thread == Thread.current && state.phase == .running)
    }
    watch?.wake()
    if !isHere { _ = state.wait(until: .never) { $0.phase == .running ? nil : () } }
  }

  /// Whether to go on; once it says no, the thread touches nothing any more.
  private func isWanted() -> Bool {
    state.change { state in
      if !state.isWanted {
        state.phase = .idle
        state.watch = nil
        state.thread = 0
      }
      return state.isWanted
    }
  }

  private func run(_ watch: FileWatch) {
    while isWanted() {
      // Each time: the log may be another file by now.
      let isHearing = watch.add(logPath)
      look()
      // What is written while it looks is found by the next look.
      var pause = Self.pause
      var alertUntil = Deadline(milliseconds: Self.alertness)
      while isHearing && !alertUntil.hasPassed {
        watch.wait(milliseconds: Self.pause, ignoringChanges: true)
        var isNews = watch.takeChanges()
        if !isNews && pause > Self.pause {
          watch.wait(milliseconds: pause - Self.pause)
          isNews = watch.takeChanges()
        }
        guard isWanted() else { return }
        if isNews {
          pause = Self.pause
          alertUntil = Deadline(milliseconds: Self.alertness)
        } else {
          pause = min(2 * pause, Self.longestPause)
        }
        look()
      }
      watch.wait(milliseconds: isHearing ? Self.poll : Self.deafPoll)
      _ = watch.takeChanges()
    }
  }
}
