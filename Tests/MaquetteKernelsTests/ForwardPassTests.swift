import MaquetteKernels
import Testing

private func network(
  _ widths: [Int], softmax: Bool, _ variant: KernelVariant = .best
) throws -> ForwardPass {
  var layers: [ForwardPass.Layer] = []
  for (index, (inputs, outputs)) in zip(widths, widths.dropFirst()).enumerated() {
    let stride = Dense.stride(of: outputs)
    let weights = try FloatBuffer(zeros: inputs * stride)
    let bias = try FloatBuffer(zeros: stride)
    let values = padded(noise(inputs * outputs, seed: UInt64(index)), rows: inputs, columns: outputs)
    weights.pointer.update(from: values, count: values.count)
    bias.pointer.update(from: noise(outputs, seed: UInt64(50 + index)), count: outputs)
    layers.append(
      .init(
        weights: weights, bias: bias, inputs: inputs, outputs: outputs,
        activation: index + 2 < widths.count ? .relu : .linear))
  }
  return ForwardPass(layers, softmax: softmax, using: variant)
}

@Suite struct ForwardPassTests {
  @Test("A row alone gives the same bits as among many, and writes nothing else", arguments: variants)
  func oneRow(variant: KernelVariant) throws {
    let shapes = [
      [64, 64, 32, 10], [3, 2], [7, 5, 40], [20, 100, 3], [9, 1024, 1024, 17], [5, 1025, 4], [4, 1100],
    ]
    for widths in shapes {
      for softmax in [true, false] {
        let network = try network(widths, softmax: softmax, variant)
        let (inputs, outputs) = (widths[0], network.outputs)
        let x = noise(301 * inputs, seed: 3)
        var many = unwritten(301 * outputs)
        try network.predict(x, xStride: inputs, rows: 301, into: &many)
        for row in [0, 1, 127, 128, 299, 300] {
          var one = unwritten(outputs + 1)
          try network.predict(Array(x[row * inputs..<(row + 1) * inputs]), into: &one)
          #expect(bits(one[..<outputs]) == bits(many[row * outputs..<(row + 1) * outputs]), "\(widths)")
          #expect(one[outputs].isNaN)
        }
        #expect(many.allSatisfy { $0.isFinite })
      }
    }
  }

  @Test("No rows are no work")
  func noRows() throws {
    var y: [Float] = [7]
    try network([3, 4, 2], softmax: true).predict([1], xStride: 3, rows: 0, into: &y)
    #expect(y == [7])
  }
}
