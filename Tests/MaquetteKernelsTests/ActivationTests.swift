import Glibc
import MaquetteKernels
import Testing

/// From far below to far above, densely around zero, and what is hardly a number any more.
private let places: [Float] =
  (-4000...4000).map { Float($0) / 100 } + (-1000...1000).map { Float($0) / 5000 }
  + [
    0, -0, 1e-30, -1e-30, 1e-8, -1e-8, 87, 88, 89, 104, 200, 1e4, 1e30, -87, -88, -89, -104, -200, -1e4,
    -1e30,
  ]

/// The values of an activation, by a layer of one input that passes it on.
private func values(of activation: Activation, _ x: [Float], _ variant: KernelVariant) -> [Float] {
  let (weights, bias) = (padded([1], rows: 1, columns: 1), [Float](repeating: 0, count: 16))
  let layer = DenseLayer(weights: weights, bias: bias, inputs: 1, outputs: 1, activation: activation)
  var y = unwritten(x.count * 16)
  Dense.forward(layer, x: x, xStride: 1, rows: x.count, into: &y, using: variant)
  // Times a weight of zero, a NaN is one in the padding as well.
  #expect(x.contains { $0.isNaN } || paddingIsZero(y, rows: x.count, columns: 1))
  return unpadded(y, rows: x.count, columns: 1)
}

@Suite struct ActivationTests {
  @Test("tanh is within 3e-7 of libm's everywhere, and keeps its digits near zero", arguments: variants)
  func tanhValues(variant: KernelVariant) {
    for (x, y) in zip(places, values(of: .tanh, places, variant)) {
      let expected = tanh(Double(x))
      #expect(abs(Double(y) - expected) <= 3e-7 * abs(expected) + 1e-37, "\(x)")
      #expect(abs(y) <= 1)
    }
  }

  @Test("The sigmoid is within 3e-7 of libm's everywhere", arguments: variants)
  func sigmoidValues(variant: KernelVariant) {
    for (x, y) in zip(places, values(of: .sigmoid, places, variant)) {
      let expected = 1 / (1 + exp(-Double(x)))
      #expect(abs(Double(y) - expected) <= 3e-7 * expected + 1e-37, "\(x)")
      #expect(y >= 0 && y <= 1)
    }
  }

  @Test("A NaN stays one, so that a diverged training is noticed", arguments: variants)
  func notANumber(variant: KernelVariant) {
    for activation in Activation.allCases {
      #expect(values(of: activation, [.nan], variant).allSatisfy { $0.isNaN }, "\(activation)")
    }
  }

  @Test("The way back multiplies by the slope, whatever dropout did to the activations", arguments: variants)
  func slopes(variant: KernelVariant) {
    let x = noise(64, seed: 3).map { $0 * 4 }
    for activation in Activation.allCases where activation.isCurved {
      let y = values(of: activation, x, variant)
      for grown: Float in [1, 2.5] {
        var dx = noise(64, seed: 4)
        let expected = zip(dx, x).map { gradient, x in
          let value = activation == .tanh ? tanh(Double(x)) : 1 / (1 + exp(-Double(x)))
          return Double(gradient) * (activation == .tanh ? 1 - value * value : value * (1 - value))
        }
        activation.backward(
          &dx, activations: y.map { $0 * grown }, count: 64, scale: 1 / grown, using: variant)
        #expect(largestDifference(dx, expected) < 1e-6, "\(activation)")
      }
    }
  }

  @Test("Dropout drops its share, others for another key, and keeps the mean", arguments: variants)
  func dropout(variant: KernelVariant) {
    let count = 1 << 16
    for share in [0.1, 0.5, 0.9] {
      var dropped: [[Bool]] = []
      for key: UInt64 in [1, 2, 1 << 32, 0xffff_ffff_ffff_ffff] {
        var y = [Float](repeating: 1, count: count)
        Dropout(key: key, share: share).apply(to: &y, count: count, using: variant)
        #expect(y.allSatisfy { $0 == 0 || abs(Double($0) - 1 / (1 - share)) < 1e-5 })
        let zeros = y.map { $0 == 0 }
        // Within five standard deviations of the binomial distribution.
        let deviation = (share * (1 - share) * Double(count)).squareRoot()
        #expect(abs(Double(zeros.filter { $0 }.count) - share * Double(count)) < 5 * deviation)
        #expect(!dropped.contains { zip($0, zeros).filter { $0 == $1 }.count > count * 95 / 100 })
        dropped.append(zeros)
      }
    }
  }

  @Test("Dropout drops the same numbers however the mini-batch is cut, with every instruction set")
  func cuts() {
    let dropout = Dropout(key: 77, share: 0.3)
    var whole = noise(512)
    dropout.apply(to: &whole, count: 512)
    for variant in variants {
      var parts = noise(512)
      parts.withUnsafeMutableBufferPointer { parts in
        guard let start = parts.baseAddress else { return }
        for (first, last) in [(320, 512), (0, 16), (16, 320)] {
          dropout.apply(to: start + first, count: last - first, first: first, using: variant)
        }
      }
      #expect(bits(parts) == bits(whole))
    }
  }
}
