import MaquetteKernels
import Testing

/// A layer of noise and an input for it.
private struct Example {
  let rows: Int
  let inputs: Int
  let outputs: Int
  let weights: [Float]
  let bias: [Float]
  let x: [Float]
  let dy: [Float]
  var stride: Int { Dense.stride(of: outputs) }

  init(rows: Int, inputs: Int, outputs: Int) {
    self.rows = rows
    self.inputs = inputs
    self.outputs = outputs
    weights = padded(noise(inputs * outputs, seed: 1), rows: inputs, columns: outputs)
    bias = padded(noise(outputs, seed: 2), rows: 1, columns: outputs)
    x = noise(rows * inputs, seed: 3)
    dy = padded(noise(rows * outputs, seed: 4), rows: rows, columns: outputs)
  }

  func forward(relu: Bool, rows range: Range<Int>? = nil, _ variant: KernelVariant = .best) -> [Float] {
    let range = range ?? 0..<rows
    let layer = DenseLayer(
      weights: weights, bias: bias, inputs: inputs, outputs: outputs,
      activation: relu ? .relu : .linear)
    var y = unwritten(range.count * stride)
    x.withUnsafeBufferPointer { x in
      guard let base = x.baseAddress else { return }
      Dense.forward(
        layer, x: base + range.lowerBound * inputs, xStride: inputs, rows: range.count, into: &y,
        using: variant)
    }
    return y
  }

  /// The sums that `forward` should give, in double precision.
  func expectedForward(relu: Bool) -> [Double] {
    (0..<rows).flatMap { row in
      (0..<outputs).map { output in
        var sum = Double(bias[output])
        for input in 0..<inputs {
          sum += Double(x[row * inputs + input]) * Double(weights[input * stride + output])
        }
        return relu ? max(0, sum) : sum
      }
    }
  }

  func backward(activation: [Float]?, _ variant: KernelVariant) -> [Float] {
    var dx = unwritten(rows * Dense.stride(of: inputs))
    if let activation {
      Dense.backward(
        weights: weights, inputs: inputs, outputs: outputs, dy: dy, rows: rows, activation: activation,
        into: &dx,
        using: variant)
    } else {
      Dense.backward(
        weights: weights, inputs: inputs, outputs: outputs, dy: dy, rows: rows, activation: nil, into: &dx,
        using: variant)
    }
    return dx
  }

  func expectedBackward() -> [Double] {
    (0..<rows).flatMap { row in
      (0..<inputs).map { input in
        var sum = 0.0
        for output in 0..<outputs {
          sum += Double(dy[row * stride + output]) * Double(weights[input * stride + output])
        }
        return sum
      }
    }
  }

  func gradient(_ variant: KernelVariant) -> (dw: [Float], db: [Float]) {
    var dw = unwritten(inputs * stride)
    var db = unwritten(stride)
    Dense.gradient(
      x: x, xStride: inputs, dy: dy, rows: rows, inputs: inputs, outputs: outputs, dw: &dw, db: &db,
      using: variant)
    return (dw, db)
  }

  func expectedGradient() -> [Double] {
    (0..<inputs).flatMap { input in
      (0..<outputs).map { output in
        var sum = 0.0
        for row in 0..<rows { sum += Double(x[row * inputs + input]) * Double(dy[row * stride + output]) }
        return sum
      }
    }
  }
}

/// Rows × inputs × outputs: each size in each place, the others small.
private let shapes: [(rows: Int, inputs: Int, outputs: Int)] =
  sizes.map { ($0, 9, 17) } + sizes.map { (9, $0, 17) } + sizes.map { (9, 17, $0) }
  + [(13, 64, 64), (13, 33, 48), (5, 31, 80), (3, 1030, 300), (8, 64, 32), (15, 17, 112)]

@Suite struct DenseTests {
  @Test("The forward pass is x W + b", arguments: variants)
  func forward(variant: KernelVariant) {
    for shape in shapes {
      for relu in [false, true] {
        let example = Example(rows: shape.rows, inputs: shape.inputs, outputs: shape.outputs)
        let y = example.forward(relu: relu, variant)
        let result = unpadded(y, rows: shape.rows, columns: shape.outputs)
        #expect(largestDifference(result, example.expectedForward(relu: relu)) < 5e-5, "\(shape)")
        #expect(paddingIsZero(y, rows: shape.rows, columns: shape.outputs), "\(shape)")
      }
    }
  }

  @Test("A row gives the same bits whatever the other rows", arguments: variants)
  func rowIndependence(variant: KernelVariant) {
    for (inputs, outputs) in [(64, 64), (63, 33), (5, 10), (3, 16), (30, 48), (129, 80), (2, 300), (0, 4)] {
      let example = Example(rows: 23, inputs: inputs, outputs: outputs)
      let together = example.forward(relu: true, variant)
      for start in 0..<23 {
        for count in [1, 2, 3, 5, 6, 7, 9, 11] where start + count <= 23 {
          let apart = example.forward(relu: true, rows: start..<start + count, variant)
          let range = start * example.stride..<(start + count) * example.stride
          #expect(bits(apart) == bits(together[range]), "\(inputs) to \(outputs), \(start) + \(count)")
        }
      }
    }
  }

  @Test("All variants with fused multiply-add give the same bits")
  func variantsAgree() throws {
    let fused = variants.filter { $0.name != "portable" }
    guard fused.count == 2 else { return }
    let example = Example(rows: 11, inputs: 67, outputs: 35)
    #expect(bits(example.forward(relu: true, fused[0])) == bits(example.forward(relu: true, fused[1])))
    #expect(bits(example.gradient(fused[0]).dw) == bits(example.gradient(fused[1]).dw))
    #expect(
      bits(example.backward(activation: nil, fused[0])) == bits(example.backward(activation: nil, fused[1])))
  }

  @Test("Rows may lie apart and anywhere", arguments: variants)
  func stridedInput(variant: KernelVariant) {
    let example = Example(rows: 11, inputs: 13, outputs: 10)
    var spaced = unwritten(1 + 11 * 19)
    for row in 0..<11 {
      for input in 0..<13 { spaced[1 + row * 19 + input] = example.x[row * 13 + input] }
    }
    let layer = DenseLayer(
      weights: example.weights, bias: example.bias, inputs: 13, outputs: 10, activation: .linear)
    var y = unwritten(11 * 16)
    spaced.withUnsafeBufferPointer {
      guard let base = $0.baseAddress else { return }
      Dense.forward(layer, x: base + 1, xStride: 19, rows: 11, into: &y, using: variant)
    }
    #expect(bits(y) == bits(example.forward(relu: false, variant)))
  }

  @Test("relu lets a NaN through, so that a diverged training is noticed", arguments: variants)
  func reluKeepsNaN(variant: KernelVariant) {
    let weights = padded([.nan], rows: 1, columns: 1)
    let bias = padded([0], rows: 1, columns: 1)
    for rows in [1, 8] {
      let layer = DenseLayer(weights: weights, bias: bias, inputs: 1, outputs: 1, activation: .relu)
      var y = [Float](repeating: 0, count: rows * 16)
      Dense.forward(
        layer, x: [Float](repeating: 1, count: rows), xStride: 1, rows: rows, into: &y, using: variant)
      #expect(y[0].isNaN)
    }
  }

  @Test("The way back is dy Wᵀ", arguments: variants)
  func backward(variant: KernelVariant) {
    for shape in shapes {
      let example = Example(rows: shape.rows, inputs: shape.inputs, outputs: shape.outputs)
      let dx = example.backward(activation: nil, variant)
      let result = unpadded(dx, rows: shape.rows, columns: shape.inputs)
      #expect(largestDifference(result, example.expectedBackward()) < 2e-5, "\(shape)")
      #expect(paddingIsZero(dx, rows: shape.rows, columns: shape.inputs), "\(shape)")
    }
  }

  @Test("The way back is closed where a unit was not active", arguments: variants)
  func backwardMask(variant: KernelVariant) {
    for (rows, inputs, outputs) in [(8, 64, 32), (7, 33, 10), (1, 17, 300)] {
      let example = Example(rows: rows, inputs: inputs, outputs: outputs)
      let activation = padded(
        noise(rows * inputs, seed: 9).map { max(0, $0) }, rows: rows, columns: inputs)
      let open = example.backward(activation: nil, variant)
      let masked = example.backward(activation: activation, variant)
      #expect(bits(masked) == bits(zip(open, activation).map { $1 > 0 ? $0 : 0 }))
    }
  }

  @Test("The gradient is xᵀ dy, and the sums of dy for the bias", arguments: variants)
  func gradient(variant: KernelVariant) {
    for shape in shapes {
      let example = Example(rows: shape.rows, inputs: shape.inputs, outputs: shape.outputs)
      let (dw, db) = example.gradient(variant)
      let result = unpadded(dw, rows: shape.inputs, columns: shape.outputs)
      #expect(largestDifference(result, example.expectedGradient()) < 2e-5, "\(shape)")
      #expect(paddingIsZero(dw, rows: shape.inputs, columns: shape.outputs), "\(shape)")
      let sums = (0..<shape.outputs).map { output in
        (0..<shape.rows).reduce(0.0) { $0 + Double(example.dy[$1 * example.stride + output]) }
      }
      #expect(largestDifference(unpadded(db, rows: 1, columns: shape.outputs), sums) < 2e-5, "\(shape)")
    }
  }

  @Test("A gradient agrees with finite differences")
  func finiteDifferences() {
    // The loss is the sum of y × dy, so its gradient by W is xᵀ dy.
    let example = Example(rows: 3, inputs: 4, outputs: 5)
    let (dw, _) = example.gradient(.best)
    func loss(_ weights: [Float]) -> Double {
      let layer = DenseLayer(weights: weights, bias: example.bias, inputs: 4, outputs: 5, activation: .linear)
      var y = unwritten(3 * 16)
      Dense.forward(layer, x: example.x, xStride: 4, rows: 3, into: &y)
      return zip(y, example.dy).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }
    for index in [0, 3, 17, 52] {
      var (above, below) = (example.weights, example.weights)
      above[index] += 0.01
      below[index] -= 0.01
      let slope = (loss(above) - loss(below)) / Double(above[index] - below[index])
      #expect((slope - Double(dw[index])).magnitude < 1e-3)
    }
  }
}
