import MaquetteFormats
import MaquetteKernels
import MaquetteSystem
import Synchronization
import TestSupport
import Testing

@testable import MaquetteStores

/// What can be asked of a lazy iterable, for every store.
@Suite struct `A lazy iterable` {
  /// A dataset of instances that count up under `n`, in turn of the labels a, b, c, beside another one of its service.
  ///
  /// A file goes with its test store: the test has to keep it.
  private func dataset(_ store: TestStore, _ count: Int) throws -> Dataset {
    let dataset = try Dataset("my data", in: store.store)
    let other = try Dataset("my_data", in: store.store)
    for number in 0..<count {
      _ = try dataset.create([
        "x": [JSON(number), 1], "y": .string(["a", "b", "c"][number % 3]), "n": JSON(number),
      ])
      if number % 100 == 0 { _ = try other.create(["x": [0, 0], "y": "a", "n": -1]) }
    }
    return dataset
  }

  private func numbers(_ items: LazyIterable<JSONObject>) throws -> [Int] {
    try items.array().map { $0["n"]?.integer ?? -99 }
  }

  @Test(arguments: StoreKind.allCases) func `gives all instances of its dataset, not a page`(kind: StoreKind)
    throws
  {
    let store = try TestStore(kind)
    let dataset = try dataset(store, 601)
    #expect(try numbers(dataset.items()) == Array(0..<601))
    let ofB = Array(stride(from: 1, to: 601, by: 3))
    #expect(try numbers(dataset.items(query(#"{"y": "b"}"#))) == ofB)
    #expect(try store.store.service(dataset.serviceName).items().array().count == 608)
    let scoped = try store.store.service(dataset.serviceName).items(query(#"{"datasetName": "my data"}"#))
    #expect(try numbers(scoped) == Array(0..<601))
  }

  @Test(arguments: StoreKind.allCases) func `heeds limit, skip, select and order of its query`(
    kind: StoreKind
  )
    throws
  {
    let store = try TestStore(kind)
    let dataset = try dataset(store, 400)
    #expect(try numbers(dataset.items(query(#"{"$limit": 300, "$skip": 10}"#))) == Array(10..<310))
    #expect(try numbers(dataset.items(query(#"{"$limit": 0}"#))) == [])
    #expect(try numbers(dataset.items(query(#"{"$skip": 400}"#))) == [])
    let sorted = try dataset.items(query(#"{"$sort": {"y": -1, "n": -1}, "$limit": 301, "$skip": 1}"#))
    let expected = (0..<400).sorted { ($1 % 3, $1) < ($0 % 3, $0) }
    #expect(try numbers(sorted) == Array(expected[1..<302]))
    let id = try #require(try dataset.items().skip(7).first()?.id)
    #expect(try numbers(dataset.items(Query(["id": .string(id)]))) == [7])
    let selected = try #require(try dataset.items(query(#"{"$select": ["y"]}"#)).first())
    #expect(selected.names == ["id", "y"])
    #expect(try dataset.items().select(["n"]).first()?.names == ["id", "n"])
  }

  @Test func `is filtered, mapped, cut, put together as asked (Marcelle's fault 10)`() throws {
    let store = try TestStore(.memory)
    let dataset = try dataset(store, 20)
    let items = dataset.items()
    #expect(try numbers(items.take(0)) == [])
    #expect(try numbers(items.take(-1)) == [])
    #expect(try numbers(items.take(3)) == [0, 1, 2])
    #expect(try numbers(items.take(30)).count == 20)
    #expect(try numbers(items.skip(5).skip(5).take(2)) == [10, 11])
    #expect(try numbers(items.skip(-3).take(1)) == [0])
    #expect(try numbers(items.take(5).skip(3)) == [3, 4])
    #expect(try numbers(items.skip(25)) == [])
    #expect(try numbers(items.filter { $0["y"]?.string == "c" }.take(3)) == [2, 5, 8])
    let large = items.map { $0["n"]?.integer ?? 0 }.filter { $0 > 17 }
    #expect(try large.array() == [18, 19])
    #expect(try numbers(items.take(2).concat(items.skip(18))) == [0, 1, 18, 19])
    #expect(try numbers(items.take(0).concat(items.take(1))) == [0])
    let pairs = try items.zip(items.skip(18)).array()
    #expect(pairs.map { $0.0["n"]?.integer ?? -1 } == [0, 1])
    #expect(pairs.map { $0.1["n"]?.integer ?? -1 } == [18, 19])
  }

  @Test func `reads nothing before it is asked, and no more than it is asked`() throws {
    let calls = Mutex(0)
    let numbers = LazyIterable<Int> { () throws(MaquetteError) in
      var next = 0
      return LazyReader { () throws(MaquetteError) in
        calls.withLock { $0 += 1 }
        next += 1
        return next
      }
    }
    let first = numbers.map { $0 * 2 }.filter { $0 % 3 == 0 }.take(2)
    #expect(calls.withLock { $0 } == 0)
    #expect(try first.array() == [6, 12])
    #expect(calls.withLock { $0 } == 6)
    #expect(try first.array() == [6, 12])
    #expect(calls.withLock { $0 } == 12)
    #expect(try numbers.take(0).array().isEmpty)
    #expect(calls.withLock { $0 } == 12)
  }

  @Test func `ends its pass where something throws`() throws {
    let store = try TestStore(.memory)
    let dataset = try dataset(store, 5)
    let broken = dataset.items().map { (instance) throws(MaquetteError) -> Int in
      guard instance["n"]?.integer != 3 else { throw MaquetteError(.inputOutput, "no three") }
      return instance["n"]?.integer ?? 0
    }
    let reader = try broken.makeReader()
    #expect(try [reader.next(), reader.next(), reader.next()] == [0, 1, 2])
    #expect(failure { _ = try reader.next() }?.message == "no three")
    #expect(try reader.next() == nil)
    #expect(try broken.take(3).array() == [0, 1, 2])
  }

  @Test(arguments: StoreKind.allCases) func `sees what comes and goes while it is read`(kind: StoreKind)
    throws
  {
    let store = try TestStore(kind)
    let dataset = try dataset(store, 600)
    let ids = try dataset.items().array().map(\.id)
    let reader = try dataset.items().makeReader()
    var seen: [Int] = []
    for _ in 0..<256 { seen.append(try #require(try reader.next())["n"]?.integer ?? -1) }
    // The page that was read already stays; more than half of the dataset goes.
    for id in ids[0..<250] + ids[300..<500] { _ = try dataset.remove(id) }
    _ = try dataset.create(["x": [1000, 1], "n": 1000])
    while let instance = try reader.next() { seen.append(instance["n"]?.integer ?? -1) }
    let expected = Array(0..<300) + Array(500..<600) + [1000]
    #expect(seen == expected)
  }

  @Test(arguments: StoreKind.allCases, [0, 700]) func `notices that its dataset was cleared`(
    kind: StoreKind, refilled: Int
  ) throws {
    let store = try TestStore(kind)
    let dataset = try dataset(store, 300)
    let reader = try dataset.items().makeReader()
    for _ in 0..<256 { _ = try reader.next() }
    try dataset.clear()
    if refilled > 0 {
      try dataset.append(counting(refilled), labels: LabelColumn(.init(repeating: "z", count: refilled)))
    }
    let error = try #require(failure { _ = try reader.next() })
    #expect(error.code == .notFound && error.message.contains("cleared"))
    #expect(try reader.next() == nil)
  }

  @Test(arguments: StoreKind.allCases) func `is an asynchronous sequence`(kind: StoreKind) async throws {
    let store = try TestStore(kind)
    let dataset = try dataset(store, 300)
    let items = dataset.items(try query(#"{"y": {"$ne": "a"}}"#)).map { $0["n"]?.integer ?? -1 }
    var seen: [Int] = []
    for try await number in items.elements { seen.append(number) }
    #expect(seen == (0..<300).filter { $0 % 3 != 0 })
    // Each pass is a new one, and reads no more than it is asked.
    var firsts: [Int] = []
    for try await number in items.skip(1).elements.prefix(2) { firsts.append(number) }
    #expect(firsts == [2, 4])
    #expect(try await items.elements.first { $0 > 100 } == 101)
  }

  @Test func `ends an asynchronous pass where something throws, and where its task is cancelled`()
    async throws
  {
    let store = try TestStore(.memory)
    let dataset = try dataset(store, 5)
    let broken = dataset.items().map { (instance) throws(MaquetteError) -> Int in
      guard instance["n"]?.integer != 2 else { throw MaquetteError(.inputOutput, "no two") }
      return instance["n"]?.integer ?? 0
    }
    var iterator = broken.elements.makeAsyncIterator()
    #expect(try await iterator.next() == 0)
    #expect(try await iterator.next() == 1)
    await #expect(throws: MaquetteError.self) { _ = try await iterator.next() }
    #expect(try await iterator.next() == nil)
    let task = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      for try await _ in dataset.items().elements {}
    }
    await #expect(throws: CancellationError.self) { try await task.value }
  }

  @Test func `selects by the first part of a dotted name, as a query does`() throws {
    let store = try TestStore(.memory)
    let dataset = try dataset(store, 1)
    let names = try dataset.items().select(["x.0", "caf\u{e9}"]).first()?.names
    #expect(names == ["id", "x"])
    #expect(try dataset.items(query(#"{"$select": ["x.0"]}"#)).first()?.names == names)
  }

  // MARK: As rows to learn from

  private func blocks(_ source: any BlockSource, _ target: TargetKind) throws -> [InstanceTable] {
    let reader = try source.makeReader(of: target)
    var blocks: [InstanceTable] = []
    while let block = try reader.next() { blocks.append(block) }
    #expect(try reader.next() == nil)
    return blocks
  }

  private func firsts(_ blocks: [InstanceTable]) -> [Float] {
    blocks.flatMap { block in (0..<block.features.rows).map { block.features[$0, 0] } }
  }

  @Test(arguments: StoreKind.allCases, [1, 7, 100, nil]) func `of a query gives its rows in blocks`(
    kind: StoreKind, rows: Int?
  ) throws {
    let store = try TestStore(kind)
    let dataset = try dataset(store, 30)
    let query = try query(#"{"y": {"$ne": "a"}, "$skip": 2, "$limit": 15}"#)
    let blocks = try blocks(dataset.blocks(rows: rows, matching: query), .label)
    let expected = (0..<30).filter { $0 % 3 != 0 }.dropFirst(2).prefix(15)
    #expect(firsts(blocks) == expected.map { Float($0) })
    #expect(blocks.allSatisfy { (1...(rows ?? 8192)).contains($0.features.rows) })
    #expect(blocks.last?.labels.names == ["b", "c"])
    for (block, next) in zip(blocks, blocks.dropFirst()) {
      #expect(next.labels.names.starts(with: block.labels.names))
    }
  }

  @Test func `of documents that were mapped gives rows, labels and targets`() throws {
    let store = try TestStore(.sqlite)
    let dataset = try dataset(store, 12)
    let mapped = dataset.items().filter { $0["y"]?.string != "b" }.map { instance -> JSONObject in
      let number = instance["n"]?.number ?? 0
      return ["x": [[.number(number)], [.number(-number)]], "y": [.number(number), .number(2 * number)]]
    }
    let blocks = try blocks(mapped, .values)
    #expect(blocks.map(\.features.rows) == [8])
    #expect(firsts(blocks) == [0, 2, 3, 5, 6, 8, 9, 11])
    #expect(blocks[0].targets?[row: 1] == [2, 4])
    #expect(try self.blocks(mapped, .none)[0].features.columns == 2)
    #expect(try self.blocks(dataset.items().take(0), .label).isEmpty)
  }

  @Test func `names the element that is no row`() throws {
    let store = try TestStore(.memory)
    let dataset = try dataset(store, 5)
    let cases: [(JSONObject, MaquetteError.Code)] = [
      ([:], .badShape), (["x": "left"], .badShape), (["x": [1, 2, 3], "y": 1], .badShape),
      (["x": [1, 2]], .notFound),
      (["x": [1, 2], "y": "a"], .badShape), (["x": [1, .number(.infinity)], "y": 1], .notFinite),
      (["x": [1, 1e300], "y": 1], .notFinite),
    ]
    for (bad, code) in cases {
      let mapped = dataset.items().map { instance -> JSONObject in
        instance["n"]?.integer == 3 ? bad : ["x": [1, 2], "y": 1]
      }
      let error = try #require(failure { _ = try blocks(mapped, .values) })
      #expect(error.code == code && error.message.hasPrefix("element 3 of the iterable: "))
    }
  }
}
