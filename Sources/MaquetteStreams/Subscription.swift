public import MaquetteSystem

/// One subscriber of a stream.
///
/// With a callback it goes on until cancelled or until the stream ends, whether this is kept or not; a queue ends
/// with the last reference to it, since nobody could take anything out any more.
public final class Subscription<Value: Sendable>: Sendable {
  private let mailbox: Mailbox

  @usableFromInline init(_ mailbox: Mailbox) {
    self.mailbox = mailbox
  }

  deinit {
    if mailbox.isPulled { mailbox.cancel(waiting: false) }
  }

  /// Ends the subscription. When this returns, the subscriber is not running and will not run again. From inside
  /// the subscriber it does not wait, and the call that is running is the last.
  public func cancel() { mailbox.cancel(waiting: true) }

  /// Ends the subscription; a call of the subscriber that is running may outlast this.
  public func cancelWithoutWaiting() { mailbox.cancel(waiting: false) }

  /// Takes the next event out of a subscription made by ``Stream/queue()``.
  ///
  /// - Parameter timeout: milliseconds to wait for one; negative: as long as it takes.
  /// - Throws: ``MaquetteError/Code/timeout``, or ``MaquetteError/Code/closed`` once the stream has ended and
  ///   everything is taken.
  public func next(timeout: Int64 = -1) throws(MaquetteError) -> Stream<Value>.Event {
    switch mailbox.next(until: Deadline(milliseconds: timeout)) {
    case .event(let event): return Stream<Value>.Event(event)
    case .timeout: throw MaquetteError(.timeout, "no event within \(timeout) ms")
    case .closed: throw MaquetteError(.closed, "the stream has ended, or the subscription was cancelled")
    }
  }

  /// A file descriptor for `poll`, `epoll` and event loops: readable while ``next(timeout:)`` would not wait.
  /// It belongs to the subscription and is closed with it.
  public func fileDescriptor() throws(MaquetteError) -> Int32 { try mailbox.fileDescriptor() }
}
