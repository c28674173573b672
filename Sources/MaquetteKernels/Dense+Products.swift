private import COpenBLAS
internal import CMaquetteKernels

/// Training on large batches, through OpenBLAS where that is faster.
///
/// Predictions never come here: a row of a product through OpenBLAS may depend, in its last bits, on the others.
extension Dense {
  /// Whether OpenBLAS computes the forward pass and the gradient of so many rows faster than our kernels.
  ///
  /// Measured with both on the same instruction set: up to 64 rows ours always win, with AVX-512 up to any
  /// size a training sees. Beyond, our tiles run out of cache with smaller vectors (AVX2: 2.0 against 1.4 ms for
  /// 256 rows, 512 to 512). Our way back to the input is faster at every size, so it has no second path.
  package static func usesProducts(
    rows: Int, inputs: Int, outputs: Int, variant: KernelVariant = .best
  ) -> Bool {
    guard rows >= 128, rows <= Int32.max, inputs <= Int32.max, outputs < Int32.max - 16 else { return false }
    let weights = inputs.multipliedReportingOverflow(by: stride(of: outputs)).partialValue
    return variant.usesWidestRegisters ? rows >= 1024 && weights >= 1 << 20 : weights >= 1 << 18
  }

  /// ``forward(_:x:xStride:rows:into:using:)`` for training: the faster path, equal but for rounding.
  package static func forwardInTraining(
    _ layer: DenseLayer, x: UnsafePointer<Float>, xStride: Int, rows: Int,
    into y: UnsafeMutablePointer<Float>, using variant: KernelVariant = .best
  ) {
    if usesProducts(rows: rows, inputs: layer.inputs, outputs: layer.outputs, variant: variant) {
      forwardByProduct(layer, x: x, xStride: xStride, rows: rows, into: y, using: variant)
    } else {
      forward(layer, x: x, xStride: xStride, rows: rows, into: y, using: variant)
    }
  }

  /// ``update(_:x:xStride:dy:rows:optimizer:using:)`` by the faster path, equal but for rounding.
  ///
  /// - Parameter scratch: room for the gradient of the weights and the bias, (inputs + 1) × stride floats; may be
  ///   nil unless ``usesProducts(rows:inputs:outputs:variant:)``, and then keeps to the kernels.
  package static func updateInTraining(
    _ layer: TrainedLayer, x: UnsafePointer<Float>, xStride: Int, dy: UnsafePointer<Float>, rows: Int,
    optimizer: Optimizer, scratch: UnsafeMutablePointer<Float>?, using variant: KernelVariant = .best
  ) {
    let (inputs, outputs) = (layer.layer.inputs, layer.layer.outputs)
    guard let scratch, usesProducts(rows: rows, inputs: inputs, outputs: outputs, variant: variant) else {
      update(layer, x: x, xStride: xStride, dy: dy, rows: rows, optimizer: optimizer, using: variant)
      return
    }
    let stride = stride(of: outputs)
    let bias = scratch + inputs * stride
    gradientByProduct(
      x: x, xStride: xStride, dy: dy, rows: rows, inputs: inputs, outputs: outputs, dw: scratch, db: bias,
      using: variant)
    optimizer.apply(
      to: layer.layer.weights, first: layer.layer.weights_first, second: layer.layer.weights_second,
      gradient: scratch, count: inputs * stride, using: variant)
    if let values = layer.layer.bias, let first = layer.layer.bias_first, let second = layer.layer.bias_second
    {
      optimizer.withoutDecay.apply(
        to: values, first: first, second: second, gradient: bias, count: stride, using: variant)
    }
  }

  package static func forwardByProduct(
    _ layer: DenseLayer, x: UnsafePointer<Float>, xStride: Int, rows: Int,
    into y: UnsafeMutablePointer<Float>, using variant: KernelVariant = .best
  ) {
    OpenBLAS.prepare()
    let stride = layer.stride
    cblas_sgemm(
      CblasRowMajor, CblasNoTrans, CblasNoTrans, blasint(rows), blasint(stride), blasint(layer.inputs), 1, x,
      blasint(xStride), layer.layer.weights, blasint(stride), 0, y, blasint(stride))
    let bias = layer.layer.bias
    for row in 0..<rows {
      let y = y + row * stride
      for column in Swift.stride(from: 0, to: stride, by: 16) {
        let into = UnsafeMutableRawPointer(y + column)
        var value = into.loadUnaligned(as: SIMD16<Float>.self)
        value += UnsafeRawPointer(bias + column).loadUnaligned(as: SIMD16<Float>.self)
        if layer.layer.activation == Activation.relu.code { value.replace(with: 0, where: value .< 0) }
        into.storeBytes(of: value, as: SIMD16<Float>.self)
      }
    }
    variant.table.pointee.activate(y, rows, layer.outputs, layer.layer.activation)
  }

  package static func gradientByProduct(
    x: UnsafePointer<Float>, xStride: Int, dy: UnsafePointer<Float>, rows: Int, inputs: Int, outputs: Int,
    dw: UnsafeMutablePointer<Float>, db: UnsafeMutablePointer<Float>, using variant: KernelVariant = .best
  ) {
    OpenBLAS.prepare()
    let stride = stride(of: outputs)
    cblas_sgemm(
      CblasRowMajor, CblasTrans, CblasNoTrans, blasint(inputs), blasint(stride), blasint(rows), 1, x,
      blasint(xStride), dy, blasint(stride), 0, dw, blasint(stride))
    // No inputs: nothing is left of the gradient but the bias.
    variant.table.pointee.dense_gradient(x, xStride, dy, rows, 0, outputs, dw, db)
  }
}

/// OpenBLAS, on one thread: our own workers split the rows, and two thread pools only get in each other's way.
package enum OpenBLAS {
  private static let onOneThread: Void = openblas_set_num_threads(1)

  /// Call before the first product; costs nothing from then on.
  package static func prepare() { onOneThread }

  /// Version and build options, in OpenBLAS's own words.
  package static var configuration: String {
    guard let text = openblas_get_config() else { return "unknown" }
    return String(cString: text).split(separator: " ").joined(separator: " ")
  }
}
