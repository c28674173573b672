import MaquetteFormats
import MaquetteKernels
import MaquetteSystem

extension SafeTensors.Tensor {
  init(_ matrix: Matrix) {
    self = matrix.withUnsafeBufferPointer {
      SafeTensors.Tensor($0, shape: [matrix.rows, matrix.columns])
    }
  }
}

extension SafeTensors {
  /// A tensor of two dimensions.
  ///
  /// - Throws: ``MaquetteError/Code/badFormat`` where there is none of that name, or a number of it is not finite;
  ///   ``MaquetteError/Code/outOfMemory``.
  func matrix(_ name: String) throws(MaquetteError) -> Matrix {
    guard let tensor = self[name], let values = tensor.floats, tensor.shape.count == 2,
      values.allSatisfy(\.isFinite)
    else {
      throw MaquetteError(
        .badFormat, "the stored model must hold a table \(name) of finite numbers", name: name)
    }
    return try Matrix(rows: tensor.shape[0], columns: tensor.shape[1], values)
  }
}
