import CSQLite
import MaquetteSystem

/// When the log is copied into the file, and by whom.
///
/// A copy waits for the disk twice. It is made by a connection of its own, on a thread that nobody waits for, so that others
/// go on writing meanwhile. What they write then is behind what is copied, and only a log that is copied to its end is begun
/// anew: so one that has become long nevertheless is copied while everybody waits. And who writes faster than the disk takes
/// it waits for the copy that goes on.
final class SQLiteCheckpoint {
  /// Pages that are in the log and not in the file before they are copied: 16 MB.
  private static let fewest: Int32 = 1000
  /// Pages in the log before everybody has to wait: as much as the log keeps on the disk, see `journal_size_limit`.
  private static let most: Int32 = 4000
  /// Pages in the log from which on who writes waits for a copy that is under way: 80 MB.
  private static let limit: Int32 = 5000

  /// Pages in the log after the last commit, and how many of them are in the file.
  private var pages: Int32 = 0
  private var copied: Int32 = 0
  private var isCopying = false
  /// Whether somebody has written since ``holdUp()`` was called.
  private var hasGrown = false
  /// Whether the connection that copies is open.
  let pass = Monitor(false)

  /// Notes that there are so many pages in the log after a commit.
  func note(pages: Int32) {
    // It was begun anew, as one that is in the file to its end is by the next who writes.
    if pages < self.pages || copied >= self.pages { copied = 0 }
    self.pages = pages
    hasGrown = true
  }

  /// Waits for the copy that is under way, if somebody has just written to a log that is far too long: the disk would never
  /// catch up with them. Who reads waits for nothing.
  func holdUp() {
    guard hasGrown else { return }
    hasGrown = false
    if isCopying, pages >= Self.limit { waitForPass() }
  }

  /// Notes that there is another log.
  func forget() { (pages, copied) = (0, 0) }

  /// Whether it is time to copy; yes once until that is over.
  func starts() -> Bool {
    guard pages &- copied >= Self.fewest, !isCopying else { return false }
    isCopying = true
    return true
  }

  /// Copies until there is little left. What is in the log is safe already, so a failure only means that the log grows
  /// until the next time.
  static func run(_ content: SQLiteContent, _ access: SerialAccess) {
    repeat {
      guard let connection = (try? access.run { content.checkpoint.begin(content) }) ?? nil else { break }
      let outcome = connection.copyLog()
      connection.close()
      content.checkpoint.pass.change { $0 = false }
      let goesOn = try? access.run { content.checkpoint.end(outcome, content) }
      if goesOn != true { return }
    } while true
    _ = try? access.run {
      content.checkpoint.isCopying = false
      content.checkpoint.copyAlone(content)
    }
  }

  /// Waits until the connection that copies is closed: who makes the log anew needs to be alone with it.
  func waitForPass() { _ = pass.wait(until: .never) { $0 ? nil : () } }

  /// Opens another connection to the very file and log of the present one; nil where there is none such.
  private func begin(_ content: SQLiteContent) -> Copier? {
    guard let own = content.presentConnection, content.hasItsLog, !own.hasMoved,
      let copier = Copier(own.path)
    else { return nil }
    // Somebody may have put another in its place in between.
    guard content.hasItsLog, !own.hasMoved else {
      copier.close()
      return nil
    }
    pass.change { $0 = true }
    return copier
  }

  /// - Returns: whether to copy once more.
  private func end(_ outcome: Copier.Outcome, _ content: SQLiteContent) -> Bool {
    let before = copied
    if outcome.code != SQLITE_OK {
      warn(outcome.code, content)
    } else if outcome.copied <= pages {
      // A log that was begun anew in between may have fewer pages.
      copied = outcome.copied
    }
    // Who reads an old state keeps what came after it in the log: to try again at once would not help.
    if copied > before, pages < Self.most, pages &- copied >= Self.fewest { return true }
    isCopying = false
    if pages >= Self.most, copied < pages { copyAlone(content) }
    return false
  }

  /// Copies while everybody waits.
  private func copyAlone(_ content: SQLiteContent) {
    guard let connection = content.presentConnection else { return }
    let outcome = Copier.Outcome(connection.handle)
    if outcome.code == SQLITE_OK { copied = outcome.copied } else { warn(outcome.code, content) }
  }

  private func warn(_ code: Int32, _ content: SQLiteContent) {
    // Another process is at it.
    guard code & 0xFF != SQLITE_BUSY, let connection = content.presentConnection else { return }
    Log.warning(
      "could not tidy up '\(connection.path)': \(String(cString: sqlite3_errstr(code))) (SQLite code \(code))"
    )
  }

  /// A connection that does nothing but copy; used on one thread.
  private struct Copier {
    let handle: OpaquePointer

    struct Outcome {
      let code: Int32
      var pages: Int32 = 0
      var copied: Int32 = 0

      init(_ handle: OpaquePointer) {
        // Waits for nobody.
        code = sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_PASSIVE, &pages, &copied)
      }
    }

    init?(_ path: String) {
      var handle: OpaquePointer?
      let code = sqlite3_open_v2(
        path.hasPrefix("/") ? path : "./" + path, &handle,
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nil)
      guard code == SQLITE_OK, let handle,
        // It opens the log when it reads first.
        sqlite3_exec(handle, "SELECT 1 FROM maquette_services LIMIT 1", nil, nil, nil) == SQLITE_OK
      else {
        sqlite3_close_v2(handle)
        return nil
      }
      self.handle = handle
    }

    func copyLog() -> Outcome { Outcome(handle) }
    func close() { sqlite3_close_v2(handle) }
  }
}
