import CSQLite
import Glibc
import MaquetteSystem

/// Copies of a store, each of one moment, while it is used.
enum SQLiteBackup {
  /// Copies the store at `path` to a file that is not there yet, which then appears whole, or into one that is a store,
  /// which then changes in one step.
  ///
  /// A connection of its own reads: nobody who writes waits for it.
  static func copy(_ path: String, to target: String) throws(MaquetteError) {
    guard !target.isEmpty, !target.utf8.contains(0) else {
      throw MaquetteError(.invalidArgument, "'\(target)' names no file to copy the store to", name: target)
    }
    // A thread whose signals are blocked: a file that outgrows a limit must be an error.
    let worker = try SerialWorker("maquette-backup")
    defer { worker.stop() }
    try worker.run { () throws(MaquetteError) in
      guard let there = FileIdentity(target) else {
        let part = target + ".part"
        unlink(part)
        do throws(MaquetteError) {
          try copy(path, into: try SQLiteConnection(part))
          try publish(part, as: target)
        } catch {
          unlink(part)
          unlink(part + "-journal")
          throw error
        }
        return
      }
      guard let own = FileIdentity(path), own != there else {
        throw MaquetteError(
          .invalidArgument, "a store can't be copied to its own file '\(target)'", name: target)
      }
      try copy(path, into: try SQLiteFile.open(target, SQLiteOptions()))
    }
  }

  private static func copy(_ path: String, into target: SQLiteConnection) throws(MaquetteError) {
    let source = try SQLiteConnection(path)
    try source.waitForLocks(milliseconds: SQLiteOptions().timeout)
    guard let backup = sqlite3_backup_init(target.handle, "main", source.handle, "main") else {
      throw SQLiteError.current(target.handle, sqlite3_errcode(target.handle), "write to", target.path)
    }
    // All pages in one step are of one moment.
    let code = sqlite3_backup_step(backup, -1)
    let end = sqlite3_backup_finish(backup)
    guard code == SQLITE_DONE, end == SQLITE_OK else {
      throw SQLiteError.current(target.handle, code == SQLITE_DONE ? end : code, "write to", target.path)
    }
  }

  /// Gives the file its name, and makes sure that it keeps it.
  private static func publish(_ part: String, as target: String) throws(MaquetteError) {
    guard rename(part, target) == 0 else {
      throw MaquetteError(.inputOutput, "could not name '\(target)': \(describe(errno: errno))", name: target)
    }
    let end = target.lastIndex(of: "/")
    let directory = end.map { $0 == target.startIndex ? "/" : String(target[..<$0]) } ?? "."
    let descriptor = open(directory, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }
}
