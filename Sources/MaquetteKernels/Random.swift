/// A seeded generator whose numbers stay the same in every release, on every machine.
///
/// xoshiro256**: Blackman & Vigna, "Scrambled linear pseudorandom number generators", 2018. The seed is spread
/// over its state by SplitMix64: Steele, Lea & Flood, "Fast splittable pseudorandom number generators", 2014.
package struct Random: RandomNumberGenerator, Sendable, Equatable {
  private var state: SIMD4<UInt64>

  package init(seed: UInt64) {
    var seed = seed
    state = SIMD4()
    for index in 0..<4 {
      seed &+= 0x9e37_79b9_7f4a_7c15
      var mixed = seed
      mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
      state[index] = mixed ^ (mixed >> 31)
    }
  }

  package mutating func next() -> UInt64 {
    let result = rotated(state[1] &* 5, by: 7) &* 9
    let shifted = state[1] << 17
    state[2] ^= state[0]
    state[3] ^= state[1]
    state[1] ^= state[2]
    state[0] ^= state[3]
    state[2] ^= shifted
    state[3] = rotated(state[3], by: 45)
    return result
  }

  /// Uniform in 0 ..< 1: one of the 2²⁴ multiples of 2⁻²⁴.
  package mutating func uniformFloat() -> Float { Float(next() >> 40) * 0x1p-24 }

  /// Uniform in 0 ..< 1: one of the 2⁵³ multiples of 2⁻⁵³.
  package mutating func uniformDouble() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// Uniform in 0 ..< bound, without bias: Lemire, "Fast random integer generation in an interval", 2019.
  package mutating func integer(below bound: Int) -> Int {
    precondition(bound > 0, "there is no number below \(bound)")
    let bound = UInt64(bound)
    var product = bound.multipliedFullWidth(by: next())
    if product.low < bound {
      let threshold = (0 &- bound) % bound
      while product.low < threshold { product = bound.multipliedFullWidth(by: next()) }
    }
    return Int(product.high)
  }

  /// Puts the elements into a random order: Fisher & Yates, as Durstenfeld has it, 1964.
  package mutating func shuffle<Element>(_ elements: UnsafeMutableBufferPointer<Element>) {
    guard elements.count > 1 else { return }
    for index in stride(from: elements.count - 1, to: 0, by: -1) {
      elements.swapAt(index, integer(below: index + 1))
    }
  }

  /// Puts the elements into a random order.
  package mutating func shuffle<Element>(_ elements: inout [Element]) {
    elements.withUnsafeMutableBufferPointer { shuffle($0) }
  }

  /// Puts the elements into the same random order; compiled for row numbers, which are shuffled before every epoch.
  package mutating func shuffle(_ elements: inout [Int32]) {
    elements.withUnsafeMutableBufferPointer { shuffle($0) }
  }

  /// The numbers 0 ..< count in a random order.
  package mutating func permutation(_ count: Int) -> [Int] {
    var order = Array(0..<count)
    shuffle(&order)
    return order
  }

  /// Normally distributed, mean 0, deviation 1: Marsaglia's polar method, 1964.
  package mutating func normal() -> Double {
    while true {
      let x = 2 * uniformDouble() - 1
      let y = 2 * uniformDouble() - 1
      let square = x * x + y * y
      if square < 1, square > 0 { return x * (-2 * naturalLogarithm(square) / square).squareRoot() }
    }
  }

  /// Normally distributed within two deviations; what lies further out is drawn again.
  package mutating func truncatedNormal() -> Double {
    while true {
      let value = normal()
      if value.magnitude <= 2 { return value }
    }
  }
}

private func rotated(_ value: UInt64, by count: UInt64) -> UInt64 {
  (value << count) | (value >> (64 - count))
}

/// ln x for positive x by basic operations alone: a C library may round otherwise in its next release.
///
/// x = 2ᵉ m with m in [√½, √2), and ln m = 2 artanh z with z = (m − 1) / (m + 1), |z| < 0.172.
private func naturalLogarithm(_ x: Double) -> Double {
  var exponent = Double(x.exponent)
  var mantissa = x.significand
  if mantissa > 1.414_213_562_373_095_1 {
    mantissa /= 2
    exponent += 1
  }
  let z = (mantissa - 1) / (mantissa + 1)
  let square = z * z
  // Written out, so that the compiler does the divisions: a network draws thousands of these.
  var sum = 1.0 / 21
  sum = sum * square + 1.0 / 19
  sum = sum * square + 1.0 / 17
  sum = sum * square + 1.0 / 15
  sum = sum * square + 1.0 / 13
  sum = sum * square + 1.0 / 11
  sum = sum * square + 1.0 / 9
  sum = sum * square + 1.0 / 7
  sum = sum * square + 1.0 / 5
  sum = sum * square + 1.0 / 3
  sum = sum * square + 1
  return exponent * 0.693_147_180_559_945_3 + 2 * z * sum
}
