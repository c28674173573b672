import MaquetteFormats
import MaquetteSystem

/// Dense layers as they come together while the operators of a graph are read one after the other.
///
/// What scales or shifts goes into the weights beside it, in doubles; before the first layer it stays what it is, since
/// features far from 0 would lose digits otherwise.
struct ONNXStack {
  struct Layer {
    var inputs: Int
    var units: Int
    /// [inputs, units]
    var kernel: [Double]
    var bias: [Double]
    var activation = "linear"
  }

  /// (x − mean) · inverse; one number for all columns, or one for each.
  struct Scale {
    var mean: [Double] = [0]
    var inverse: [Double] = [1]
  }

  /// No layer that is not in the file as numbers is made wider than this.
  private static let mostUnits = 4096

  /// Of a row as it is now; nil where the file leaves it open.
  private(set) var width: Int?
  /// Whether there is one axis of features.
  private(set) var isFlat: Bool
  private(set) var layers: [Layer] = []
  /// What the rows are scaled by before the first layer.
  private(set) var normalization: Scale?
  /// What comes behind the last layer, and what has no layer behind it yet.
  private var pending: Scale?

  /// - Throws: a reason, to be told with the place.
  init(_ input: ONNX.Value) throws(Reason) {
    guard input.type == nil || input.type == .float || input.type == .double else {
      throw Reason("rows of \(input.type.map { "\($0)" } ?? "")s are not what a network here takes")
    }
    let features = (input.shape ?? []).dropFirst()
    isFlat = features.count <= 1
    var product = 1
    for dimension in features {
      guard case .size(let size) = dimension, size > 0 else { return }
      let (next, overflow) = product.multipliedReportingOverflow(by: size)
      guard !overflow else { throw Reason("its rows have more features than can be") }
      product = next
    }
    width = features.isEmpty ? nil : product
  }

  /// Why an operator can't be part of a dense network.
  struct Reason: Error {
    let text: String
    init(_ text: String) { self.text = text }
  }

  var activation: String { pending == nil ? layers.last?.activation ?? "linear" : "linear" }
  var isEmpty: Bool { layers.isEmpty && pending == nil }

  mutating func flatten() { isFlat = true }

  /// The features stand one below the other.
  mutating func stand() { isFlat = false }

  // MARK: Scaling

  /// Applies y = (x − mean) · inverse.
  mutating func scale(mean: [Double], inverse: [Double]) throws(Reason) {
    for values in [mean, inverse] where values.count != 1 {
      guard isFlat, values.count == width ?? values.count else {
        throw Reason(
          "\(values.count) numbers do not go with rows of \(width.map(String.init) ?? "some") features")
      }
      width = values.count
    }
    guard pending == nil, layers.last?.activation == "linear" else {
      // (((x − m) · i) − mean) · inverse = (x − (m + mean / i)) · i · inverse
      let before = pending ?? Scale()
      guard before.inverse.allSatisfy({ $0 != 0 }) || mean == [0] else {
        throw Reason("it shifts what was multiplied by 0")
      }
      pending = Scale(
        mean: mean == [0] ? before.mean : Self.combine(before.mean, Self.combine(mean, before.inverse, /), +),
        inverse: Self.combine(before.inverse, inverse, *))
      return
    }
    let last = layers.count - 1
    let units = layers[last].units
    for unit in 0..<units {
      let (mean, inverse) = (mean[mean.count == 1 ? 0 : unit], inverse[inverse.count == 1 ? 0 : unit])
      layers[last].bias[unit] = (layers[last].bias[unit] - mean) * inverse
      if inverse == 1 { continue }
      for input in 0..<layers[last].inputs { layers[last].kernel[input * units + unit] *= inverse }
    }
  }

  private static func combine(
    _ left: [Double], _ right: [Double], _ combine: (Double, Double) -> Double
  ) -> [Double] {
    (0..<max(left.count, right.count)).map {
      combine(left[left.count == 1 ? 0 : $0], right[right.count == 1 ? 0 : $0])
    }
  }

  // MARK: Layers

  /// - Parameter kernel: [inputs, units]
  mutating func multiply(kernel: [Double], inputs: Int, units: Int) throws(Reason) {
    guard isFlat else { throw Reason("its rows are not flat") }
    guard inputs > 0, units > 0, inputs == width ?? inputs else {
      throw Reason(
        "its weights are for \(inputs) features, the rows have \(width.map(String.init) ?? "none")")
    }
    var layer = Layer(
      inputs: inputs, units: units, kernel: kernel, bias: [Double](repeating: 0, count: units))
    if let scale = pending {
      if layers.isEmpty {
        normalization = scale
      } else {
        for input in 0..<inputs {
          let mean = scale.mean[scale.mean.count == 1 ? 0 : input]
          let inverse = scale.inverse[scale.inverse.count == 1 ? 0 : input]
          for unit in 0..<units {
            layer.kernel[input * units + unit] *= inverse
            layer.bias[unit] -= mean * layer.kernel[input * units + unit]
          }
        }
      }
      pending = nil
    }
    layers.append(layer)
    width = units
  }

  mutating func activate(_ activation: String) throws(Reason) {
    if layers.isEmpty || pending != nil || layers.last?.activation != "linear" { try multiplyByOne() }
    layers[layers.count - 1].activation = activation
  }

  /// A layer that changes nothing, for what has none to be a part of.
  private mutating func multiplyByOne() throws(Reason) {
    guard let width, width <= Self.mostUnits else {
      throw Reason(
        "it would need a layer of its own, of \(width.map(String.init) ?? "nobody knows how many") units")
    }
    var kernel = [Double](repeating: 0, count: width * width)
    for unit in 0..<width { kernel[unit * width + unit] = 1 }
    try multiply(kernel: kernel, inputs: width, units: width)
  }

  /// Nothing comes any more: the last layer is then linear, or whatever `kept` allows.
  mutating func finish(keeping kept: [String]) throws(Reason) {
    if layers.isEmpty || pending != nil || !kept.contains(layers.last?.activation ?? "") {
      try multiplyByOne()
    }
  }

  /// The sigmoid of one number, and 1 less it, as two labels have them: the softmax of 0 and the number.
  mutating func splitSigmoid() {
    guard var last = layers.popLast() else { return }
    last.kernel = last.kernel.flatMap { [0, $0] }
    last.bias = last.bias.flatMap { [0, $0] }
    last.units = 2
    last.activation = "softmax"
    layers.append(last)
    width = 2
  }

  /// The network as it is kept here.
  var network: LayersModel {
    let first = layers.first?.inputs ?? 0
    func wide(_ values: [Double]) -> [Float] {
      values.count == 1 ? [Float](repeating: Float(values[0]), count: first) : values.map { Float($0) }
    }
    return LayersModel(
      normalization: normalization.map { .init(mean: wide($0.mean), inverse: wide($0.inverse)) },
      layers: layers.enumerated().map { index, layer in
        LayersModel.Dense(
          name: index + 1 == layers.count ? "output" : "hidden_\(index + 1)", inputs: layer.inputs,
          units: layer.units, activation: layer.activation, kernel: layer.kernel.map { Float($0) },
          bias: layer.bias.map { Float($0) })
      })
  }
}
