import CMaquetteSystem
import Glibc

/// A thread of the library's own.
///
/// A plain pthread on purpose: work queued on a Dispatch or Swift concurrency pool shares its few workers with
/// the host, and Python ends foreign threads with `pthread_exit`, which crashes in a Dispatch worker.
/// All signals are blocked, so the host's handlers keep running on the host's threads.
package enum Thread {
  /// Runs `body` on a new detached thread called `name` (15 bytes are kept, a limit of Linux).
  package static func start(
    _ name: String, _ body: @escaping @Sendable () -> Void
  ) throws(MaquetteError) {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    // The stack keeps the system's default size: hosts' callbacks run on it, and a language with deep recursion
    // counts on as much. Only what is touched takes memory.

    var all = sigset_t()
    var before = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }

    let start = Unmanaged.passRetained(Start(name: name, body: body))
    var thread = pthread_t()
    let status = pthread_create(
      &thread, &attributes,
      { argument in
        guard let argument else { return nil }
        let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
        maquette_system_name_thread(start.name)
        start.body()
        return nil
      }, start.toOpaque())
    if status != 0 {
      start.release()
      throw MaquetteError(
        .outOfMemory, "could not start a thread (\(name)): \(describe(errno: status))", name: name)
    }
  }

  /// Runs `body` on this thread, of the host's or ours, so that a file that outgrows the process's limit is an error
  /// there and no deadly SIGXFSZ, and so that the thread is not cancelled in it.
  package static func withoutSizeSignal<Value>(
    _ body: () throws(MaquetteError) -> Value
  ) throws(MaquetteError) -> Value {
    var held = maquette_system_held_signal()
    maquette_system_hold_signal(&held, SIGXFSZ)
    defer { maquette_system_release_signal(&held) }
    return try body()
  }

  /// A number that tells the running thread from all others that run now.
  package static var current: UInt { UInt(pthread_self()) }

  private final class Start: Sendable {
    let name: String
    let body: @Sendable () -> Void
    init(name: String, body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }
  }
}

/// The system's words for an error number, e.g. "No such file or directory".
package func describe(errno number: Int32) -> String {
  // Safe in any thread since glibc 2.32.
  guard let text = strerror(number) else { return "error \(number)" }
  return String(cString: text)
}
