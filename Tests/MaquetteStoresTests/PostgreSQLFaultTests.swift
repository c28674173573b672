import Glibc
import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import TestSupport
import Testing

/// What becomes of a store when its server does.
@Suite(.enabled(if: PostgreSQLTesting.location != nil, Comment(rawValue: PostgreSQLTesting.reason)))
struct PostgreSQLFaultTests {
  /// Cuts the connections of all stores but the one that asks.
  private func cut(_ admin: DataStore, where condition: String = "true") throws -> Int64? {
    try admin.number(
      """
      SELECT pg_stat_clear_snapshot();
      SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
      WHERE application_name = 'maquette' AND pid <> pg_backend_pid() AND \(condition)
      """)
  }

  /// Waits until a query gives a number greater than 0.
  private func wait(_ admin: DataStore, _ sql: String) throws {
    let deadline = Deadline(milliseconds: 30_000)
    // Inside of a transaction the server tells the same again and again, unless it is asked to look anew.
    while try admin.number("SELECT pg_stat_clear_snapshot(); " + sql) ?? 0 == 0 {
      try #require(!deadline.hasPassed, "\(sql)")
      usleep(2000)
    }
  }

  @Test(
    "a server that stops and starts again: errors meanwhile, then everything acknowledged is there and calls work"
  )
  func restarted() throws {
    let server = PostgreSQLServer()
    let store = try DataStore(server.location)
    let dataset = try Dataset("d", in: store)
    try dataset.append(counting(100), labels: LabelColumn([String](repeating: "a", count: 100)))
    _ = try dataset.create(["x": [1, 2, 3]])
    #expect(try dataset.table().features.rows == 101)
    server.stop()
    for _ in 0..<2 {
      let error = try #require(failure { _ = try dataset.create(["x": [1, 2, 3]]) })
      #expect(error.code == .inputOutput)
      #expect(!error.message.contains("secret"))
      #expect(failure { _ = try dataset.find() }?.code == .inputOutput)
    }
    server.start()
    _ = try dataset.create(["x": [4, 5, 6]])
    #expect(dataset.count == 102)
    #expect(try dataset.table().features.rows == 102)
    // Stopped and started with nobody looking: the first call finds a connection that is gone.
    server.stop()
    server.start()
    _ = try dataset.create(["x": [7, 8, 9]])
    server.stop()
    server.start()
    #expect(try dataset.table().features.rows == 103)
  }

  @Test("those who watch hear again of a server that was started anew, and have missed nothing")
  func watchedAndRestarted() throws {
    let server = PostgreSQLServer()
    let (ours, theirs) = (try DataStore(server.location), try DataStore(server.location))
    let queue = try ours.service("notes").events.queue()
    _ = try theirs.service("notes").create(["n": 1])
    #expect(try queue.next(timeout: 10_000).value.first?.document["n"] == 1)
    server.stop()
    server.start()
    _ = try theirs.service("notes").create(["n": 2])
    #expect(try queue.next(timeout: 20_000).value.first?.document["n"] == 2)
  }

  @Test("connections that were cut while nothing went on are made anew without a word")
  func cutIdle() throws {
    let server = PostgreSQLServer()
    let admin = try DataStore(server.location + "?schema=admin")
    let service = try DataStore(server.location).service("notes")
    _ = try service.create(["n": 1])
    #expect(try service.find().total == 1)
    #expect(try cut(admin) == 2)
    #expect(try service.find().total == 1)
    _ = try service.create(["n": 2])
    #expect(try service.find().total == 2)
  }

  @Test(
    "a connection that is cut while a transaction is written: an error, nothing half written, the next call works"
  )
  func cutWriting() throws {
    let server = PostgreSQLServer()
    let admin = try DataStore(server.location + "?schema=admin")
    let store = try DataStore(server.location)
    let service = try store.service("notes")
    _ = try service.create(["n": 1])
    // The service is locked and the body has run when the files have to wait.
    try admin.execute("BEGIN; LOCK TABLE public.maquette_files IN EXCLUSIVE MODE")
    let outcome = Monitor<MaquetteError??>(nil)
    try Thread.start("writer") {
      let error = failure { _ = try service.create(["n": 2], files: [StoredFile(name: "f", bytes: [1])]) }
      outcome.change { $0 = .some(error) }
    }
    try wait(admin, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    #expect(try cut(admin, where: "wait_event_type = 'Lock'") == 1)
    let error = outcome.wait(until: Deadline(milliseconds: 30_000)) { $0 }
    #expect(error??.code == .inputOutput)
    try admin.execute("ROLLBACK")
    #expect(try service.find().total == 1)
    _ = try service.create(["n": 3], files: [StoredFile(name: "f", bytes: [1])])
    #expect(try service.find().data.map { $0["n"] } == [1, 3])
  }

  @Test("a reading whose connection is cut is made once more without a word")
  func cutReading() throws {
    let server = PostgreSQLServer()
    let admin = try DataStore(server.location + "?schema=admin")
    let service = try DataStore(server.location).service("notes")
    _ = try service.create(["n": 1])
    try admin.execute("BEGIN; LOCK TABLE public.notes IN ACCESS EXCLUSIVE MODE")
    let total = Monitor<Int?>(nil)
    try Thread.start("reader") {
      let found = try? service.find().total
      total.change { $0 = found ?? -1 }
    }
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    try wait(admin, waiting)
    #expect(try cut(admin, where: "wait_event_type = 'Lock'") == 1)
    try wait(admin, waiting)
    try admin.execute("ROLLBACK")
    #expect(total.wait(until: Deadline(milliseconds: 30_000)) { $0 } == 1)
  }

  @Test("a commit whose answer is lost is looked up: an error only where nothing was stored")
  func cutCommitting() throws {
    let server = PostgreSQLServer()
    let admin = try DataStore(server.location + "?schema=admin")
    let service = try DataStore(server.location).service("notes")
    _ = try service.create(["n": 1])
    // What is deferred runs inside of COMMIT.
    try admin.execute(
      """
      CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END';
      CREATE CONSTRAINT TRIGGER pause AFTER INSERT ON public.notes DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION pause()
      """)
    let outcome = Monitor<MaquetteError??>(nil)
    try Thread.start("writer") {
      let error = failure { _ = try service.create(["n": 2]) }
      outcome.change { $0 = .some(error) }
    }
    try wait(admin, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
    #expect(try cut(admin, where: "wait_event = 'PgSleep'") == 1)
    let error = outcome.wait(until: Deadline(milliseconds: 30_000)) { $0 }
    #expect(error??.code == .inputOutput)
    #expect(error??.message.contains("nothing of the transaction was stored") == true)
    try admin.execute("DROP TRIGGER pause ON public.notes")
    #expect(try service.find().total == 1)
    _ = try service.create(["n": 3])
    #expect(try service.find().data.map { $0["n"] } == [1, 3])
  }

  @Test("a commit that may or may not have happened says so")
  func unknown() throws {
    let server = PostgreSQLServer()
    let admin = try DataStore(server.location + "?schema=admin")
    let service = try DataStore(server.location).service("notes")
    try admin.execute(
      """
      CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END';
      CREATE CONSTRAINT TRIGGER pause AFTER INSERT ON public.notes DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION pause()
      """)
    let outcome = Monitor<MaquetteError??>(nil)
    try Thread.start("writer") {
      let error = failure { _ = try service.create(["n": 2]) }
      outcome.change { $0 = .some(error) }
    }
    try wait(admin, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
    server.stop()
    let error = outcome.wait(until: Deadline(milliseconds: 30_000)) { $0 }
    #expect(error??.message.contains("whether that is stored is not known") == true)
  }

  @Test(
    "a server that says nothing any more is given up after the time that was said, and used again when it is back"
  )
  func silent() throws {
    let server = PostgreSQLServer()
    let options = "?statement_timeout=1000&connect_timeout=2"
    let service = try DataStore(server.location + options).service("notes")
    _ = try service.create(["n": 1])
    server.pause()
    #expect(failure { _ = try service.create(["n": 2]) }?.code == .timeout)
    #expect(failure { _ = try service.find() } != nil)
    server.resume()
    _ = try service.create(["n": 3])
    // What it was told before it fell silent it has done, or not.
    let numbers = try service.find().data.map { $0["n"] }
    #expect(numbers == [1, 3] || numbers == [1, 2, 3])
  }

  @Test("a wrong password, an unknown database, nobody there")
  func refused() throws {
    let location = try #require(PostgreSQLTesting.location)
    let cases = [
      location.replacing("maquette:secret", with: "maquette:wrong"),
      location.replacing("/postgres", with: "/nowhere"), "postgresql://a:secret@127.0.0.1:1/d",
    ]
    for location in cases where location != PostgreSQLTesting.location {
      let error = try #require(failure { _ = try DataStore(location) })
      #expect(error.code == .inputOutput)
      #expect(!error.message.contains("wrong") && !error.message.contains("secret"))
    }
  }

  @Test(
    "a server that answers garbage, hangs up, or says nothing at all",
    arguments: [Oddity.garbage, .silence, .hangUp])
  func odd(_ oddity: Oddity) throws {
    let server = try OddServer(oddity)
    let start = Timestamp.now().milliseconds
    let error = failure {
      _ = try DataStore("postgresql://a:secret@127.0.0.1:\(server.port)/d?connect_timeout=2")
    }
    #expect(error?.code == .inputOutput)
    #expect(error?.message.contains("secret") == false)
    #expect(Timestamp.now().milliseconds - start < 20_000)
  }

  @Test("acknowledged rows survive the death of the process that wrote them")
  func killed() async throws {
    let location = PostgreSQLTesting.freshLocation()
    let store = try DataStore(location)
    await #expect(processExitsWith: .signal(SIGKILL)) { [location = location as String] in
      let dataset = try Dataset("d", in: DataStore(location))
      for start in 0..<20 {
        try dataset.append(
          counting(10, from: start), labels: LabelColumn([String](repeating: "a", count: 10)))
      }
      kill(getpid(), SIGKILL)
    }
    let dataset = try Dataset("d", in: store)
    #expect(dataset.count == 200)
    #expect(try dataset.table().features.rows == 200)
    withExtendedLifetime(Cleaner(store)) {}
  }
}

/// What does not need a server.
@Suite struct PostgreSQLLibraryTests {
  @Test("without libpq the error says what to install")
  func missing() async throws {
    await #expect(processExitsWith: .exitCode(7)) {
      setenv("MAQUETTE_LIBPQ", "/nowhere/libpq.so.5", 1)
      let error = failure { _ = try DataStore("postgresql://a:secret@127.0.0.1:1/d") }
      let isRight =
        error?.code == .unsupported && error?.message.contains("libpq5 (Debian, Ubuntu)") == true
        && error?.message.contains("secret") == false
      exit(isRight ? 7 : 1)
    }
  }

  @Test("a library that is not libpq is refused")
  func other() async throws {
    await #expect(processExitsWith: .exitCode(7)) {
      setenv("MAQUETTE_LIBPQ", "libm.so.6", 1)
      exit(failure { _ = try DataStore("postgres://127.0.0.1:1/d") }?.code == .unsupported ? 7 : 1)
    }
  }
}

enum Oddity: String, Sendable { case garbage, silence, hangUp }

/// A server of another kind.
private final class OddServer: Sendable {
  let port: UInt16
  private let listener: Int32

  init(_ oddity: Oddity) throws {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    self.listener = listener
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(listener, address, length) == 0 && listen(listener, 8) == 0
          && getsockname(listener, address, &length) == 0
      }
    }
    try #require(result)
    port = UInt16(bigEndian: address.sin_port)
    try Thread.start("odd-server") {
      var guests: [Int32] = []
      while case let guest = accept(listener, nil, nil), guest >= 0 {
        switch oddity {
        case .silence: guests.append(guest)
        case .hangUp: close(guest)
        case .garbage:
          let text = Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8)
          _ = write(guest, text, text.count)
          guests.append(guest)
        }
      }
      for guest in guests { close(guest) }
    }
  }

  deinit {
    // Wakes who waits in accept.
    shutdown(listener, Int32(SHUT_RDWR))
    close(listener)
  }
}
