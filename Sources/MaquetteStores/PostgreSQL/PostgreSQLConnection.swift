import Glibc
import MaquetteSystem

/// A connection to a server, for one thread at a time.
///
/// libpq is used without its own waiting: a server that says nothing any more must not hold a thread for ever.
final class PostgreSQLConnection {
  let library: PostgreSQLLibrary
  let handle: OpaquePointer
  let options: PostgreSQLOptions
  /// The names of statements by their text.
  private var statements: [ExactText: String] = [:]
  /// Whether it can't be used any more.
  private(set) var isBroken = false
  /// Of the last statement that failed; empty where the connection did.
  private(set) var lastState = ""

  var location: String { options.shown }

  /// Connects, and waits as long as `connect_timeout` says.
  ///
  /// - Throws: ``MaquetteError/Code/unsupported`` without libpq; ``MaquetteError/Code/inputOutput``.
  init(_ options: PostgreSQLOptions) throws(MaquetteError) {
    self.options = options
    library = try PostgreSQLLibrary.load()
    guard let handle = Self.connect(library, options.uri) else {
      throw MaquetteError(.outOfMemory, "not enough memory for a connection to '\(options.shown)'")
    }
    self.handle = handle
    guard library.status(handle) == PostgreSQLNumber.connectionOK else {
      isBroken = true
      throw PostgreSQLError.make("", message, "open", options.shown)
    }
    // What the server remarks in passing is not for the host's standard error output.
    _ = library.setNoticeProcessor(handle, { _, _ in }, nil)
    _ = library.setNonblocking(handle, 1)
    settle()
  }

  deinit {
    library.finish(handle)
  }

  private static func connect(_ library: PostgreSQLLibrary, _ uri: String) -> OpaquePointer? {
    // What comes first can be overridden by the location; what comes last overrides it.
    let settings = [
      ("connect_timeout", "10"), ("fallback_application_name", "maquette"),
      // A machine that is gone is noticed within a minute, also in the middle of a wait.
      ("keepalives_idle", "30"), ("keepalives_interval", "10"), ("keepalives_count", "3"),
      ("dbname", uri), ("client_encoding", "UTF8"),
    ]
    let names = settings.map { strdup($0.0) }
    let values = settings.map { strdup($0.1) }
    defer { for text in names + values { free(text) } }
    return library.connect(
      names.map { UnsafePointer($0) } + [nil], values.map { UnsafePointer($0) } + [nil], 1)
  }

  /// What a server may do for us but need not know.
  private func settle() {
    let wishes = [
      "SET statement_timeout = \(options.statementTimeout)",
      "SET lock_timeout = \(options.lockTimeout)",
      // A client that is gone without a word keeps its locks no longer than this.
      "SET idle_in_transaction_session_timeout = \(max(60_000, options.statementTimeout))",
      // On the plans of small statements compilation is wasted time.
      "SET jit = off",
      // Rows are read in pages, in the order of an index. A server that has not counted them yet expects so few that it
      // would rather gather and sort all that are left, for each page anew: 280 ms a page of 100,000 rows instead of 4 to 12.
      "SET enable_sort = off",
      "SET enable_bitmapscan = off",
    ]
    for wish in wishes where !isBroken { _ = try? execute(wish) }
  }

  // MARK: Statements

  /// Runs statements that have no parameters; gives what the last of them gave, numbers as text.
  @discardableResult
  func execute(_ sql: String) throws(MaquetteError) -> PostgreSQLResult {
    try start { library.sendQuery(handle, sql) }
    return try finish("use")
  }

  /// Runs a statement, prepared once, with bound values, and gives its rows in binary form.
  @discardableResult
  func run(_ sql: String, _ values: PostgreSQLValue...) throws(MaquetteError) -> PostgreSQLResult {
    try run(sql, values)
  }

  @discardableResult
  func run(_ sql: String, _ values: [PostgreSQLValue]) throws(MaquetteError) -> PostgreSQLResult {
    let name = try prepared(sql, values)
    let parameters = try PostgreSQLParameters(values)
    try start {
      parameters.withPointers { count, values, lengths, formats in
        library.sendQueryPrepared(handle, name, count, values, lengths, formats, 1)
      }
    }
    return try finish(sql.hasPrefix("SELECT") ? "read" : "write to")
  }

  /// Queries can be of any number of forms; what is used often is soon prepared again.
  private static let mostStatements = 256

  private func prepared(_ sql: String, _ values: [PostgreSQLValue]) throws(MaquetteError) -> String {
    if let name = statements[ExactText(sql)] { return name }
    if statements.count == Self.mostStatements {
      try execute("DEALLOCATE ALL")
      statements = [:]
    }
    let name = "maquette_\(statements.count)"
    try start {
      values.map(\.type).withUnsafeBufferPointer {
        library.sendPrepare(handle, name, sql, Int32(truncatingIfNeeded: $0.count), $0.baseAddress)
      }
    }
    try finish("use")
    statements[ExactText(sql)] = name
    return name
  }

  /// Rows for a `COPY … FROM STDIN` that `sql` begins.
  ///
  /// - Parameter next: fills the memory, which is empty, with the next rows; false once there are no more.
  func copy(
    _ sql: String, _ next: (inout [UInt8]) throws(MaquetteError) -> Bool
  ) throws(MaquetteError) {
    try start { library.sendQuery(handle, sql) }
    try flush()
    try awaitResult()
    guard let result = library.getResult(handle) else { throw lost("write to") }
    let answer = PostgreSQLResult(library, result, location)
    guard answer.status == PostgreSQLNumber.copyIn else {
      try drain()
      throw error(answer, "write to")
    }
    var failure: MaquetteError?
    var block: [UInt8] = []
    do throws(MaquetteError) {
      var goesOn = true
      while goesOn {
        block.removeAll(keepingCapacity: true)
        goesOn = try next(&block)
        goesOn = try put(block) && goesOn
      }
    } catch {
      failure = error
    }
    if isBroken { throw failure ?? lost("write to") }
    // Where the server has ended the copy already this fails, and what it says comes next.
    _ = library.putCopyEnd(handle, failure == nil ? nil : "the client gave up")
    do throws(MaquetteError) { try finish("write to") } catch { throw failure ?? error }
    if let failure { throw failure }
  }

  /// Sends a block at once, so that no more waits in memory; false where the server takes no more.
  private func put(_ block: [UInt8]) throws(MaquetteError) -> Bool {
    if block.isEmpty { return true }
    while true {
      let sent = block.withUnsafeBytes {
        library.putCopyData(
          handle, $0.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(truncatingIfNeeded: $0.count))
      }
      if sent < 0 { return false }
      try flush()
      if sent == 1 { return true }
    }
  }

  // MARK: Sending and waiting

  private func start(_ send: () -> Int32) throws(MaquetteError) {
    lastState = ""
    guard !isBroken, send() == 1 else { throw lost("use") }
  }

  /// Sends what waits, takes all results, and returns the last.
  @discardableResult
  private func finish(_ action: String) throws(MaquetteError) -> PostgreSQLResult {
    try flush()
    var last: PostgreSQLResult?
    var failure: MaquetteError?
    while true {
      try awaitResult()
      guard let handle = library.getResult(handle) else { break }
      let result = PostgreSQLResult(library, handle, location)
      switch result.status {
      case PostgreSQLNumber.commandOK, PostgreSQLNumber.tuplesOK, PostgreSQLNumber.emptyQuery: last = result
      // Of several statements the first that fails ends all.
      default: if failure == nil { failure = error(result, action) }
      }
      if library.status(self.handle) != PostgreSQLNumber.connectionOK { isBroken = true }
      if isBroken { break }
    }
    if let failure { throw failure }
    guard let last, !isBroken else { throw lost(action) }
    return last
  }

  /// Takes results that nobody wants.
  private func drain() throws(MaquetteError) {
    while true {
      try awaitResult()
      guard let result = library.getResult(handle) else { return }
      library.clear(result)
    }
  }

  private func flush() throws(MaquetteError) {
    while true {
      switch library.flush(handle) {
      case 0: return
      case 1:
        let ready = try wait(for: Int16(POLLIN | POLLOUT))
        // The server may wait for us to read before it reads.
        if ready & Int16(POLLIN) != 0, library.consumeInput(handle) == 0 { throw lost("write to") }
      default:
        // What the server said before it hung up tells why.
        _ = library.consumeInput(handle)
        throw lost("write to")
      }
    }
  }

  private func awaitResult() throws(MaquetteError) {
    while library.isBusy(handle) != 0 {
      _ = try wait(for: Int16(POLLIN))
      if library.consumeInput(handle) == 0 {
        // What the server said before it hung up comes as a result.
        isBroken = true
        return
      }
    }
  }

  /// Waits until the server can be read from or written to; a server that lets that time pass is given up.
  private func wait(for events: Int16) throws(MaquetteError) -> Int16 {
    // The server itself ends a statement that takes too long: it should come first, and say so.
    let patience =
      options.statementTimeout == 0 ? Int64(-1) : Int64(options.statementTimeout) + Self.patience
    let deadline = Deadline(milliseconds: patience)
    while true {
      guard let ready = poll(events, milliseconds: patience < 0 ? -1 : 1000) else { throw lost("use") }
      if ready != 0 { return ready }
      if deadline.hasPassed {
        isBroken = true
        throw MaquetteError(
          .timeout,
          "'\(location)' has not answered for \(patience / 1000) seconds; the connection was given up",
          name: location)
      }
    }
  }

  /// Milliseconds that a server gets to say that a statement took too long.
  private static let patience: Int64 = 2000

  /// What the socket is ready for; 0 where it was not in that time, nil where there is no socket any more.
  func poll(_ events: Int16, milliseconds: Int32) -> Int16? {
    var descriptor = pollfd(fd: library.socket(handle), events: events, revents: 0)
    guard descriptor.fd >= 0 else { return nil }
    let count = Glibc.poll(&descriptor, 1, milliseconds)
    if count < 0 { return errno == EINTR ? 0 : nil }
    return descriptor.revents
  }

  // MARK: Listening

  /// For those who wait until the server says something.
  var descriptor: Int32 { library.socket(handle) }

  /// What the server has told since this was asked last, to who listens; without waiting.
  func notifications() -> [String] {
    if library.consumeInput(handle) == 0 { isBroken = true }
    var texts: [String] = []
    while let notification = library.notifies(handle) {
      // The third of `PGnotify`'s members: the channel, the process, the text; each takes the place of a pointer.
      let text = notification.load(
        fromByteOffset: 2 * MemoryLayout<Int>.stride, as: UnsafePointer<CChar>?.self)
      if let text { texts.append(String(cString: text)) }
      library.freeMemory(notification)
    }
    return texts
  }

  // MARK: Failures

  private var message: String { library.errorMessage(handle).map { String(cString: $0) } ?? "" }

  private func error(_ result: PostgreSQLResult, _ action: String) -> MaquetteError {
    lastState = result.errorField(PostgreSQLNumber.sqlState)
    if library.status(handle) != PostgreSQLNumber.connectionOK { isBroken = true }
    let words = result.errorField(PostgreSQLNumber.message)
    let detail = result.errorField(PostgreSQLNumber.detail)
    return PostgreSQLError.make(
      lastState, words.isEmpty ? message : words + (detail.isEmpty ? "" : ": " + detail), action, location)
  }

  func lost(_ action: String) -> MaquetteError {
    isBroken = true
    let reason = message
    return PostgreSQLError.make("", reason.isEmpty ? "the connection is lost" : reason, action, location)
  }
}
