import MaquetteFormats
import MaquetteStreams
import MaquetteSystem
import TestSupport
import Testing

@testable import MaquetteStores

/// Who hands out what.
@Suite struct OutboxTests {
  @Test("what is put in is handed out once, in order, with what is put in meanwhile")
  func order() {
    let outbox = Outbox<Int>()
    var seen: [Int] = []
    for item in [1, 2] { outbox.add(item) }
    outbox.drain { item in
      if item == 1 {
        outbox.add(3)
        // Who is at it already goes on with it.
        outbox.drain { _ in Issue.record("handed out in the middle of another item") }
      }
      seen.append(item)
    }
    outbox.drain { seen.append($0) }
    #expect(seen == [1, 2, 3])
  }

  @Test("what is passed goes straight through, unless something else comes first")
  func passing() {
    let outbox = Outbox<Int>()
    var seen: [Int] = []
    outbox.pass(1) { item in
      if item == 1 { outbox.pass(2) { _ in Issue.record("handed out in the middle of another item") } }
      seen.append(item)
    }
    outbox.add(3)
    outbox.pass(4) { seen.append($0) }
    outbox.pass(5) { seen.append($0) }
    #expect(seen == [1, 2, 3, 4, 5])
  }

  @Test("what was only added is left to who added it")
  func left() {
    let outbox = Outbox<Int>()
    var seen: [Int] = []
    outbox.add(1)
    outbox.drainLeft { seen.append($0) }
    #expect(seen == [])
    outbox.leave(2)
    outbox.drainLeft { seen.append($0) }
    #expect(seen == [1, 2])
    outbox.add(3)
    outbox.drainLeft { seen.append($0) }
    #expect(seen == [1, 2])
    outbox.drain { seen.append($0) }
    #expect(seen == [1, 2, 3])
  }

  @Test("a store's thread that looks in between does not tell what a caller has done in the caller's place")
  func looking() throws {
    let backend = NosyBackend()
    try backend.openService("notes")
    let service = Service("notes", backend)
    let here = Thread.current
    let seen = Seen<UInt>()
    service.events.observe { _ in seen.add(Thread.current) }
    for count in 1...3 {
      _ = try service.create(["n": JSON(count)])
      #expect(seen.values == Array(repeating: here, count: count))
    }
  }
}

/// A store in memory whose other thread looks what others did at the worst moment: when something has happened and is
/// not told yet.
private final class NosyBackend: Backend {
  private let memory = MemoryBackend()
  private let receiver = Monitor<ChangeReceiver?>(nil)

  func serviceNames() throws(MaquetteError) -> [String] { try memory.serviceNames() }
  func openService(_ name: String) throws(MaquetteError) { try memory.openService(name) }

  func read<Result: Sendable>(
    _ service: String, _ body: @escaping @Sendable (any Session) throws(MaquetteError) -> Result
  ) throws(MaquetteError) -> Result { try memory.read(service, body) }

  func write<Result: Sendable>(
    _ service: String, committed: @escaping @Sendable (Result) -> Void,
    _ body: @escaping @Sendable (any Session) throws(MaquetteError) -> Result
  ) throws(MaquetteError) -> Result {
    let result = try memory.write(service, committed: committed, body)
    let receiver = receiver.withLock { $0 }
    let hasLooked = Monitor(false)
    try Thread.start("test") {
      receiver?.handOut()
      hasLooked.change { $0 = true }
    }
    _ = hasLooked.wait(until: .never) { $0 ? () : nil }
    return result
  }

  func file(_ folder: String, _ name: String) throws(MaquetteError) -> [UInt8]? {
    try memory.file(folder, name)
  }
  func watch(_ service: String, _ receiver: ChangeReceiver) { self.receiver.withLock { $0 = receiver } }
}
