import Synchronization

private let turn = Mutex(())

/// Runs `body` while nobody else is here: tests run beside each other, and some settings are the process's.
public func alone<Result>(_ body: () throws -> Result) throws -> Result {
  try turn.withLock { _ in try body() }
}
