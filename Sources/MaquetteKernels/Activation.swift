internal import CMaquetteKernels
package import MaquetteSystem

/// What a dense layer does to its sums.
package enum Activation: String, Sendable, CaseIterable {
  case linear, relu, tanh, sigmoid

  var code: Int32 {
    switch self {
    case .linear: Int32(MAQUETTE_LINEAR)
    case .relu: Int32(MAQUETTE_RELU)
    case .tanh: Int32(MAQUETTE_TANH)
    case .sigmoid: Int32(MAQUETTE_SIGMOID)
    }
  }

  /// Whether the way back needs the slope at each place; that of the others is 0 or 1.
  package var isCurved: Bool { self == .tanh || self == .sigmoid }

  /// dx *= f'(x), from the activations a, where a · `scale` = f(x).
  ///
  /// - Parameter count: a multiple of 16.
  package func backward(
    _ dx: UnsafeMutablePointer<Float>, activations: UnsafePointer<Float>, count: Int, scale: Float = 1,
    using variant: KernelVariant = .best
  ) {
    guard isCurved else { return }
    variant.table.pointee.curve_backward(dx, activations, count, code, scale)
  }
}

/// Which numbers of a mini-batch are dropped, and by how much the others grow: Srivastava et al., "Dropout: a simple way
/// to prevent neural networks from overfitting", 2014.
package struct Dropout: Sendable {
  private let dropout: maquette_dropout
  /// What is kept is multiplied by this.
  package var scale: Float { dropout.scale }

  /// - Parameters:
  ///   - key: the same numbers are dropped for the same key.
  ///   - share: 0 ..< 1.
  package init(key: UInt64, share: Double) {
    dropout = maquette_dropout(
      key: key, threshold: UInt32(min(share * 0x1p32, 0x1p32 - 1)), scale: Float(1 / (1 - share)))
  }

  /// - Parameters:
  ///   - count: a multiple of 16.
  ///   - first: which number of the mini-batch `y` begins with, a multiple of 16.
  package func apply(
    to y: UnsafeMutablePointer<Float>, count: Int, first: Int = 0, using variant: KernelVariant = .best
  ) {
    withUnsafePointer(to: dropout) { variant.table.pointee.drop_out(y, count, $0, first) }
  }
}

/// What brings columns to one scale: (x − mean) · inverse.
package struct Scaling: Sendable {
  package let mean: FloatBuffer
  package let inverse: FloatBuffer

  package init(mean: FloatBuffer, inverse: FloatBuffer) {
    self.mean = mean
    self.inverse = inverse
  }

  /// - Throws: ``MaquetteError/Code/outOfMemory``.
  package init(mean: [Float], inverse: [Float]) throws(MaquetteError) {
    self.mean = try FloatBuffer(zeros: mean.count)
    self.inverse = try FloatBuffer(zeros: inverse.count)
    self.mean.pointer.update(from: mean, count: mean.count)
    self.inverse.pointer.update(from: inverse, count: inverse.count)
  }

  package var columns: Int { mean.count }

  /// Rows `xStride` apart to rows `yStride` apart; both may be the same memory.
  package func apply(
    to x: UnsafePointer<Float>, xStride: Int, rows: Int, into y: UnsafeMutablePointer<Float>, yStride: Int,
    using variant: KernelVariant = .best
  ) {
    withDescriptor { variant.table.pointee.scale($0, x, xStride, rows, columns, y, yStride) }
  }

  func withDescriptor<Result>(_ body: (UnsafePointer<maquette_scaling>) -> Result) -> Result {
    withUnsafePointer(
      to: maquette_scaling(mean: UnsafePointer(mean.pointer), inverse: UnsafePointer(inverse.pointer)), body)
  }
}

/// Means and deviations of columns, taken from any number of blocks of rows.
///
/// Chan, Golub & LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979.
package struct ColumnMoments: Sendable {
  package private(set) var count = 0
  package private(set) var means: [Double]
  private var squares: [Double]

  package init(columns: Int) {
    means = [Double](repeating: 0, count: columns)
    squares = means
  }

  /// Adds rows of as many columns.
  package mutating func add(_ rows: Matrix) {
    guard rows.columns == means.count, rows.rows > 0 else { return }
    let columns = rows.columns
    var sums = [Double](repeating: 0, count: columns)
    var deviations = sums
    rows.withUnsafeBufferPointer { values in
      for row in 0..<rows.rows {
        for column in 0..<columns { sums[column] += Double(values[row * columns + column]) }
      }
      for column in 0..<columns { sums[column] /= Double(rows.rows) }
      for row in 0..<rows.rows {
        for column in 0..<columns {
          let deviation = Double(values[row * columns + column]) - sums[column]
          deviations[column] += deviation * deviation
        }
      }
    }
    let total = Double(count + rows.rows)
    for column in 0..<columns {
      let difference = sums[column] - means[column]
      squares[column] +=
        deviations[column] + difference * difference * Double(count) * Double(rows.rows) / total
      means[column] += difference * Double(rows.rows) / total
    }
    count += rows.rows
  }

  /// Of the population, as scikit-learn's StandardScaler has it.
  package var deviations: [Double] { squares.map { count == 0 ? 0 : ($0 / Double(count)).squareRoot() } }

  /// What brings each column to mean 0 and deviation 1; a constant column to 0.
  ///
  /// - Throws: ``MaquetteError/Code/outOfMemory``.
  package func scaling() throws(MaquetteError) -> Scaling {
    try Scaling(
      mean: means.map { Float($0) },
      inverse: zip(means, deviations).map { mean, deviation in
        // What rounding leaves of a constant column is no deviation.
        if deviation <= abs(mean) * 1e-7 { return 1 }
        return Float(min(1 / deviation, Double(Float.greatestFiniteMagnitude)))
      })
  }
}
