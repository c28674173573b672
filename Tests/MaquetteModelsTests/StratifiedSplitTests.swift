import MaquetteKernels
import Testing

@testable import MaquetteModels

@Suite struct `A stratified split` {
  private func split(_ codes: [Int32], labels: Int, share: Double, seed: UInt64 = 1) -> StratifiedSplit {
    var random = Random(seed: seed)
    return StratifiedSplit(codes: codes, labelCount: labels, share: share, random: &random)
  }

  @Test(arguments: [0, 0.1, 0.2, 0.333, 0.5, 0.9, 1], [2, 7, 100, 501])
  func `uses every row once (Marcelle's fault 2)`(share: Double, rows: Int) {
    let codes = (0..<rows).map { Int32($0 % 3 == 0 ? 0 : 1) }
    let split = split(codes, labels: 2, share: share)
    #expect((split.training + split.validation).sorted() == (0..<Int32(rows)).map { $0 })
    #expect(Set(split.training.map { codes[Int($0)] }) == Set(codes))
  }

  @Test func `takes the same share of every label`() {
    let codes = (0..<1000).map { Int32($0 < 700 ? 0 : $0 < 900 ? 1 : 2) }
    let split = split(codes, labels: 3, share: 0.2)
    let counts = (0..<3).map { label in split.validation.filter { codes[Int($0)] == Int32(label) }.count }
    #expect(counts == [140, 40, 20])
  }

  @Test func `takes its share of all rows where labels have few`() {
    let codes = (0..<30).map { Int32($0 % 10) }
    #expect(split(codes, labels: 10, share: 0.2).validation.count == 6)
  }

  @Test func `is the same for a seed, another for another`() {
    let codes = (0..<100).map { Int32($0 % 2) }
    #expect(split(codes, labels: 2, share: 0.2).validation == split(codes, labels: 2, share: 0.2).validation)
    #expect(
      split(codes, labels: 2, share: 0.2).validation
        != split(codes, labels: 2, share: 0.2, seed: 2).validation)
  }
}
