import MaquetteKernels
import Testing

@Suite struct RandomTests {
  @Test("The numbers of a seed never change")
  func pinned() {
    var random = Random(seed: 42)
    let first: [UInt64] = [
      1_546_998_764_402_558_742, 6_990_951_692_964_543_102, 12_544_586_762_248_559_009,
      17_057_574_109_182_124_193,
    ]
    #expect((0..<4).map { _ in random.next() } == first)
    #expect(random.uniformFloat() == 0.991_803_9)
    #expect(random.uniformDouble() == 0.769_739_460_434_242_5)
    #expect((0..<8).map { _ in random.integer(below: 10) } == [7, 8, 7, 5, 6, 2, 8, 3])
    #expect(random.normal() == 0.370_797_665_327_605_16)
    #expect(random.truncatedNormal() == 0.345_627_501_533_601)
    #expect(random.permutation(8) == [2, 6, 3, 1, 7, 0, 4, 5])
  }

  @Test("Uniform numbers lie in 0 ..< 1 and fill it")
  func uniform() {
    var random = Random(seed: 1)
    var (sum, least, greatest) = (0.0, 1.0, 0.0)
    for _ in 0..<100_000 {
      let value = Double(random.uniformFloat())
      sum += value + random.uniformDouble()
      least = min(least, value)
      greatest = max(greatest, value)
    }
    #expect((sum / 200_000 - 0.5).magnitude < 0.003)
    #expect(least >= 0 && least < 0.001 && greatest < 1 && greatest > 0.999)
  }

  @Test("Every integer below a bound is as likely")
  func integers() {
    var random = Random(seed: 2)
    var counts = [Int](repeating: 0, count: 7)
    for _ in 0..<70_000 { counts[random.integer(below: 7)] += 1 }
    #expect(counts.allSatisfy { ($0 - 10_000).magnitude < 400 })
    #expect(random.integer(below: 1) == 0)
    // Three quarters of the range: a biased method would be off by a third.
    let bound = Int.max / 4 * 3
    let low = (0..<10_000).count { _ in random.integer(below: bound) < bound / 2 }
    #expect((low - 5_000).magnitude < 200)
  }

  @Test("A shuffle keeps every element and reaches every order")
  func shuffle() {
    var random = Random(seed: 3)
    #expect(random.permutation(100).sorted() == Array(0..<100))
    #expect(random.permutation(0) == [] && random.permutation(1) == [0])
    var orders: [[Int]: Int] = [:]
    for _ in 0..<6_000 { orders[random.permutation(3), default: 0] += 1 }
    #expect(orders.count == 6)
    #expect(orders.values.allSatisfy { ($0 - 1000).magnitude < 150 })
  }

  @Test("Normal numbers have mean 0 and deviation 1")
  func normal() {
    var random = Random(seed: 4)
    let values = (0..<100_000).map { _ in random.normal() }
    let squares = values.reduce(0) { $0 + $1 * $1 } / 100_000
    #expect((values.reduce(0, +) / 100_000).magnitude < 0.02)
    #expect((squares - 1).magnitude < 0.02)
    #expect((values.count { $0.magnitude > 2 } - 4_550).magnitude < 300)
  }

  @Test("Truncated normal numbers stay within two deviations")
  func truncated() {
    var random = Random(seed: 5)
    let values = (0..<100_000).map { _ in random.truncatedNormal() }
    let squares = values.reduce(0) { $0 + $1 * $1 } / 100_000
    #expect(values.allSatisfy { $0.magnitude <= 2 })
    #expect((squares.squareRoot() - 0.8796).magnitude < 0.01)
  }
}
