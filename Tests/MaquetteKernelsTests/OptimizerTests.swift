import MaquetteKernels
import Testing

/// A layer in training, in arrays.
private struct Trained: Equatable {
  var weights, bias, first, second, biasFirst, biasSecond: [Float]
  let inputs: Int
  let outputs: Int

  init(inputs: Int, outputs: Int) {
    let stride = Dense.stride(of: outputs)
    weights = padded(noise(inputs * outputs, seed: 5), rows: inputs, columns: outputs)
    bias = padded(noise(outputs, seed: 6), rows: 1, columns: outputs)
    first = [Float](repeating: 0, count: inputs * stride)
    second = first
    biasFirst = [Float](repeating: 0, count: stride)
    biasSecond = biasFirst
    self.inputs = inputs
    self.outputs = outputs
  }

  mutating func withLayer(_ body: (TrainedLayer) -> Void) {
    let (inputs, outputs) = (inputs, outputs)
    weights.withUnsafeMutableBufferPointer { weights in
      bias.withUnsafeMutableBufferPointer { bias in
        first.withUnsafeMutableBufferPointer { first in
          second.withUnsafeMutableBufferPointer { second in
            biasFirst.withUnsafeMutableBufferPointer { biasFirst in
              biasSecond.withUnsafeMutableBufferPointer { biasSecond in
                guard let weights = weights.baseAddress, let bias = bias.baseAddress,
                  let first = first.baseAddress, let second = second.baseAddress,
                  let biasFirst = biasFirst.baseAddress, let biasSecond = biasSecond.baseAddress
                else { return }
                body(
                  TrainedLayer(
                    weights: weights, bias: bias, weightMoments: (first, second),
                    biasMoments: (biasFirst, biasSecond), inputs: inputs, outputs: outputs))
              }
            }
          }
        }
      }
    }
  }
}

@Suite struct OptimizerTests {
  @Test("A step is Adam's formula", arguments: variants)
  func formula(variant: KernelVariant) {
    let count = 48
    var weights = noise(count, seed: 1)
    var (first, second) = ([Float](repeating: 0, count: count), [Float](repeating: 0, count: count))
    var expected = weights.map(Double.init)
    var (m, v) = ([Double](repeating: 0, count: count), [Double](repeating: 0, count: count))
    var adam = Optimizer(learningRate: 0.01)
    for step in 1...50 {
      // Large, ordinary and tiny gradients, and none.
      let gradient = noise(count, seed: UInt64(step)).enumerated().map { index, value in
        value * [1000, 1, 1e-6, 0][index % 4]
      }
      adam.advance()
      adam.apply(
        to: &weights, first: &first, second: &second, gradient: gradient, count: count, using: variant)
      let (correction1, correction2) = (1 - power(0.9, step), 1 - power(0.999, step))
      for index in 0..<count {
        let g = Double(gradient[index])
        m[index] = 0.9 * m[index] + 0.1 * g
        v[index] = 0.999 * v[index] + 0.001 * g * g
        expected[index] -= 0.01 * (m[index] / correction1) / ((v[index] / correction2).squareRoot() + 1e-7)
      }
    }
    #expect(largestDifference(weights, expected) < 2e-6)
  }

  @Test("The fused update gives the bits of a gradient, then Adam", arguments: variants)
  func fused(variant: KernelVariant) {
    for (rows, inputs, outputs) in [
      (8, 64, 64), (8, 7, 10), (3, 33, 48), (1, 9, 17), (5, 21, 300), (2, 10, 1030),
    ] {
      var fused = Trained(inputs: inputs, outputs: outputs)
      var apart = fused
      var adam = Optimizer()
      let stride = Dense.stride(of: outputs)
      for step in 1...3 {
        let x = noise(rows * inputs, seed: UInt64(step))
        let dy = padded(noise(rows * outputs, seed: UInt64(100 + step)), rows: rows, columns: outputs)
        adam.advance()
        fused.withLayer {
          Dense.update($0, x: x, xStride: inputs, dy: dy, rows: rows, optimizer: adam, using: variant)
        }
        var (dw, db) = (unwritten(inputs * stride), unwritten(stride))
        Dense.gradient(
          x: x, xStride: inputs, dy: dy, rows: rows, inputs: inputs, outputs: outputs, dw: &dw, db: &db,
          using: variant)
        adam.apply(
          to: &apart.weights, first: &apart.first, second: &apart.second, gradient: dw,
          count: inputs * stride,
          using: variant)
        adam.apply(
          to: &apart.bias, first: &apart.biasFirst, second: &apart.biasSecond, gradient: db, count: stride,
          using: variant)
      }
      #expect(fused == apart, "\(rows) × \(inputs) × \(outputs)")
      #expect(paddingIsZero(fused.weights, rows: inputs, columns: outputs))
      #expect(paddingIsZero(fused.bias, rows: 1, columns: outputs))
    }
  }

  @Test("The parts of a layer are updated as the whole, by each rule", arguments: variants)
  func parts(variant: KernelVariant) {
    for (rows, inputs, outputs) in [(8, 70, 64), (9, 130, 40), (128, 130, 300), (3, 5, 2)] {
      for (rule, decay) in [
        (.adam, 0), (.adam, 0.1), (.descent(momentum: 0.9), 0), (.descent(momentum: 0.5), 0.1),
      ] as [(Optimizer.Rule, Double)] {
        var whole = Trained(inputs: inputs, outputs: outputs)
        var parts = whole
        var apart = whole
        let stride = Dense.stride(of: outputs)
        var optimizer = Optimizer(rule, learningRate: 0.01, decay: decay)
        for step in 1...3 {
          let x = noise(rows * inputs, seed: UInt64(step))
          let dy = padded(noise(rows * outputs, seed: UInt64(100 + step)), rows: rows, columns: outputs)
          optimizer.advance()
          whole.withLayer {
            Dense.update($0, x: x, xStride: inputs, dy: dy, rows: rows, optimizer: optimizer, using: variant)
          }
          parts.withLayer { layer in
            x.withUnsafeBufferPointer { x in
              guard let x = x.baseAddress else { return }
              for first in Swift.stride(from: 0, to: inputs, by: 64).reversed() {
                Dense.update(
                  layer.part(first..<min(first + 64, inputs)), x: x + first, xStride: inputs, dy: dy,
                  rows: rows, optimizer: optimizer, using: variant)
              }
            }
          }
          var (dw, db) = (unwritten(inputs * stride), unwritten(stride))
          Dense.gradient(
            x: x, xStride: inputs, dy: dy, rows: rows, inputs: inputs, outputs: outputs, dw: &dw, db: &db,
            using: variant)
          optimizer.apply(
            to: &apart.weights, first: &apart.first, second: &apart.second, gradient: dw,
            count: inputs * stride, using: variant)
          optimizer.withoutDecay.apply(
            to: &apart.bias, first: &apart.biasFirst, second: &apart.biasSecond, gradient: db, count: stride,
            using: variant)
        }
        #expect(parts == whole, "\(rule) \(rows) \(inputs) \(outputs)")
        #expect(apart == whole, "\(rule) \(rows) \(inputs) \(outputs)")
        #expect(whole.weights.allSatisfy { $0.isFinite })
      }
    }
  }

  @Test("A step of gradient descent is the formula, with the weights' decay", arguments: variants)
  func descent(variant: KernelVariant) {
    let count = 48
    var weights = noise(count, seed: 1)
    var (velocity, unused) = ([Float](repeating: 0, count: count), [Float](repeating: 7, count: count))
    var (expected, expectedVelocity) = (weights.map(Double.init), [Double](repeating: 0, count: count))
    var optimizer = Optimizer(.descent(momentum: 0.9), learningRate: 0.02, decay: 0.3)
    for step in 1...50 {
      let gradient = noise(count, seed: UInt64(1 + step))
      optimizer.advance()
      optimizer.apply(
        to: &weights, first: &velocity, second: &unused, gradient: gradient, count: count, using: variant)
      for index in 0..<count {
        expectedVelocity[index] =
          0.9 * expectedVelocity[index] + Double(gradient[index]) + 0.3 * expected[index]
        expected[index] -= 0.02 * expectedVelocity[index]
      }
    }
    #expect(largestDifference(weights, expected) < 1e-5)
    #expect(unused.allSatisfy { $0 == 7 })
  }

  @Test("The moments of a unit without gradient die out instead of becoming subnormal", arguments: variants)
  func deadUnits(variant: KernelVariant) {
    var (weights, first, second) = (noise(16), noise(16, seed: 2), noise(16, seed: 3).map { $0 * $0 })
    var adam = Optimizer()
    for _ in 0..<3000 {
      adam.advance()
      adam.apply(
        to: &weights, first: &first, second: &second, gradient: [Float](repeating: 0, count: 16), count: 16,
        using: variant)
    }
    #expect(first.allSatisfy { !$0.isSubnormal && $0.magnitude < 1e-29 })
    #expect(weights.allSatisfy { $0.isFinite })
  }
}

private func power(_ base: Double, _ exponent: Int) -> Double {
  (0..<exponent).reduce(1) { product, _ in product * base }
}
