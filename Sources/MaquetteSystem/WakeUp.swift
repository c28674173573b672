import CMaquetteSystem
import Glibc

/// Lets a thread sleep until another one wakes it, or until something can be read from a descriptor.
///
/// For one thread at a time, but for ``wake()``.
package final class WakeUp: Sendable {
  private let event: Int32

  /// - Throws: ``MaquetteError/Code/inputOutput`` without a free file descriptor.
  package init() throws(MaquetteError) {
    event = maquette_system_eventfd()
    guard event >= 0 else {
      throw MaquetteError(.inputOutput, "could not make an eventfd: \(describe(errno: -event))")
    }
  }

  deinit { close(event) }

  /// Sleeps until ``wake()``, until something can be read from a descriptor, or for so many milliseconds.
  ///
  /// - Parameter descriptor: negative for none.
  /// - Returns: whether it was woken.
  @discardableResult
  package func wait(milliseconds: Int32, or descriptor: Int32 = -1) -> Bool {
    var descriptors = [
      pollfd(fd: event, events: Int16(POLLIN), revents: 0),
      pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
    ]
    guard poll(&descriptors, 2, milliseconds) > 0, descriptors[0].revents != 0 else { return false }
    maquette_system_eventfd_lower(event)
    return true
  }

  /// Ends the ``wait(milliseconds:or:)`` of another thread, or its next.
  package func wake() { maquette_system_eventfd_raise(event) }
}
