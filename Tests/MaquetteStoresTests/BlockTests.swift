import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteSystem
import TestSupport
import Testing

/// What every store must do when a dataset is read in blocks.
@Suite struct BlockTests {
  /// All blocks of one pass.
  private func blocks(_ source: some BlockSource, _ target: TargetKind) throws -> [InstanceTable] {
    let reader = try source.makeReader(of: target)
    var blocks: [InstanceTable] = []
    while let block = try reader.next() { blocks.append(block) }
    #expect(try reader.next() == nil)
    return blocks
  }

  @Test("the blocks together are the table, with ids", arguments: StoreKind.allCases, [1, 3, 7, 8, 100])
  func whole(_ kind: StoreKind, _ rows: Int) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("my data", in: test.store)
    let names = ["b", "a", "b", "c", "a", "d", "b"]
    try dataset.append(counting(7), labels: LabelColumn(names))
    // Another dataset of the same service lies in between.
    try Dataset("my_data", in: test.store).append(
      counting(5), labels: LabelColumn(["x", "x", "x", "x", "x"]))
    _ = try dataset.create(["x": [7, 7, 7]])
    let blocks = try blocks(dataset.blocks(rows: rows), .label)
    #expect(blocks.map(\.features.rows).allSatisfy { $0 <= rows && $0 > 0 })
    #expect(blocks.dropLast().allSatisfy { $0.features.rows == rows })
    #expect(blocks.flatMap { block in (0..<block.features.rows).map { block.labels[$0] } } == names + [nil])
    let values = blocks.flatMap { block in block.features.withUnsafeBufferPointer { Array($0) } }
    #expect(values == (0..<21).map { Float($0) } + [7, 7, 7])
    #expect(blocks.flatMap { $0.ids.map { Array($0) } ?? [] } == (try dataset.find().data.map(\.id)))
    // A code means the same label in all blocks.
    for (block, next) in zip(blocks, blocks.dropFirst()) {
      #expect(next.labels.names.starts(with: block.labels.names))
    }
  }

  @Test(
    "targets come in blocks, and nothing where nothing was asked for", arguments: StoreKind.allCases, [1, 3])
  func targets(_ kind: StoreKind, _ width: Int) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    try dataset.append(counting(10), targets: counting(10, columns: width))
    let blocks = try blocks(dataset.blocks(rows: 4), .values)
    #expect(blocks.map(\.targets?.rows) == [4, 4, 2])
    #expect(blocks[2].targets?[row: 1] == (try counting(10, columns: width)[row: 9]))
    #expect(try self.blocks(dataset.blocks(rows: 4), .none).map(\.features.rows) == [4, 4, 2])
  }

  @Test("an empty dataset has no blocks, and a block of no rows can't be", arguments: StoreKind.allCases)
  func empty(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    #expect(try blocks(dataset.blocks(), .values).isEmpty)
    #expect(failure { _ = try dataset.blocks(rows: 0) }?.code == .invalidArgument)
    #expect(failure { _ = try dataset.blocks(rows: -1) }?.code == .invalidArgument)
  }

  @Test("an instance that can't be used ends the pass and is named", arguments: StoreKind.allCases)
  func unusable(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    try dataset.append(counting(5), targets: counting(5, columns: 2))
    let odd = try dataset.create(["x": [1, 2, 3], "y": [1, 2, 3]])
    let reader = try dataset.blocks(rows: 3).makeReader(of: .values)
    #expect(try reader.next()?.features.rows == 3)
    let error = try #require(failure { _ = try reader.next() })
    #expect(error.name == odd.id && error.message.contains("mixed width"))
    #expect(try reader.next() == nil)
  }

  @Test(
    "instances that come or go while a pass goes on neither repeat nor shift others",
    arguments: StoreKind.allCases)
  func changes(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    try dataset.append(counting(200, columns: 1), labels: LabelColumn([String](repeating: "a", count: 200)))
    let ids = try dataset.find(query(#"{"$limit": 200}"#)).data.map(\.id)
    let reader = try dataset.blocks(rows: 50).makeReader(of: .label)
    var seen = try #require(try reader.next()).features.withUnsafeBufferPointer { Array($0) }
    // More than half of them go, some read and some not.
    for id in ids[10..<45] + ids[60..<150] { _ = try dataset.remove(id) }
    try dataset.append(Matrix([[1000], [1001]]), labels: LabelColumn(["a", "b"]))
    while let block = try reader.next() { seen += block.features.withUnsafeBufferPointer { Array($0) } }
    #expect(seen == (Array(0..<60) + Array(150..<200) + [1000, 1001]).map(Float.init))
  }

  @Test("a dataset that is cleared while it is read is an error", arguments: StoreKind.allCases, [0, 1, 500])
  func cleared(_ kind: StoreKind, _ refilled: Int) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    try dataset.append(counting(100), labels: LabelColumn([String](repeating: "a", count: 100)))
    let reader = try dataset.blocks(rows: 30).makeReader(of: .label)
    #expect(try reader.next()?.features.rows == 30)
    try dataset.clear()
    if refilled > 0 {
      try dataset.append(
        counting(refilled, columns: 2), labels: LabelColumn([String](repeating: "b", count: refilled)))
    }
    let error = try #require(failure { _ = try reader.next() })
    #expect(error.code == .notFound && error.message.contains("cleared"))
    #expect(try reader.next() == nil)
  }

  @Test("every pass reads anew", arguments: StoreKind.allCases)
  func passes(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    try dataset.append(counting(5), labels: LabelColumn(["a", "b", "a", "b", "a"]))
    let source = try dataset.blocks(rows: 2)
    let first = try blocks(source, .label)
    #expect(try blocks(source, .label).map(\.features) == first.map(\.features))
    try dataset.append(counting(1), labels: LabelColumn(["c"]))
    #expect(try blocks(source, .label).map(\.features.rows) == [2, 2, 2])
  }
}
