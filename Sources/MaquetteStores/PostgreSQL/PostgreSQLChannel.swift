import MaquetteSystem

/// A connection with a thread of its own, made anew where it was lost.
final class PostgreSQLChannel: Sendable {
  private let worker: SerialWorker
  private let holder: Holder

  /// - Parameter body: runs with the first connection.
  init(_ options: PostgreSQLOptions) throws(MaquetteError) {
    worker = try SerialWorker("maquette-store")
    holder = Holder(options)
  }

  deinit {
    let holder = holder
    _ = try? worker.run { holder.close() }
    worker.stop()
  }

  /// Whether this is called on the thread itself.
  var isCurrent: Bool { worker.isCurrent }

  /// Runs `body` on the thread.
  func run<Value: Sendable>(
    _ body: @escaping @Sendable (Holder) throws(MaquetteError) -> Value
  ) throws(MaquetteError) -> Value {
    let holder = holder
    return try worker.run { () throws(MaquetteError) in try body(holder) }
  }

  /// The connection; touched on the channel's thread only.
  final class Holder: @unchecked Sendable {
    private let options: PostgreSQLOptions
    private var connection: PostgreSQLConnection?

    fileprivate init(_ options: PostgreSQLOptions) { self.options = options }

    fileprivate func close() { connection = nil }

    /// The connection, a new one where there is none that works.
    ///
    /// - Parameter services: known from before, whose store must still be there.
    func connected(_ services: PostgreSQLServices?) throws(MaquetteError) -> PostgreSQLConnection {
      if let connection, !connection.isBroken { return connection }
      connection = nil
      let made = try PostgreSQLConnection(options)
      try services?.schema.check(made)
      connection = made
      return made
    }

    /// Runs `body` with a connection; once more, with a new one, where the connection turns out to be lost and `body`
    /// says that nothing hangs on it.
    ///
    /// A server that was started anew has closed all connections: that shows with the next thing sent.
    func attempt<Value>(
      _ services: PostgreSQLServices?,
      mayRepeat: () -> Bool = { true },
      _ body: (PostgreSQLConnection) throws(MaquetteError) -> Value
    ) throws(MaquetteError) -> Value {
      let first = try connected(services)
      do throws(MaquetteError) {
        return try body(first)
      } catch {
        guard first.isBroken, error.code != .timeout, mayRepeat() else { throw error }
        Log.warning("the connection to '\(options.shown)' was lost and is made anew: \(error.message)")
      }
      return try body(try connected(services))
    }
  }
}

/// Channels for those who only read, so that nobody waits for a writer or for a long reading of somebody else.
final class PostgreSQLReaders: Sendable {
  private struct State {
    var idle: [PostgreSQLChannel] = []
    var all: [PostgreSQLChannel] = []
    /// How many are there or about to be.
    var count = 0
  }

  private let options: PostgreSQLOptions
  private let state = Monitor(State())

  /// The most connections to read with.
  private static let most = 4

  init(_ options: PostgreSQLOptions) { self.options = options }

  var isCurrent: Bool { state.withLock { $0.all.contains { $0.isCurrent } } }

  func run<Value: Sendable>(
    _ body: @escaping @Sendable (PostgreSQLChannel.Holder) throws(MaquetteError) -> Value
  ) throws(MaquetteError) -> Value {
    let channel = try take()
    defer { state.change { $0.idle.append(channel) } }
    return try channel.run(body)
  }

  private func take() throws(MaquetteError) -> PostgreSQLChannel {
    let found = state.wait(until: .never) { state -> PostgreSQLChannel?? in
      if let channel = state.idle.popLast() { return .some(channel) }
      guard state.count < Self.most else { return nil }
      state.count += 1
      return .some(nil)
    }
    if let channel = found ?? nil { return channel }
    do throws(MaquetteError) {
      let channel = try PostgreSQLChannel(options)
      state.change { $0.all.append(channel) }
      return channel
    } catch {
      state.change { $0.count -= 1 }
      throw error
    }
  }
}
