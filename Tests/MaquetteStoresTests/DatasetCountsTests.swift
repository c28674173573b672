import Testing

@testable import MaquetteStores

@Suite struct `The counts of datasets` {
  @Test func `are those of one dataset or of many`() {
    var counts = DatasetCounts("a", 3)
    #expect(counts["a"] == 3)
    #expect(counts["b"] == nil)
    counts["b"] = 4
    counts["c"] = 5
    counts["a"] = 6
    #expect(["a", "b", "c", "d"].map { counts[$0] } == [6, 4, 5, nil])
    counts["a"] = nil
    counts["b"] = nil
    #expect(["a", "b", "c"].map { counts[$0] } == [nil, nil, 5])
    counts["c"] = 7
    counts["c"] = nil
    #expect(counts["c"] == nil)
    #expect(DatasetCounts()["a"] == nil)
  }

  @Test func `tell names apart byte by byte`() {
    var counts = DatasetCounts("caf\u{e9}", 1)
    counts["cafe\u{301}"] = 2
    #expect(counts["caf\u{e9}"] == 1)
    #expect(counts["cafe\u{301}"] == 2)
  }
}
