import Glibc
import MaquetteStreams
import MaquetteSystem
import Synchronization
import Testing

@Suite struct DemandTests {
  private let log = Words()

  private final class Words: Sendable {
    let words = Mutex<[String]>([])
    func add(_ word: String) { words.withLock { $0.append(word) } }
    var all: [String] { words.withLock { $0 } }
  }

  private func demand() -> Demand {
    let log = log
    return Demand(begin: { log.add("begin") }, began: { log.add("began") }, end: { log.add("end") })
  }

  @Test("it begins with the first and ends with the last")
  func counts() {
    let demand = demand()
    demand.add()
    demand.add()
    demand.remove()
    #expect(log.all == ["begin", "began"])
    demand.remove()
    demand.remove()
    #expect(log.all == ["begin", "began", "end"])
    demand.add()
    demand.close()
    demand.remove()
    demand.add()
    #expect(log.all == ["begin", "began", "end", "begin", "began", "end"])
  }

  @Test("subscribers of a stream are what it is served for, and followers are not")
  func stream() {
    let stream = Stream(0)
    stream.serve(demand())
    let follower = stream.follow { _ in }
    #expect(log.all == [])
    let observation = stream.observe { _ in }
    let queue = stream.queue()
    let subscription = stream.subscribe { _ in }
    #expect(log.all == ["begin", "began"])
    follower.cancel()
    observation.cancel()
    observation.cancel()
    queue.cancel()
    #expect(log.all == ["begin", "began"])
    subscription.cancel()
    // Its function does not run any more. A delivery thread that had it in hand lets go of it a moment later.
    let deadline = Deadline(milliseconds: 10_000)
    while log.all.count < 3, !deadline.hasPassed { sched_yield() }
    #expect(log.all == ["begin", "began", "end"])
  }

  @Test("it has begun before anything is heard")
  func order() {
    let log = log
    let stream = Stream("held")
    stream.serve(Demand(begin: { log.add("begin") }, end: {}))
    stream.observe { log.add($0.value) }
    #expect(log.all == ["begin", "held"])
  }
}
