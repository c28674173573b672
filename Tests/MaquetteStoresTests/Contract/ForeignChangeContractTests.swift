import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import TestSupport
import Testing

/// A store that is open twice, as two processes have it: neither handle knows of the other.
struct SharedStore: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let open: @Sendable () throws -> (ours: DataStore, theirs: DataStore, kept: any Sendable)

  private static let sqlite = SharedStore(testDescription: "sqlite") {
    let directory = TemporaryDirectory()
    let location = "sqlite:" + directory.path("store.db")
    return try (DataStore(location), DataStore(location), directory)
  }

  /// - Parameter option: of the one that watches.
  private static func postgreSQL(_ name: String, _ option: String) -> SharedStore {
    SharedStore(testDescription: name) {
      let location = PostgreSQLTesting.freshLocation()
      let theirs = try DataStore(location)
      return try (DataStore(location + option), theirs, Cleaner(theirs))
    }
  }

  static let all =
    PostgreSQLTesting.location == nil
    ? [sqlite] : [sqlite, postgreSQL("PostgreSQL, told", ""), postgreSQL("PostgreSQL, asking", "&poll=20")]
}

/// What others do to a store that they share.
@Suite struct ForeignChangeContractTests {
  @Test(
    "what another store does arrives in order, each once, and nothing of our own comes back",
    arguments: SharedStore.all)
  func inOrder(_ shared: SharedStore) throws {
    let (ours, theirs, kept) = try shared.open()
    defer { withExtendedLifetime(kept) {} }
    let service = try ours.service("notes")
    let queue = service.events.queue()
    let other = try theirs.service("notes")
    let first = try other.create(["n": 1])
    #expect(try texts(queue, 1) == ["created 1"])
    _ = try other.replace(first.id, with: ["n": 2])
    #expect(try texts(queue, 1) == ["updated 2"])
    _ = try service.create(["n": 3])
    _ = try other.remove(first.id)
    let last = try queue.next(timeout: 30_000).value + queue.next(timeout: 30_000).value
    #expect(last.map(\.kind) == [.created, .removed])
    #expect(last.map(\.isForeign) == [false, true])
    #expect(last[1].document == ["id": .string(first.id)])
    #expect(failure { _ = try queue.next(timeout: 150) }?.code == .timeout)
  }

  @Test("what others did before an own change is told before it", arguments: SharedStore.all)
  func othersFirst(_ shared: SharedStore) throws {
    let (ours, theirs, kept) = try shared.open()
    defer { withExtendedLifetime(kept) {} }
    let queue = try ours.service("notes").events.queue()
    for n in 0..<50 {
      _ = try theirs.service("notes").create(["n": .number(Double(2 * n))])
      _ = try ours.service("notes").create(["n": .number(Double(2 * n + 1))])
    }
    #expect(try texts(queue, 100) == (0..<100).map { "created \($0)" })
  }

  @Test("two stores that write at once see one and the same order", arguments: SharedStore.all)
  func oneOrder(_ shared: SharedStore) throws {
    let (ours, theirs, kept) = try shared.open()
    defer { withExtendedLifetime(kept) {} }
    let queues = try [ours, theirs].map { try $0.service("notes").events.queue() }
    let finished = Monitor(0)
    for (number, store) in [ours, theirs].enumerated() {
      try Thread.start("writer") {
        for n in 0..<200 { _ = try? store.service("notes").create(["n": .number(Double(1000 * number + n))]) }
        finished.change { $0 += 1 }
      }
    }
    #expect(finished.wait(until: Deadline(milliseconds: 60_000)) { $0 == 2 ? true : nil } == true)
    let seen = try queues.map { try texts($0, 400) }
    #expect(seen[0] == seen[1])
    #expect(Set(seen[0]).count == 400)
  }

  @Test(
    "many instances at once are one batch, and their documents are read when they are asked for",
    arguments: SharedStore.all)
  func bulk(_ shared: SharedStore) throws {
    let (ours, theirs, kept) = try shared.open()
    defer { withExtendedLifetime(kept) {} }
    let dataset = try Dataset("d", in: ours)
    let queue = dataset.$changes.queue()
    _ = try queue.next(timeout: 30_000)
    try Dataset("d", in: theirs).append(counting(600), labels: LabelColumn((0..<600).map { "label \($0)" }))
    let batch = try queue.next(timeout: 30_000).value
    #expect(batch.count == 600)
    #expect(batch.allSatisfy { $0.level == .instance && $0.type == .created })
    let ids = try dataset.find(query(#"{"$limit": 600, "$select": ["id"]}"#)).data.map(\.id)
    #expect(batch.prefix(ids.count).map { $0.data?.id ?? "" } == ids)
    #expect(batch[599].data?["y"] == "label 599")
    #expect(dataset.$count.value == 600)
  }

  @Test(
    "a dataset's count and changes follow another store: created, updated, cleared",
    arguments: SharedStore.all)
  func dataset(_ shared: SharedStore) throws {
    let (ours, theirs, kept) = try shared.open()
    defer { withExtendedLifetime(kept) {} }
    let dataset = try Dataset("d", in: ours)
    let other = try Dataset("d", in: theirs)
    _ = try other.create(["x": [0]])
    // Nobody asked yet.
    let counts = dataset.$count.queue()
    #expect(try counts.next(timeout: 30_000).value == 1)
    let changes = dataset.$changes.queue()
    _ = try changes.next(timeout: 30_000)
    let instance = try other.create(["x": [1]])
    _ = try other.replace(instance.id, with: ["x": [2]])
    try other.clear()
    var types: [String] = []
    while types.count < 3 {
      types += try changes.next(timeout: 30_000).value.map { "\($0.level.rawValue) \($0.type.rawValue)" }
    }
    #expect(types == ["instance created", "instance updated", "dataset cleared"])
    #expect(dataset.$count.value == 0)
    #expect(try dataset.table().features.rows == 0)
  }

  @Test(
    "a subscriber that is gone is not told, and a later one hears only what comes after it",
    arguments: SharedStore.all)
  func comeAndGo(_ shared: SharedStore) throws {
    let (ours, theirs, kept) = try shared.open()
    defer { withExtendedLifetime(kept) {} }
    let service = try ours.service("notes")
    let other = try theirs.service("notes")
    let first = service.events.queue()
    _ = try other.create(["n": 1])
    #expect(try texts(first, 1) == ["created 1"])
    first.cancel()
    _ = try other.create(["n": 2])
    let second = service.events.queue()
    _ = try other.create(["n": 3])
    #expect(try texts(second, 1) == ["created 3"])
  }
}
