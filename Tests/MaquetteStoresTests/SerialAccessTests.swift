import Glibc
import MaquetteSystem
import TestSupport
import Testing

@testable import MaquetteStores

/// How callers use a connection in turn.
@Suite struct SerialAccessTests {
  @Test("callers come one after the other, in the order they asked, on their own threads")
  func order() throws {
    let access = SerialAccess()
    let seen = Seen<Int>()
    let finished = Monitor(0)
    let isInside = Monitor(false)
    var wasEmpty = false
    try access.run { () throws(MaquetteError) in
      for number in 0..<5 {
        let before = access.waiting
        try Thread.start("test") {
          let here = Thread.current
          _ = try? access.run { () throws(MaquetteError) in
            guard Thread.current == here, isInside.withLock({ !$0 }) else { return }
            isInside.withLock { $0 = true }
            seen.add(number)
            isInside.withLock { $0 = false }
          }
          finished.change { $0 += 1 }
        }
        while access.waiting == before { sched_yield() }
      }
      wasEmpty = seen.values.isEmpty
    }
    _ = finished.wait(until: .never) { $0 == 5 ? () : nil }
    #expect(wasEmpty)
    #expect(seen.values == [0, 1, 2, 3, 4])
  }

  @Test("who is inside can't come in again, and an error lets the next one in")
  func reentrant() {
    let access = SerialAccess()
    let error = failure { try access.run { () throws(MaquetteError) in try access.run {} } }
    #expect(error?.code == .reentrant)
    #expect(
      failure { try access.run { () throws(MaquetteError) in throw MaquetteError(.full, "full") } }?.code
        == .full)
    #expect(failure { try access.run {} } == nil)
    access.stop()
    #expect(failure { try access.run {} }?.code == .closed)
  }

  @Test("a file that outgrows the limit is no signal to the thread, which has its signals as before")
  func signals() async throws {
    await #expect(processExitsWith: .exitCode(7)) {
      let access = SerialAccess()
      signal(SIGXFSZ, SIG_DFL)
      // The thread that runs this may have them all blocked.
      var blocked = sigset_t()
      sigemptyset(&blocked)
      pthread_sigmask(SIG_SETMASK, &blocked, nil)
      try access.run {
        raise(SIGXFSZ)
        pthread_sigmask(SIG_BLOCK, nil, &blocked)
      }
      guard sigismember(&blocked, SIGXFSZ) == 1, sigismember(&blocked, SIGTERM) == 0 else { exit(1) }
      pthread_sigmask(SIG_BLOCK, nil, &blocked)
      exit(sigismember(&blocked, SIGXFSZ) == 0 ? 7 : 2)
    }
  }
}
