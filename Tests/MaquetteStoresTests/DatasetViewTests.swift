import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import TestSupport
import Testing

/// Live views of a dataset.
@Suite struct DatasetViewTests {
  /// What a view tells, as words: `2` for a count, `created a` for a change of the instance with that note.
  private func told(_ view: DatasetView, _ seen: Seen<String>) {
    view.$count.observe { seen.add("\($0.value)") }
    view.$changes.observe { event in
      for change in event.value {
        seen.add("\(change.type.rawValue)" + (change.data?["note"]?.string.map { " " + $0 } ?? ""))
      }
    }
  }

  @Test(
    "a view tells who comes into it, stays, and leaves it, the count first", arguments: StoreKind.allCases)
  func changes(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    _ = try dataset.create(["x": [1], "y": "left", "note": "a"])
    let other = try dataset.create(["x": [2], "y": "right", "note": "b"])
    let view = try dataset.sift(query(#"{"y": "left"}"#))
    let seen = Seen<String>()
    told(view, seen)
    #expect(view.count == 1 && view.$count.value == 1)
    let new = try dataset.create(["x": [3], "y": "left", "note": "c"])
    _ = try dataset.create(["x": [3], "y": "right", "note": "d"])
    _ = try dataset.patch(other.id, with: ["y": "left"])
    _ = try dataset.patch(new.id, with: ["y": "right"])
    _ = try dataset.remove(new.id)
    _ = try dataset.remove(other.id)
    #expect(
      seen.values == [
        "1", "created", "2", "created c", "3", "created b", "2", "removed c", "1", "removed b",
      ])
    try dataset.clear()
    #expect(seen.values.suffix(2) == ["0", "cleared"])
    #expect(view.count == 0)
  }

  @Test(
    "fault 10: patching an unrelated field of an instance keeps it in the view", arguments: StoreKind.allCases
  )
  func fault10(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    let made = try dataset.create(["x": [1], "y": "left", "note": "a"])
    let view = try dataset.sift(query(#"{"y": "left"}"#))
    let seen = Seen<String>()
    told(view, seen)
    _ = try dataset.patch(made.id, with: ["thumbnail": "data:"])
    #expect(seen.values == ["1", "created", "1", "updated a"])
    #expect(try view.find().total == 1)
  }

  @Test("several views on one service each see their own, in bulk too", arguments: StoreKind.allCases)
  func several(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let (dataset, other) = (try Dataset("d", in: test.store), try Dataset("D", in: test.store))
    let left = try dataset.sift(query(#"{"y": "left"}"#))
    let small = try dataset.sift(query(#"{"x": {"$lt": 6}}"#))
    let theirs = try other.sift(query(#"{"y": "left"}"#))
    try dataset.append(counting(4), labels: LabelColumn(["left", "right", "left", "right"]))
    #expect([left.count, small.count, theirs.count] == [2, 2, 0])
    try other.append(counting(3, columns: 1), labels: LabelColumn(["left", "left", "left"]))
    #expect([left.count, small.count, theirs.count] == [2, 2, 3])
    _ = try dataset.patch(matching: Query(), with: ["y": "left"])
    #expect([left.count, small.count, theirs.count] == [4, 2, 3])
    let service = try test.store.service(dataset.serviceName)
    _ = try service.remove(matching: query(#"{"y": "left"}"#))
    #expect([left.count, small.count, theirs.count] == [0, 0, 0])
  }

  @Test("a view is read as a dataset is, and trained on", arguments: StoreKind.allCases)
  func reading(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    _ = try dataset.create(
      (0..<6).map { ["x": [JSON($0)], "y": $0 % 2 == 0 ? "even" : "odd", "n": JSON($0)] })
    let view = try dataset.sift(query(#"{"y": "even", "$sort": {"n": -1}, "$select": ["n"]}"#))
    #expect(try view.find().values("n") == ["4", "2", "0"])
    #expect(try view.find().data[0].names.sorted() == ["id", "n"])
    #expect(try view.find(query(#"{"n": {"$lt": 3}, "$limit": 1}"#)).values("n") == ["2"])
    #expect(try view.items(query(#"{"$sort": {"n": 1}}"#)).array().map { $0["n"] } == [0, 2, 4])
    #expect(try view.distinct("y") == ["even"])
    let rows = try view.blocks().makeReader(of: .label).next()
    #expect(rows?.features.rows == 3)
    #expect(rows?.labels.names == ["even"])
    for text in [#"{"$limit": 2}"#, #"{"$skip": 1}"#] {
      #expect(failure { _ = try dataset.sift(query(text)) }?.code == .invalidArgument)
    }
  }

  @Test("whatever happens, a view holds what a query finds", arguments: StoreKind.allCases, [1, 2])
  func random(_ kind: StoreKind, _ seed: UInt64) throws {
    var random = Random(seed: seed)
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    func label() -> JSON { ["a", "b", nil].randomElement(using: &random) ?? nil }
    _ = try dataset.create((0..<10).map { _ in ["x": [1], "y": label()] })
    let condition = try query(#"{"y": {"$in": ["a", null]}}"#)
    let view = try dataset.sift(condition)
    // Somebody who only listens knows all of it.
    let mirror = Mirror(Set(try view.items().array().map(\.id)))
    view.$changes.observe { event in for change in event.value { mirror.take(change) } }
    for _ in 0..<120 {
      let all = try dataset.items().array()
      let one = all.randomElement(using: &random)
      switch Int.random(in: 0..<9, using: &random) {
      case 0, 1: _ = try dataset.create((0..<3).map { _ in ["x": [1], "y": label()] })
      case 2: try dataset.append(counting(2, columns: 1), labels: LabelColumn(["a", "b"]))
      case 3, 4: if let one { _ = try dataset.patch(one.id, with: ["y": label()]) }
      case 5: if let one { _ = try dataset.replace(one.id, with: ["x": [2], "y": label()]) }
      case 6: if let one { _ = try dataset.remove(one.id) }
      case 7: _ = try dataset.patch(matching: query(#"{"y": "a"}"#), with: ["y": label()])
      default: if Int.random(in: 0..<5, using: &random) == 0 { try dataset.clear() }
      }
      let found = Set(try dataset.items(condition).array().map(\.id))
      #expect(view.count == found.count && view.$count.value == found.count)
      #expect(mirror.ids == found)
    }
  }

  private final class Mirror: @unchecked Sendable {  // one thread
    var ids: Set<String>
    init(_ ids: Set<String>) { self.ids = ids }

    func take(_ change: DatasetChange) {
      let id = change.data?.id ?? ""
      switch change.type {
      case .created where change.level == .instance: #expect(ids.insert(id).inserted)
      case .updated: #expect(ids.contains(id))
      case .removed: #expect(ids.remove(id) != nil)
      case .cleared: ids = []
      default: break
      }
    }
  }

  @Test("a view that is opened while others write misses nothing", arguments: StoreKind.allCases)
  func concurrent(_ kind: StoreKind) async throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    async let writing: Void = {
      for round in 0..<60 { _ = try dataset.create(["x": [JSON(round)], "y": round % 3 == 0 ? "a" : "b"]) }
    }()
    var views: [DatasetView] = []
    for _ in 0..<20 { views.append(try dataset.sift(query(#"{"y": "a"}"#))) }
    try await writing
    #expect(views.allSatisfy { $0.count == 20 && $0.$count.value == 20 })
  }
}
