import MaquetteKernels
import Testing

@testable import MaquetteStores

@Suite struct `A chunked array` {
  @Test(arguments: 0..<8) func `holds what a plain one holds`(seed: Int) {
    var random = Random(seed: UInt64(seed))
    var chunked = ChunkedArray<Int>()
    var plain: [Int] = []
    for _ in 0..<60 {
      switch random.integer(below: 3) {
      case 0:
        for _ in 0..<random.integer(below: 700) {
          chunked.append(plain.count)
          plain.append(plain.count)
        }
      case 1:
        let (start, count) = (plain.count, random.integer(below: 3000))
        chunked.append(count: count) { start - $0 }
        plain += (0..<count).map { start - $0 }
      default:
        guard !plain.isEmpty else { continue }
        let place = random.integer(below: plain.count)
        chunked[place] = -1
        plain[place] = -1
      }
      #expect(chunked.count == plain.count)
    }
    #expect(chunked.indices.map { chunked[$0] } == plain)
  }

  @Test func `is searched by halves`() {
    var chunked = ChunkedArray<Int>()
    #expect(chunked.firstIndex(notBefore: { $0 < 5 }) == 0)
    chunked.append(count: 5000) { 2 * $0 }
    for value in [-1, 0, 1, 2, 999, 1000, 9997, 9998] {
      #expect(chunked.firstIndex(notBefore: { $0 < value }) == max(0, value + 1) / 2)
    }
    #expect(chunked.firstIndex(notBefore: { $0 < 10_000 }) == 5000)
  }

  @Test func `takes elements of any size`() {
    struct Large { var numbers = [Double](repeating: 1, count: 3), a = (0, 0, 0, 0, 0, 0, 0, 0) }
    var large = ChunkedArray<Large>()
    for _ in 0..<1000 { large.append(Large()) }
    #expect(large.indices.allSatisfy { large[$0].numbers.count == 3 })
    var empty = ChunkedArray<Void>()
    empty.append(count: 10_000) { _ in }
    #expect(empty.count == 10_000)
  }
}
