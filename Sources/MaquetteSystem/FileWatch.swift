import CMaquetteSystem
import Glibc

/// Lets a thread sleep until a file is written to, by whatever process.
///
/// For one thread at a time, but for ``wake()``.
package final class FileWatch: Sendable {
  private let wakeUp: Int32
  /// Negative where the system gives none.
  private let changes: Int32

  /// - Throws: ``MaquetteError/Code/inputOutput`` without a free file descriptor.
  package init() throws(MaquetteError) {
    wakeUp = maquette_system_eventfd()
    guard wakeUp >= 0 else {
      throw MaquetteError(.inputOutput, "could not make an eventfd: \(describe(errno: -wakeUp))")
    }
    changes = maquette_system_inotify()
  }

  deinit {
    close(wakeUp)
    if changes >= 0 { close(changes) }
  }

  /// Watches a file, too.
  ///
  /// - Returns: false where that can't be had: there is no such file, or too much is watched on this machine already.
  package func add(_ path: String) -> Bool {
    changes >= 0 && maquette_system_inotify_add(changes, path) == 0
  }

  /// Sleeps until a watched file is written to, until ``wake()``, or for so many milliseconds.
  ///
  /// - Parameter ignoringChanges: sleeps on when a file is written to.
  package func wait(milliseconds: Int32, ignoringChanges: Bool = false) {
    var descriptors = [
      pollfd(fd: wakeUp, events: Int16(POLLIN), revents: 0),
      pollfd(fd: ignoringChanges ? -1 : changes, events: Int16(POLLIN), revents: 0),
    ]
    if poll(&descriptors, 2, milliseconds) > 0 && descriptors[0].revents != 0 {
      maquette_system_eventfd_lower(wakeUp)
    }
  }

  /// Sleeps until ``wake()``, until something can be read from a descriptor, or for so many milliseconds.
  ///
  /// - Returns: whether it was woken.
  package func wait(milliseconds: Int32, or descriptor: Int32) -> Bool {
    var descriptors = [
      pollfd(fd: wakeUp, events: Int16(POLLIN), revents: 0),
      pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
    ]
    guard poll(&descriptors, 2, milliseconds) > 0, descriptors[0].revents != 0 else { return false }
    maquette_system_eventfd_lower(wakeUp)
    return true
  }

  /// Whether a watched file was written to since this was asked last.
  package func takeChanges() -> Bool { changes >= 0 && maquette_system_inotify_take(changes) }

  /// Ends the ``wait(milliseconds:ignoringChanges:)`` of another thread, or its next.
  package func wake() { maquette_system_eventfd_raise(wakeUp) }
}
