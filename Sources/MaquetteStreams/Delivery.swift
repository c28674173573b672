import CMaquetteSystem
import MaquetteSystem

/// The threads that call subscribers: as many as there are subscribers running at one moment, kept for a while
/// for the next event, so that a subscriber that blocks holds up nobody else and an idle program keeps no thread.
enum Delivery {
  private struct State {
    var jobs = Queue<@Sendable () -> Void>()
    var idleThreads = 0
    var threads = 0
  }

  private static let state = Monitor(State())
  /// Milliseconds a thread waits for more work before it ends.
  private static let patience: Int64 = 2000
  /// Threads that wait for more work at one moment; others end when they have none.
  private static let mostIdleThreads = 2

  /// - Returns: false, and the job is not run, when there is no thread for it and none can be started.
  static func run(_ job: @escaping @Sendable () -> Void) -> Bool {
    let needsThread = state.changeForOne { state -> Bool in
      state.jobs.append(job)
      guard state.jobs.count > state.idleThreads else { return false }
      state.idleThreads += 1
      state.threads += 1
      return true
    }
    guard needsThread else { return true }
    do throws(MaquetteError) {
      try Thread.start("maquette-events") { work() }
      return true
    } catch {
      Log.error("events are delayed: \(error.message)")
      return state.withLock { state in
        state.idleThreads -= 1
        state.threads -= 1
        // A busy thread will come to the job.
        guard state.threads == 0 else { return true }
        _ = state.jobs.popLast()
        return false
      }
    }
  }

  private static func work() {
    // Whoever is told of something is told of it soon, also where other programs keep the processors busy.
    maquette_system_take_short_turns()
    while let job = nextJob() {
      job()
      let isNeeded = state.withLock { state -> Bool in
        guard state.idleThreads < mostIdleThreads || !state.jobs.isEmpty else {
          state.threads -= 1
          return false
        }
        state.idleThreads += 1
        return true
      }
      guard isNeeded else { return }
    }
  }

  /// Waits for a job; nil when none came in time, and the thread is no longer counted as idle.
  private static func nextJob() -> (@Sendable () -> Void)? {
    let job = state.wait(until: Deadline(milliseconds: patience)) { state in take(&state) }
    if let job { return job }
    return state.withLock { state in
      if let job = take(&state) { return job }
      state.idleThreads -= 1
      state.threads -= 1
      return nil
    }
  }

  private static func take(_ state: inout State) -> (@Sendable () -> Void)? {
    guard let job = state.jobs.popFirst() else { return nil }
    state.idleThreads -= 1
    return job
  }
}
