internal import CMaquetteKernels
internal import Glibc
package import MaquetteSystem
internal import Synchronization

/// A few threads that share the rows of large work among them.
///
/// Work is cut into blocks of a fixed size, so what is computed does not depend on how many threads there are.
/// The calling thread takes part, so work goes on even when no thread can be started, and a block may itself call
/// here. Threads are started when first needed; then they sleep, which costs nothing, and end with the process.
package enum Workers {
  /// The most threads that one piece of work runs on, the caller's included: 1 to 256.
  ///
  /// At first the number of processors the process may use.
  package static var limit: Int {
    get {
      let set = setting.load(ordering: .relaxed)
      return set > 0 ? set : processors
    }
    set { setting.store(min(max(newValue, 1), 256), ordering: .relaxed) }
  }

  /// Calls `body` for blocks of `size` rows that make up 0 ..< rows, on up to ``limit`` threads in any order;
  /// returns when all are done.
  ///
  /// - Throws: what `body` throws, for the first of the blocks that fail; later blocks may then be left out.
  package static func forEachBlock(
    of size: Int, rows: Int, _ body: @escaping @Sendable (Range<Int>) throws(MaquetteError) -> Void
  ) throws(MaquetteError) {
    precondition(size > 0)
    let blocks = rows <= 0 ? 0 : (rows - 1) / size + 1
    let helpers = min(limit, blocks) - 1
    guard helpers > 0, !inForkedChild else {
      for block in 0..<blocks { try body(block * size..<min((block + 1) * size, rows)) }
      return
    }
    let job = Job(blocks: blocks, size: size, rows: rows, places: helpers, body: body)
    call(helpers, to: job)
    job.work()
    pool.withLock { $0.jobs.removeAll { $0 === job } }
    try job.finish()
  }

  private static let setting = Atomic<Int>(0)
  private static let processors = min(max(Int(maquette_processors()), 1), 256)
  private static let owner = Atomic<Int32>(0)
  private static let pool = Monitor(Pool())

  private struct Pool {
    /// Work that takes helpers; a job leaves when its blocks have all been begun.
    var jobs: [Job] = []
    var threads = 0
    var idle = 0
  }

  /// The threads, and perhaps the owner of a lock, did not come along into the child.
  private static var inForkedChild: Bool {
    let process = getpid()
    let (first, owned) = owner.compareExchange(expected: 0, desired: process, ordering: .relaxed)
    return !first && owned != process
  }

  private static func call(_ helpers: Int, to job: Job) {
    let missing = pool.change { pool in
      pool.jobs.append(job)
      let missing = max(0, min(helpers - pool.idle, limit - 1 - pool.threads))
      pool.threads += missing
      return missing
    }
    for _ in 0..<missing {
      do throws(MaquetteError) {
        try Thread.start("maquette-worker", serve)
      } catch {
        Log.debug("a worker less: \(error.message)")
        pool.withLock { $0.threads -= 1 }
      }
    }
  }

  @Sendable private static func serve() {
    while true {
      pool.withLock { $0.idle += 1 }
      let job = pool.wait(until: .never) { pool -> Job? in
        guard let job = pool.jobs.first(where: { $0.enter() }) else { return nil }
        pool.idle -= 1
        return job
      }
      job?.work()
      job?.leave()
    }
  }
}

/// Blocks of rows to be done.
private final class Job: Sendable {
  private struct State {
    var places: Int
    var helpers = 0
    var failure: (block: Int, error: MaquetteError)?
  }

  private let blocks: Int
  private let size: Int
  private let rows: Int
  private let body: @Sendable (Range<Int>) throws(MaquetteError) -> Void
  private let next = Atomic<Int>(0)
  private let state: Monitor<State>

  init(
    blocks: Int, size: Int, rows: Int, places: Int,
    body: @escaping @Sendable (Range<Int>) throws(MaquetteError) -> Void
  ) {
    self.blocks = blocks
    self.size = size
    self.rows = rows
    self.body = body
    state = Monitor(State(places: places))
  }

  /// Counts the calling helper in, if there is a place and something left to do.
  func enter() -> Bool {
    guard next.load(ordering: .relaxed) < blocks else { return false }
    return state.withLock { state in
      guard state.places > 0 else { return false }
      state.places -= 1
      state.helpers += 1
      return true
    }
  }

  func leave() {
    state.change { $0.helpers -= 1 }
  }

  /// Does blocks until all have been begun.
  func work() {
    while true {
      let block = next.add(1, ordering: .relaxed).oldValue
      guard block < blocks else { return }
      do throws(MaquetteError) {
        try body(block * size..<min((block + 1) * size, rows))
      } catch {
        // Blocks are begun in order, so the first that fails is always among those that run.
        state.withLock { state in
          if block < state.failure?.block ?? blocks { state.failure = (block, error) }
        }
        next.store(blocks, ordering: .relaxed)
        return
      }
    }
  }

  /// Waits for the helpers; they can't be joined by others, the job has left the pool.
  func finish() throws(MaquetteError) {
    let failure = state.wait(until: .never) { state -> State? in state.helpers == 0 ? state : nil }?.failure
    if let failure { throw failure.error }
  }
}
