import MaquetteFormats
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import TestSupport
import Testing

/// What others do to a server's services, as it is told here.
@Suite("Changes of others on a server") struct RemoteWatchTests {
  /// Waits until `condition` holds, for ten seconds at the most.
  private func eventually(_ condition: @escaping @Sendable () -> Bool) -> Bool {
    let deadline = Deadline(milliseconds: 10_000)
    let pause = Monitor(())
    while !deadline.hasPassed {
      if condition() { return true }
      _ = pause.wait(until: Deadline(milliseconds: 5)) { _ -> Bool? in nil }
    }
    return condition()
  }

  private func kinds(_ seen: Seen<ServiceEvent>) -> [String] { seen.values.map { $0.kind.rawValue } }

  @Test("created, updated and removed are told, each once, and as somebody else's")
  func each() throws {
    let remote = try RemoteStore(options: "?poll=10")
    let seen = Seen<ServiceEvent>()
    let service = try remote.store.service("s")
    let subscription = service.events.subscribe { for event in $0 { seen.add(event) } }
    let others = try DataStore(remote.server.location).service("s")
    let stored = try others.create(["a": 1])
    #expect(eventually { seen.values.count == 1 })
    _ = try others.patch(stored.id, with: ["a": 2])
    #expect(eventually { seen.values.count == 2 })
    _ = try others.remove(stored.id)
    #expect(eventually { seen.values.count == 3 })
    #expect(kinds(seen) == ["created", "updated", "removed"])
    #expect(seen.values.map(\.isForeign) == [true, true, true])
    #expect(seen.values[0].document.id == stored.id)
    subscription.cancel()
  }

  @Test("what this process does is told once, by itself, however it goes with what others do")
  func own() throws {
    let remote = try RemoteStore(options: "?poll=2")
    let seen = Seen<ServiceEvent>()
    let service = try remote.store.service("s")
    let subscription = service.events.subscribe { for event in $0 { seen.add(event) } }
    let others = try DataStore(remote.server.location).service("s")
    for number in 0..<40 {
      let ours = try service.create(["ours": JSON(number)])
      let theirs = try others.create(["theirs": JSON(number)])
      _ = try service.patch(ours.id, with: ["more": true])
      if number % 2 == 0 { _ = try others.remove(theirs.id) }
      if number % 3 == 0 { _ = try service.remove(ours.id) }
    }
    _ = try others.create(["last": true])
    #expect(eventually { seen.values.contains { $0.document["last"] != nil } })
    subscription.cancel()
    let own = seen.values.filter { !$0.isForeign }
    #expect(own.filter { $0.kind == .created }.count == 40)
    #expect(own.filter { $0.kind == .patched }.count == 40)
    #expect(own.filter { $0.kind == .removed }.count == 14)
    let foreign = seen.values.filter(\.isForeign)
    // One that came and went between two looks was never there.
    let created = foreign.filter { $0.kind == .created }.count
    #expect(created >= 21 && created <= 41)
    #expect(Set(foreign.filter { $0.kind == .created }.map { $0.document.id }).count == created)
    #expect(foreign.filter { $0.document["ours"] != nil }.isEmpty)
  }

  @Test("a dataset follows what others do to its instances")
  func dataset() throws {
    let remote = try RemoteStore(options: "?poll=10")
    let ours = try Dataset("d", in: remote.store)
    let theirs = try Dataset("d", in: DataStore(remote.server.location))
    let counts = Seen<Int>()
    let subscription = ours.$count.subscribe { counts.add($0) }
    try theirs.append(counting(30), labels: LabelColumn([String](repeating: "a", count: 30)))
    #expect(eventually { counts.values.last == 30 })
    try theirs.clear()
    #expect(eventually { counts.values.last == 0 })
    subscription.cancel()
  }

  @Test("what happens while the server is out of reach is told once it is back")
  func outage() throws {
    let remote = try RemoteStore(options: "?poll=5&timeout=200")
    let seen = Seen<ServiceEvent>()
    let service = try remote.store.service("s")
    let subscription = service.events.subscribe { for event in $0 { seen.add(event) } }
    _ = try service.create(["a": 1])
    remote.server.intercept { _ in .hangUp }
    #expect(failure { _ = try service.find() } != nil)
    remote.server.setDocuments(
      "s",
      remote.server.documents("s") + [
        [
          "_id": "75a1b2c30000000000000001", "b": 2, "createdAt": .string(Timestamp.now().description),
          "updatedAt": .string(Timestamp.now().description),
        ]
      ])
    remote.server.intercept(nil)
    #expect(eventually { seen.values.count >= 2 })
    #expect(kinds(seen) == ["created", "created"])
    #expect(seen.values.map(\.isForeign) == [false, true])
    subscription.cancel()
  }

  @Test("nobody polls when nobody listens")
  func quiet() throws {
    let remote = try RemoteStore(options: "?poll=1")
    let service = try remote.store.service("s")
    let subscription = service.events.subscribe { _ in }
    #expect(eventually { remote.server.requests.count > 10 })
    subscription.cancel()
    // What is under way comes to its end first.
    #expect(
      eventually {
        let before = remote.server.requests.count
        _ = Monitor(()).wait(until: Deadline(milliseconds: 50)) { _ -> Bool? in nil }
        return remote.server.requests.count == before
      })
  }
}
