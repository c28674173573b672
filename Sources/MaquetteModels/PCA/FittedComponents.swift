import MaquetteFormats
public import MaquetteKernels
public import MaquetteSystem

/// The principal components of rows. Immutable.
final class FittedComponents: FittedModel {
  let features: Int
  let outputs: Int
  /// [components, features], of unit length, the first the one along which the rows vary most.
  let components: Matrix
  /// [1, features]
  let mean: Matrix
  /// [1, components]: the variance along each, and its share of all variance.
  let explainedVariance: Matrix
  let explainedVarianceRatio: Matrix
  /// Of all features together.
  let totalVariance: Double
  let whiten: Bool
  /// What was learned, for rows that come on top; nil where it was loaded without.
  let covariance: Covariance?
  private let forward: ForwardPass
  private let backward: ForwardPass

  /// - Parameters:
  ///   - components: [components, features]
  ///   - variances: along each component.
  ///   - total: the variance of all features together.
  init(
    components: Matrix, mean: Matrix, variances: [Float], total: Double, whiten: Bool, covariance: Covariance?
  ) throws(MaquetteError) {
    features = components.columns
    outputs = components.rows
    self.components = components
    self.mean = mean
    self.whiten = whiten
    totalVariance = total
    self.covariance = covariance
    explainedVariance = try Matrix(rows: 1, columns: variances.count, variances)
    explainedVarianceRatio = try Matrix(
      rows: 1, columns: variances.count, variances.map { total > 0 ? Float(Double($0) / total) : 0 })

    // z = (x − mean) Wᵀ, and back x = z W + mean, as layers of a network; whitening divides by the deviations.
    let deviations = variances.map { whiten ? max($0, 0).squareRoot() : 1 }
    let (features, outputs) = (features, outputs)
    let down = try FloatBuffer(zeros: features * Dense.stride(of: outputs))
    let up = try FloatBuffer(zeros: outputs * Dense.stride(of: features))
    for component in 0..<outputs {
      // A direction without any variance says nothing.
      let factor = deviations[component] > 0 ? 1 / deviations[component] : 0
      for feature in 0..<features {
        let weight = components[component, feature]
        down.pointer[feature * Dense.stride(of: outputs) + component] = weight * factor
        up.pointer[component * Dense.stride(of: features) + feature] = weight * deviations[component]
      }
    }
    let means = (0..<features).map { mean[0, $0] }
    let bias = try FloatBuffer(zeros: Dense.stride(of: features))
    bias.pointer.update(from: means, count: features)
    forward = ForwardPass(
      [
        ForwardPass.Layer(
          weights: down, bias: try FloatBuffer(zeros: Dense.stride(of: outputs)), inputs: features,
          outputs: outputs,
          activation: .linear)
      ], softmax: false,
      scaling: try Scaling(mean: means, inverse: [Float](repeating: 1, count: features)))
    backward = ForwardPass(
      [ForwardPass.Layer(weights: up, bias: bias, inputs: outputs, outputs: features, activation: .linear)],
      softmax: false)
  }

  /// The components of a covariance, as many as are asked for.
  ///
  /// A component points to where its largest weight is positive: the same whatever the solver.
  convenience init(_ covariance: Covariance, components count: Int, whiten: Bool) throws(MaquetteError) {
    let columns = covariance.columns
    guard covariance.scatter.allSatisfy(\.isFinite) else { throw Self.tooLarge }
    let (values, vectors) = try Eigen.leading(count, of: covariance.scatter, size: columns)
    let divisor = Double(max(1, covariance.count - 1))
    let components = try Matrix(rows: count, columns: columns) { (buffer) throws(MaquetteError) in
      for component in 0..<count {
        let vector = vectors[component * columns..<(component + 1) * columns]
        let largest = vector.max { abs($0) < abs($1) } ?? 1
        let sign = largest < 0 ? -1.0 : 1
        for (feature, value) in vector.enumerated() {
          buffer[component * columns + feature] = Float(sign * value)
        }
      }
    }
    let variances = values.map { max(0, $0) / divisor }
    // The sum of the eigenvalues is that of the diagonal.
    let total = (0..<columns).reduce(0.0) { $0 + max(0, covariance.scatter[$1 * columns + $1]) }
    guard Float(total / divisor).isFinite else { throw Self.tooLarge }
    try self.init(
      components: components,
      mean: try Matrix(rows: 1, columns: columns, covariance.mean.map { Float($0) }),
      variances: variances.map { Float($0) }, total: total / divisor, whiten: whiten,
      covariance: covariance)
  }

  private static let tooLarge = MaquetteError(
    .notFinite, "the rows lie so far apart that their variance can't be told; scale the features")

  func predict(
    _ rows: UnsafePointer<Float>, count: Int, into scores: UnsafeMutablePointer<Float>
  ) throws(MaquetteError) {
    if count == 1 {
      try forward.predict(rows, into: scores)
    } else {
      try forward.predict(rows, xStride: features, rows: count, into: scores)
    }
  }

  /// The rows that have these scores, as far as the components tell: [rows, features].
  func inverse(_ scores: Matrix) throws(MaquetteError) -> Matrix {
    try Matrix(rows: scores.rows, columns: features) { (rows) throws(MaquetteError) in
      try scores.withUnsafeBufferPointer { (scores) throws(MaquetteError) in
        guard let from = scores.baseAddress, let to = rows.baseAddress, !rows.isEmpty else { return }
        try backward.predict(from, xStride: outputs, rows: rows.count / features, into: to)
      }
    }
  }

  /// Always an array: scores are coordinates.
  func json(_ prediction: UnsafeBufferPointer<Float>) -> JSON { .array(prediction.map { JSON(Double($0)) }) }

  var attributes: [String: Matrix] {
    [
      "components": components, "mean": mean, "explainedVariance": explainedVariance,
      "explainedVarianceRatio": explainedVarianceRatio,
    ]
  }
}

/// A model that gives the rows back that its predictions were made of, as far as they tell.
public protocol InvertibleModel: Model {
  /// The rows that have these predictions: [rows, features].
  ///
  /// - Parameter predictions: [rows, outputs]
  /// - Throws: ``MaquetteError/Code/notTrained``, ``MaquetteError/Code/badShape``, ``MaquetteError/Code/notFinite``.
  func inverse(_ predictions: Matrix) throws(MaquetteError) -> Matrix
}
