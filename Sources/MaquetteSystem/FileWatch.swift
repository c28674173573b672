import CMaquetteSystem
import Glibc

/// Lets a thread sleep until a file is written to, by whatever process.
///
/// For one thread at a time, but for ``wake()``.
package final class FileWatch: Sendable {
  private let wakeUp: WakeUp
  /// Negative where the system gives none: a user has 128 of them in all, unless told otherwise.
  private let changes: Int32

  /// - Throws: ``MaquetteError/Code/inputOutput`` without a free file descriptor.
  package init() throws(MaquetteError) {
    wakeUp = try WakeUp()
    changes = maquette_system_inotify()
  }

  deinit { if changes >= 0 { close(changes) } }

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
    wakeUp.wait(milliseconds: milliseconds, or: ignoringChanges ? -1 : changes)
  }

  /// Whether a watched file was written to since this was asked last.
  package func takeChanges() -> Bool { changes >= 0 && maquette_system_inotify_take(changes) }

  /// Ends the ``wait(milliseconds:ignoringChanges:)`` of another thread, or its next.
  package func wake() { wakeUp.wake() }
}
