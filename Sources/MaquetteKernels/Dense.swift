internal import CMaquetteKernels

/// A dense layer's parameters in borrowed memory: y = f(x W + b).
///
/// Weights are row-major, `inputs` rows of ``stride`` floats; the bias has `stride` floats. The columns from
/// `outputs` to `stride` are padding, zero, in these and in every matrix of activations or gradients.
package struct DenseLayer {
  let layer: maquette_layer

  package init(
    weights: UnsafePointer<Float>, bias: UnsafePointer<Float>, inputs: Int, outputs: Int,
    activation: Activation
  ) {
    layer = maquette_layer(
      weights: weights, bias: bias, inputs: inputs, outputs: outputs, activation: activation.code)
  }

  package var inputs: Int { layer.inputs }
  package var outputs: Int { layer.outputs }
  package var stride: Int { Dense.stride(of: layer.outputs) }
}

/// The parameters of a layer in training, in borrowed memory, with two moments of each; laid out as
/// ``DenseLayer`` says, the moments zero at first.
package struct TrainedLayer {
  let layer: maquette_trained

  private init(_ layer: maquette_trained) { self.layer = layer }

  package init(
    weights: UnsafeMutablePointer<Float>, bias: UnsafeMutablePointer<Float>,
    weightMoments: (first: UnsafeMutablePointer<Float>, second: UnsafeMutablePointer<Float>),
    biasMoments: (first: UnsafeMutablePointer<Float>, second: UnsafeMutablePointer<Float>),
    inputs: Int, outputs: Int
  ) {
    layer = maquette_trained(
      weights: weights, bias: bias, weights_first: weightMoments.first, bias_first: biasMoments.first,
      weights_second: weightMoments.second, bias_second: biasMoments.second, inputs: inputs, outputs: outputs)
  }

  /// The weights of some of the inputs, to be updated by themselves; the bias goes with the first of them.
  package func part(_ inputs: Range<Int>) -> TrainedLayer {
    let from = inputs.lowerBound * Dense.stride(of: layer.outputs)
    let takesBias = inputs.lowerBound == 0
    return TrainedLayer(
      maquette_trained(
        weights: layer.weights + from, bias: takesBias ? layer.bias : nil,
        weights_first: layer.weights_first + from, bias_first: takesBias ? layer.bias_first : nil,
        weights_second: layer.weights_second + from, bias_second: takesBias ? layer.bias_second : nil,
        inputs: inputs.count, outputs: layer.outputs))
  }
}

/// What a dense layer does. Nothing here allocates or checks; all of it may be called from any thread.
///
/// The result of a row is the same, bit for bit, whatever the other rows of the call.
package enum Dense {
  /// `outputs` rounded up to a multiple of 16: the distance between rows, in floats.
  package static func stride(of outputs: Int) -> Int { maquette_stride(outputs) }

  /// y[rows, stride] = layer(x[rows, inputs]); `x` has `xStride` floats from row to row and needs no padding.
  package static func forward(
    _ layer: DenseLayer, x: UnsafePointer<Float>, xStride: Int, rows: Int,
    into y: UnsafeMutablePointer<Float>, using variant: KernelVariant = .best
  ) {
    withUnsafePointer(to: layer.layer) { variant.table.pointee.dense_forward($0, x, xStride, rows, y) }
  }

  /// dx[rows, stride of inputs] = dy Wᵀ, zero where `activation`, laid out like dx, is not positive.
  ///
  /// `activation` is the output of the relu layer below; without it nothing is masked.
  package static func backward(
    weights: UnsafePointer<Float>, inputs: Int, outputs: Int, dy: UnsafePointer<Float>, rows: Int,
    activation: UnsafePointer<Float>?, into dx: UnsafeMutablePointer<Float>,
    using variant: KernelVariant = .best
  ) {
    variant.table.pointee.dense_backward(weights, inputs, outputs, dy, rows, activation, dx)
  }

  /// dw[inputs, stride] = xᵀ dy and db[stride] = the column sums of dy.
  package static func gradient(
    x: UnsafePointer<Float>, xStride: Int, dy: UnsafePointer<Float>, rows: Int, inputs: Int, outputs: Int,
    dw: UnsafeMutablePointer<Float>, db: UnsafeMutablePointer<Float>, using variant: KernelVariant = .best
  ) {
    variant.table.pointee.dense_gradient(x, xStride, dy, rows, inputs, outputs, dw, db)
  }

  /// The gradient and one step of the optimizer with it, the same bits as ``gradient(x:xStride:dy:rows:inputs:outputs:dw:db:using:)``
  /// followed by ``Optimizer/apply(to:first:second:gradient:count:using:)``, in one pass.
  package static func update(
    _ layer: TrainedLayer, x: UnsafePointer<Float>, xStride: Int, dy: UnsafePointer<Float>, rows: Int,
    optimizer: Optimizer, using variant: KernelVariant = .best
  ) {
    withUnsafePointer(to: layer.layer) { layer in
      withUnsafePointer(to: optimizer.coefficients) { optimizer in
        variant.table.pointee.dense_update(layer, x, xStride, dy, rows, optimizer)
      }
    }
  }
}
