import Synchronization

/// A warning of what is tried again and again: logged when it begins to fail, or fails in another way, and followed by a
/// message when it goes well again; a host's log is not filled with one and the same.
package final class RecurringWarning: Sendable {
  private let last = Mutex<String?>(nil)

  package init() {}

  package func failed(_ message: String) {
    let isNews = last.withLock { last in
      defer { last = message }
      return last != message
    }
    if isNews { Log.warning(message) }
  }

  /// - Parameter message: logged as information where it had failed before.
  package func succeeded(_ message: @autoclosure () -> String) {
    let hadFailed = last.withLock { last in
      defer { last = nil }
      return last != nil
    }
    if hadFailed { Log.info(message()) }
  }
}
