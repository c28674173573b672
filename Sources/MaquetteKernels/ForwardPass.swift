internal import CMaquetteKernels
package import MaquetteSystem

/// A network's layers, made ready to predict: immutable, for any number of threads at once.
package final class ForwardPass: @unchecked Sendable {  // nothing changes after init
  package struct Layer {
    package let weights: FloatBuffer
    package let bias: FloatBuffer
    package let inputs: Int
    package let outputs: Int
    package let activation: Activation

    /// Laid out as ``DenseLayer`` says; nobody may write to the buffers any more.
    package init(weights: FloatBuffer, bias: FloatBuffer, inputs: Int, outputs: Int, activation: Activation) {
      self.weights = weights
      self.bias = bias
      self.inputs = inputs
      self.outputs = outputs
      self.activation = activation
    }
  }

  package let layers: [Layer]
  package let softmax: Bool
  /// What the inputs are brought to one scale by, first of all.
  package let scaling: Scaling?
  package let inputs: Int
  package let outputs: Int
  private let descriptors: UnsafeMutableBufferPointer<maquette_layer>
  private let variant: KernelVariant
  private let widest: Int

  /// - Parameter layers: at least one; each takes as many inputs as the one before has outputs.
  package init(
    _ layers: [Layer], softmax: Bool, scaling: Scaling? = nil, using variant: KernelVariant = .best
  ) {
    precondition(
      !layers.isEmpty && zip(layers, layers.dropFirst()).allSatisfy { $0.outputs == $1.inputs }
        && scaling?.columns ?? layers[0].inputs == layers[0].inputs)
    self.layers = layers
    self.softmax = softmax
    self.scaling = scaling
    self.variant = variant
    inputs = layers[0].inputs
    outputs = layers[layers.count - 1].outputs
    widest = Dense.stride(of: layers.reduce(scaling == nil ? 0 : inputs) { max($0, $1.outputs) })
    descriptors = .allocate(capacity: layers.count)
    for (index, layer) in layers.enumerated() {
      precondition(
        layer.weights.count >= layer.inputs * Dense.stride(of: layer.outputs)
          && layer.bias.count >= Dense.stride(of: layer.outputs))
      descriptors.initializeElement(
        at: index,
        to: maquette_layer(
          weights: layer.weights.pointer, bias: layer.bias.pointer, inputs: layer.inputs,
          outputs: layer.outputs, activation: layer.activation.code))
    }
  }

  deinit { descriptors.deallocate() }

  /// One row of ``inputs`` floats to ``outputs`` floats, the same bits as among many rows.
  ///
  /// Allocates only if a layer has more than 1,024 outputs, or a scaling as many columns; nothing else can fail.
  package func predict(
    _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>
  ) throws(MaquetteError) {
    guard let first = descriptors.baseAddress else { return }
    let isDone =
      scaling.map {
        $0.withDescriptor { variant.table.pointee.network(first, descriptors.count, softmax, $0, x, y) }
      }
      ?? variant.table.pointee.network(first, descriptors.count, softmax, nil, x, y)
    if !isDone {
      try predictBlock(x, xStride: inputs, rows: 1, into: y)
    }
  }

  /// Many rows, `xStride` floats apart, to rows of ``outputs`` floats without gaps, shared among the ``Workers``.
  package func predict(
    _ x: UnsafePointer<Float>, xStride: Int, rows: Int, into y: UnsafeMutablePointer<Float>
  ) throws(MaquetteError) {
    nonisolated(unsafe) let (x, y) = (x, y)
    try Workers.forEachBlock(of: 128, rows: rows) { (block) throws(MaquetteError) in
      try self.predictBlock(
        x + block.lowerBound * xStride, xStride: xStride, rows: block.count,
        into: y + block.lowerBound * self.outputs)
    }
  }

  /// Goes through all layers with a few rows at a time, whose activations stay in the first-level cache.
  private func predictBlock(
    _ x: UnsafePointer<Float>, xStride: Int, rows: Int, into y: UnsafeMutablePointer<Float>
  ) throws(MaquetteError) {
    let atOnce = min(rows, 32)
    let scratch = try FloatBuffer(zeros: 2 * atOnce * widest)
    defer { withExtendedLifetime(scratch) {} }
    var done = 0
    while done < rows {
      let count = min(atOnce, rows - done)
      var from = x + done * xStride
      var stride = xStride
      if let scaling {
        // Where the second layer's outputs go, when nobody needs these any more.
        let to = scratch.pointer + atOnce * widest
        scaling.apply(to: from, xStride: xStride, rows: count, into: to, yStride: inputs, using: variant)
        from = UnsafePointer(to)
        stride = inputs
      }
      for (index, layer) in descriptors.enumerated() {
        let to = scratch.pointer + index % 2 * atOnce * widest
        withUnsafePointer(to: layer) { variant.table.pointee.dense_forward($0, from, stride, count, to) }
        from = UnsafePointer(to)
        stride = Dense.stride(of: layer.outputs)
      }
      let last = scratch.pointer + (descriptors.count - 1) % 2 * atOnce * widest
      if softmax { Softmax.apply(to: last, rows: count, classes: outputs, using: variant) }
      for row in 0..<count {
        (y + (done + row) * outputs).update(from: last + row * stride, count: outputs)
      }
      done += count
    }
  }
}
