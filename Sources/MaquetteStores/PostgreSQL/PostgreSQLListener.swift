import Glibc
import MaquetteSystem

/// A thread that sleeps until the server tells of a change, and then has it looked at. There is one while anybody watches
/// a service of the store.
///
/// It listens with a connection of its own. Where the server tells nothing, or while it can't be reached, it looks from
/// time to time; and now and then in any case: somebody between us and the server may swallow what it tells.
final class PostgreSQLListener: Sendable {
  /// Milliseconds between looks where the server tells nothing, unless `?poll=` says otherwise.
  private static let poll: Int32 = 50
  /// Where it does.
  private static let carefulPoll: Int32 = 5000
  /// Before it is tried again to reach a server.
  private static let retry: Int32 = 1000

  private struct State {
    var isRunning = false
    var isWanted = false
    var isStopped = false
    var thread: UInt = 0
  }

  private let options: PostgreSQLOptions
  private let services: PostgreSQLServices
  private let look: @Sendable () -> Bool
  private let state = Monitor(State())
  private let wakeUp: WakeUp

  /// - Parameter look: called on the thread; returns whether the store could be looked at.
  /// - Throws: ``MaquetteError/Code/inputOutput`` without a free file descriptor.
  init(
    _ options: PostgreSQLOptions, _ services: PostgreSQLServices, look: @escaping @Sendable () -> Bool
  ) throws(MaquetteError) {
    self.options = options
    self.services = services
    self.look = look
    wakeUp = try WakeUp()
  }

  /// Starts the thread unless it runs.
  func start() throws(MaquetteError) {
    try state.change { (state) throws(MaquetteError) in
      guard !state.isStopped else { return }
      state.isWanted = true
      guard !state.isRunning else { return }
      state.isRunning = true
      do throws(MaquetteError) {
        try Thread.start("maquette-watch") { [self] in
          self.state.withLock { $0.thread = Thread.current }
          run()
        }
      } catch {
        state.isRunning = false
        throw error
      }
    }
  }

  /// Lets the thread end, which this does not wait for.
  func rest() {
    state.withLock { $0.isWanted = false }
    wakeUp.wake()
  }

  /// Has the thread look now.
  func wake() { wakeUp.wake() }

  /// Ends the thread for good, and waits for it, unless this is it.
  func stop() {
    let isHere = state.change { state -> Bool in
      state.isWanted = false
      state.isStopped = true
      return state.isRunning && state.thread == Thread.current
    }
    wakeUp.wake()
    if !isHere { _ = state.wait(until: .never) { $0.isRunning ? nil : () } }
  }

  /// Whether to go on; once it says no, the thread touches nothing any more.
  private func isWanted() -> Bool {
    state.change { state in
      if !state.isWanted { state.isRunning = false }
      return state.isWanted
    }
  }

  private func run() {
    var ear: PostgreSQLConnection?
    var wait = Deadline(milliseconds: 0)
    while isWanted() {
      if options.poll == nil, services.canNotify, ear == nil || ear?.isBroken == true, wait.hasPassed {
        ear = try? listening()
        wait = Deadline(milliseconds: Int64(Self.retry))
      }
      // After the ear is open: what comes from now on is heard.
      let isReachable = look()
      guard isWanted() else { return }
      if let ear, !ear.isBroken {
        hear(ear)
      } else {
        wakeUp.wait(milliseconds: isReachable ? options.poll ?? Self.poll : Self.retry)
      }
    }
  }

  private func listening() throws(MaquetteError) -> PostgreSQLConnection {
    let connection = try PostgreSQLConnection(options)
    try connection.execute("LISTEN \(quotedName(services.schema.channel))")
    return connection
  }

  /// Sleeps until there is something to look at.
  private func hear(_ ear: PostgreSQLConnection) {
    let deadline = Deadline(milliseconds: Int64(Self.carefulPoll))
    while !deadline.hasPassed {
      let told = ear.notifications()
      // What we did ourselves is known.
      if ear.isBroken || told.contains(where: { $0 != String(services.writer) }) { return }
      guard isStillWanted, !wakeUp.wait(milliseconds: Self.carefulPoll, or: ear.descriptor) else { return }
    }
  }

  private var isStillWanted: Bool { state.withLock { $0.isWanted } }
}
