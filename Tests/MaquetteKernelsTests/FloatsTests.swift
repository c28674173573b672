import Glibc
import MaquetteKernels
import Testing

@Suite struct FloatsTests {
  @Test("e to the x is within 2 units in the last place", arguments: variants)
  func exponential(variant: KernelVariant) {
    let x = (-106_000...89_000).map { Float($0) / 1000 + 0.000_37 }
    var y = unwritten(x.count)
    Floats.exponential(x, into: &y, count: x.count, using: variant)
    var worst = 0.0
    for (x, y) in zip(x, y) {
      let exact = exp(Double(x))
      if exact > Double(Float.greatestFiniteMagnitude) {
        #expect(y == .infinity)
      } else {
        worst = max(worst, (Double(y) - exact).magnitude / Double(Float(exact).ulp))
      }
    }
    #expect(worst < 2)
  }

  @Test("e to the x at its extremes", arguments: variants)
  func exponentialExtremes(variant: KernelVariant) {
    let x: [Float] = [
      0, -0.0, 1000, .infinity, -1000, -.infinity, .greatestFiniteMagnitude, .leastNonzeroMagnitude, .nan,
      88.72,
    ]
    var y = unwritten(x.count)
    Floats.exponential(x, into: &y, count: x.count, using: variant)
    #expect(y[..<8] == [1, 1, .infinity, .infinity, 0, 0, .infinity, 1])
    #expect(y[8].isNaN)
    #expect(y[9].isFinite)
  }

  @Test("Anything that is not finite is found wherever it is", arguments: variants)
  func finite(variant: KernelVariant) {
    for count in sizes {
      var x = noise(count)
      #expect(Floats.allFinite(x, count: count, using: variant))
      for index in 0..<count {
        let kept = x[index]
        for bad in [Float.nan, .infinity, -.infinity] {
          x[index] = bad
          #expect(!Floats.allFinite(x, count: count, using: variant))
        }
        x[index] = kept
      }
    }
    #expect(
      Floats.allFinite([.greatestFiniteMagnitude, .leastNonzeroMagnitude, -0.0], count: 3, using: variant))
  }

  @Test(
    "The first of few numbers and of many that is not finite is named",
    arguments: [1, 1000, 1 << 20, 3 << 19 | 77])
  func firstNotFinite(count: Int) {
    var x = [Float](repeating: 1, count: count)
    #expect(Floats.firstNotFinite(x, count: count) == nil)
    #expect(Floats.firstNotFinite(x, count: 0) == nil)
    for place in [count - 1, count * 2 / 3, count / 2, 0] {
      x[place] = place % 2 == 0 ? .nan : -.infinity
      #expect(Floats.firstNotFinite(x, count: count) == place)
    }
  }

  @Test("Copies are whole, of few numbers and of many", arguments: [0, 1, 1000, 1 << 21, (1 << 21) + 12_345])
  func copy(count: Int) {
    let source = (0..<count + 1).map { Float($0 % 8191) }
    var target = [Float](repeating: -1, count: count + 1)
    target.withUnsafeMutableBufferPointer { target in
      source.withUnsafeBufferPointer { source in
        guard let from = source.baseAddress, let to = target.baseAddress else { return }
        Floats.copy(from, to: to, count: count)
      }
    }
    #expect(target.dropLast() == source.dropLast())
    #expect(target.last == -1)
  }
}
