import Glibc
import MaquetteFormats
import MaquetteStores
import MaquetteStreams
import MaquetteSystem

/// Writes the runs of one history, on a thread of its own, so that no training ever waits for a store.
///
/// What trainings report is put into an inbox, which takes a microsecond. The thread takes all that is there, writes it
/// in one transaction for each run, and pauses: so it uses a fraction of the store and of a processor, however fast the
/// epochs come, and what comes meanwhile is one write. A fresh epoch goes into the journal of its run, at a cost that
/// does not grow with the run and without waiting for the disk; the document itself, which grows, is brought up to date,
/// and the disk waited for, whenever a fiftieth of the time is enough for that. So a process that is killed loses some
/// hundredths of a second, and a machine without power some seconds. The thread is there while a run is.
final class RunWriter: Sendable {
  /// What a training reports.
  enum Notice: Sendable {
    case begin(RunRecord)
    case epoch(String, number: Int?, of: Int?, JSONObject?)
    case checkpoint(String, PendingCheckpoint)
    case end(String, RunEnd)
    case failure(String, MaquetteError)
  }

  private struct State {
    var inbox: [Notice] = []
    var isRunning = false
    var thread: UInt = 0
    /// Whether the thread rests between two writes, which an epoch is no reason to end.
    var isResting = false
    /// Whether the inbox holds something that does not wait.
    var isUrgent = false
    /// The history is closed: what can't be written is given up after some attempts.
    var isClosed = false
    /// Of those who wait for everything to be written: tickets given, and served.
    var tickets: UInt64 = 0
    var served: UInt64 = 0
    var answer: MaquetteError?
    /// What could not be written, and never will be, since the last time somebody asked.
    var loss: MaquetteError?
  }

  private let store: DataStore
  private let service: Service
  private let changes: Stream<TrainingHistory.Change>
  private let state = Monitor(State())

  init(_ service: Service, in store: DataStore, changes: Stream<TrainingHistory.Change>) {
    self.store = store
    self.service = service
    self.changes = changes
  }

  // MARK: From the trainings

  func post(_ notice: Notice) {
    var isUrgent = true
    if case .epoch = notice { isUrgent = false }
    let (needsThread, wakes) = state.withLock { state -> (Bool, Bool) in
      state.inbox.append(notice)
      state.isUrgent = state.isUrgent || isUrgent
      let needsThread = !state.isRunning
      state.isRunning = true
      return (needsThread, isUrgent || !state.isResting)
    }
    if needsThread {
      startThread()
    } else if wakes {
      state.change { _ in }
    }
  }

  /// Where no thread can be started, the next notice or ``flush(timeout:)`` tries again.
  private func startThread() {
    do throws(MaquetteError) {
      try Thread.start("maquette-runs") { self.work() }
    } catch {
      state.change { state in
        state.isRunning = false
        // Whoever waits would wait for a thread that is not there.
        state.answer = error
        state.served = state.tickets
      }
      report(error, nil)
    }
  }

  // MARK: For those who wait

  /// Waits until everything that was reported before is in the store.
  ///
  /// - Throws: what it could not be written for; ``MaquetteError/Code/timeout``; ``MaquetteError/Code/reentrant`` on
  ///   the writing thread, where the log calls its function.
  func flush(timeout: Int64) throws(MaquetteError) {
    let deadline = Deadline(milliseconds: timeout)
    enum Step {
      case done(MaquetteError?)
      case wait(ticket: UInt64, needsThread: Bool)
    }
    let step = try state.change { (state) throws(MaquetteError) -> Step in
      if state.isRunning, state.thread == Thread.current {
        throw MaquetteError(.reentrant, "the thread that writes the runs can't wait for itself")
      }
      if !state.isRunning && state.inbox.isEmpty {
        defer { state.loss = nil }
        return .done(state.loss)
      }
      state.tickets += 1
      let needsThread = !state.isRunning
      state.isRunning = true
      return .wait(ticket: state.tickets, needsThread: needsThread)
    }
    switch step {
    case .done(let loss): if let loss { throw loss }
    case .wait(let ticket, let needsThread):
      if needsThread { startThread() }
      let answer = state.wait(until: deadline) { state -> MaquetteError?? in
        state.served >= ticket ? .some(state.answer) : nil
      }
      guard let answer else {
        throw MaquetteError(.timeout, "not everything was written within \(timeout) ms")
      }
      if let answer { throw answer }
    }
  }

  /// Lets go of what can't be written, once the trainings that are recorded have ended.
  func close() { state.change { $0.isClosed = true } }

  // MARK: The thread

  /// What the thread keeps to itself.
  private struct Desk {
    var runs: [Recording] = []
    /// No write before, unless it does not wait; on the monotonic clock, in nanoseconds.
    var pauseUntil: UInt64 = 0
    /// Attempts that failed since the last that did not.
    var failures = 0
  }

  private struct Recording {
    var record: RunRecord
    /// When the document was last written, and how long that took.
    var writtenAt: UInt64 = 0
    var writingTook: UInt64 = 0
    /// Its document is gone, or can't be written any more.
    var isGone = false

    /// When the document is to be written again.
    var nextWriting: UInt64 {
      record.stored > record.documented
        ? writtenAt + min(writingTook * RunWriter.writingShare, UInt64(RunOwner.heartbeat) * 1_000_000)
        : writtenAt + UInt64(RunOwner.heartbeat) * 1_000_000
    }
  }

  /// The document is written again after so many times the time it took.
  private static let writingShare: UInt64 = 50
  /// The pause after a write: so many times what a journal took, and no less and no more than this. A thousand commits in
  /// a second would take a fifth of a processor, which the training may need.
  private static let pauseShare: UInt64 = 3
  private static let shortestPause: UInt64 = 10_000_000
  private static let longestPause: UInt64 = 250_000_000
  /// Attempts to write what is left when the history is closed.
  private static let lastAttempts = 3

  private struct Batch {
    var notices: [Notice]
    var tickets: UInt64
    var isClosed: Bool
  }

  private func work() {
    var desk = Desk()
    state.withLock { $0.thread = Thread.current }
    while let batch = next(desk) {
      take(batch.notices, &desk)
      let failure = write(&desk)
      if let failure, batch.isClosed, desk.failures >= Self.lastAttempts { giveUp(&desk, failure) }
      desk.runs.removeAll { recording in
        guard recording.isGone || recording.record.isComplete else { return false }
        RunOwner.end(recording.record.id)
        return true
      }
      state.change { state in
        guard state.served < batch.tickets else { return }
        state.served = batch.tickets
        state.answer = failure ?? state.loss
        state.loss = nil
      }
    }
  }

  /// Waits until there is something to do, and takes it; nil, and the thread is over, when there is no run any more.
  private func next(_ desk: Desk) -> Batch? {
    let now = Self.now()
    let isResting = desk.pauseUntil > now
    var wake = desk.runs.map(\.nextWriting).min() ?? .max
    if desk.runs.contains(where: { $0.record.hasNews }) { wake = now }
    // What comes during the pause wakes nobody: at its end the inbox is looked at, whatever is due.
    if isResting { wake = desk.pauseUntil }
    let isOver = desk.runs.isEmpty
    let milliseconds = wake <= now ? 0 : Int64((wake - now) / 1_000_000 + 1)
    let batch = state.wait(until: Deadline(milliseconds: milliseconds)) { state -> Batch?? in
      let hasNews = !state.inbox.isEmpty && (!isResting || state.isUrgent)
      if hasNews || state.served < state.tickets { return .some(Self.take(&state)) }
      if isOver && state.inbox.isEmpty {
        state.isRunning = false
        state.thread = 0
        return .some(nil)
      }
      state.isResting = isResting
      return nil
    }
    if let batch { return batch }
    return state.withLock { Self.take(&$0) }
  }

  private static func take(_ state: inout State) -> Batch {
    let batch = Batch(notices: state.inbox, tickets: state.tickets, isClosed: state.isClosed)
    state.inbox = []
    state.isUrgent = false
    state.isResting = false
    return batch
  }

  private func take(_ notices: [Notice], _ desk: inout Desk) {
    func change(_ id: String, _ body: (inout RunRecord) -> Void) {
      guard let place = desk.runs.firstIndex(where: { $0.record.id == id }) else { return }
      body(&desk.runs[place].record)
    }
    for notice in notices {
      switch notice {
      case .begin(let record):
        desk.runs.append(Recording(record: record))
        desk.pauseUntil = desk.failures == 0 ? 0 : desk.pauseUntil
      case .epoch(let id, let number, let epochs, let figures):
        change(id) { $0.append(epoch: number, of: epochs, figures) }
      case .checkpoint(let id, let checkpoint): change(id) { $0.checkpointsToSave.append(checkpoint) }
      case .end(let id, let end): change(id) { $0.finish(end) }
      case .failure(let id, let error):
        state.withLock { $0.loss = error }
        report(error, desk.runs.first { $0.record.id == id }?.record)
      }
    }
  }

  // MARK: Writing

  /// Writes what is new or due of all runs, each as far as it can be.
  ///
  /// - Returns: the first failure that another attempt may mend.
  private func write(_ desk: inout Desk) -> MaquetteError? {
    let begin = Self.now()
    var failure: MaquetteError?
    var hasWritten = false
    var journalsTook: UInt64 = 0
    for place in desk.runs.indices {
      guard desk.runs[place].record.hasNews || desk.runs[place].nextWriting <= begin else { continue }
      hasWritten = true
      do throws(MaquetteError) {
        journalsTook += try write(&desk.runs[place])
      } catch {
        let record = desk.runs[place].record
        if error.code == .notFound, error.name == record.id {
          abandon(&desk.runs[place])
        } else if error.isWorthAnotherAttempt {
          failure = failure ?? error
          // Once for each trouble, not for each attempt.
          if desk.failures == 0 { report(error, record) }
        } else {
          state.withLock { $0.loss = error }
          report(error, record)
          desk.runs[place].isGone = true
        }
      }
    }
    guard hasWritten else { return nil }
    let now = Self.now()
    if failure != nil {
      desk.failures += 1
      desk.pauseUntil = now + min(30_000_000_000, 500_000_000 << UInt64(min(desk.failures - 1, 6)))
    } else {
      if desk.failures > 0 { Log.info("the training history can be written again") }
      desk.failures = 0
      desk.pauseUntil =
        now + min(max(journalsTook * Self.pauseShare, Self.shortestPause), Self.longestPause)
    }
    return failure
  }

  /// - Returns: how long its journal took, in nanoseconds.
  private func write(_ recording: inout Recording) throws(MaquetteError) -> UInt64 {
    var journalTook: UInt64 = 0
    var record = recording.record
    defer { recording.record = record }
    if record.name == nil {
      try measured(&recording) { () throws(MaquetteError) in
        RunOwner.begin(record.id)
        let document = try service.create(
          record.document, numberedAfter: record.basename, journal: RunOwner.here.piece)
        record.name = document["name"]?.string ?? ""
        record.stored = record.logs.count
        record.documented = record.logs.count
      }
    }
    let unsaved = saveCheckpoints(&record)
    if record.belongsIntoDocument || recording.nextWriting <= Self.now() {
      try measured(&recording) { () throws(MaquetteError) in try writeDocument(&record) }
    } else if record.stored < record.logs.count {
      let piece = record.piece
      let begin = Self.now()
      try service.add(piece.bytes, named: piece.name, toJournalOf: record.id)
      journalTook = Self.now() - begin
      record.stored = record.logs.count
      changes.set(TrainingHistory.Change(.updated, record.summary))
    }
    if let unsaved { throw unsaved }
    return journalTook
  }

  private func writeDocument(_ record: inout RunRecord) throws(MaquetteError) {
    let written = record
    // The journal stays for as long as something is to come: its first piece says who writes the run.
    let owner = record.end == nil ? RunOwner.here.piece : nil
    try service.change(record.id, leaving: owner) { (document, _) throws(MaquetteError) in
      written.write(into: &document)
      return true
    }
    record.checkpointsToList = []
    record.stored = record.logs.count
    record.documented = record.logs.count
    record.isEndStored = record.end != nil
  }

  private func measured(
    _ recording: inout Recording, _ body: () throws(MaquetteError) -> Void
  ) throws(MaquetteError) {
    let begin = Self.now()
    try body()
    recording.writtenAt = Self.now()
    recording.writingTook = recording.writtenAt - begin
  }

  /// Saves the models first, so that no run ever names one that isn't there.
  ///
  /// - Returns: a failure that another attempt may mend.
  private func saveCheckpoints(_ record: inout RunRecord) -> MaquetteError? {
    while let checkpoint = record.checkpointsToSave.first {
      let name = "\(record.name ?? record.basename)@\(checkpoint.label)"
      var run: JSONObject = ["id": .string(record.id), "name": .string(record.name ?? "")]
      if let epoch = checkpoint.epoch { run["epoch"] = JSON(epoch) }
      do throws(MaquetteError) {
        let id = try checkpoint.model.save(in: store, name: name, metadata: ["run": .object(run)])
        record.checkpointsToList.append([
          "id": .string(id), "name": .string(name),
          "service": .string(type(of: checkpoint.model).service),
        ])
      } catch {
        if error.isWorthAnotherAttempt { return error }
        state.withLock { $0.loss = error }
        report(error, record)
      }
      record.checkpointsToSave.removeFirst()
    }
    return nil
  }

  /// Somebody removed the run while it was written: nothing more of it is.
  private func abandon(_ recording: inout Recording) {
    Log.info(
      "the run \(recording.record.name ?? recording.record.id) was removed while it was being recorded")
    recording.isGone = true
    for checkpoint in recording.record.checkpointsToList {
      guard let id = checkpoint["id"]?.string, let name = checkpoint["service"]?.string else { continue }
      do throws(MaquetteError) {
        _ = try store.service(name).remove(id)
      } catch {
        report(error, recording.record)
      }
    }
  }

  private func giveUp(_ desk: inout Desk, _ failure: MaquetteError) {
    for place in desk.runs.indices where desk.runs[place].record.end != nil {
      let record = desk.runs[place].record
      Log.error("the run \(record.name ?? record.basename) could not be written to its end and is given up")
      desk.runs[place].isGone = true
      state.withLock { $0.loss = failure }
    }
  }

  private func report(_ error: MaquetteError, _ record: RunRecord?) {
    Log.warning(
      "the training history could not write"
        + (record.map { " the run \($0.name ?? $0.basename)" } ?? "") + ": \(error.message)")
    changes.set(TrainingHistory.Change(.failed, record?.summary, error: error))
  }

  private static func now() -> UInt64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
  }
}

extension MaquetteError {
  /// Whether what failed may do at another time: space may come, a lock may go.
  fileprivate var isWorthAnotherAttempt: Bool {
    [.inputOutput, .full, .locked, .outOfMemory].contains(code)
  }
}
