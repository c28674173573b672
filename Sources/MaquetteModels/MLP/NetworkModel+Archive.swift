import MaquetteFormats
import MaquetteKernels
import MaquetteStores
public import MaquetteSystem

extension MLPClassifier {
  /// A TensorFlow.js layers-model, as Marcelle stores it.
  public func archive() throws(MaquetteError) -> ModelArchive {
    guard let network = published.current else { throw notTrained }
    return ModelArchive(
      LayersModel(network.pass), name: Self.kind,
      metadata: [
        "labels": .array(network.labels.map { .string($0) }), "parameters": .object(parameterValues),
      ])
  }

  public func restore(_ archive: ModelArchive) throws(MaquetteError) {
    let pass = try archive.network(softmax: true)
    let labels = try archive.labels()
    guard pass.outputs == labels.count else {
      throw MaquetteError(
        .badFormat, "the stored network has \(pass.outputs) outputs for \(labels.count) labels")
    }
    let parameters = try storedParameters(archive)
    published.publish(ClassifierNetwork(labels: labels, pass: pass))
    try setParameters(parameters)
  }
}

extension MLPRegressor {
  /// A TensorFlow.js layers-model, as Marcelle stores it.
  public func archive() throws(MaquetteError) -> ModelArchive {
    guard let network = published.current else { throw notTrained }
    return ModelArchive(
      LayersModel(network.pass), name: Self.kind, metadata: ["parameters": .object(parameterValues)])
  }

  public func restore(_ archive: ModelArchive) throws(MaquetteError) {
    let pass = try archive.network(softmax: false)
    let parameters = try storedParameters(archive)
    published.publish(RegressorNetwork(pass: pass))
    try setParameters(parameters)
  }
}

extension ModelArchive {
  /// What networks are stored in.
  static let networkFormat = "tfjs"

  /// A network as it is stored.
  init(_ layers: LayersModel, name: String, metadata: JSONObject) {
    let (topology, weights) = layers.encoded(name: name)
    var all: JSONObject = ["tfjsModelFormat": "layers-model"]
    for (name, value) in metadata.members { all[name] = value }
    self.init(
      format: Self.networkFormat, metadata: all,
      files: [
        StoredFile(name: LayersModel.topologyFile, bytes: topology),
        StoredFile(name: LayersModel.weightsFile, bytes: weights),
      ])
  }

  /// The layers of a network that is stored.
  ///
  /// - Throws: ``MaquetteError/Code/badFormat``.
  func layersModel() throws(MaquetteError) -> LayersModel {
    try require(format: Self.networkFormat)
    return try LayersModel(
      topology: try file(LayersModel.topologyFile), weights: try file(LayersModel.weightsFile))
  }

  /// - Throws: ``MaquetteError/Code/badFormat`` for layers, activations or weights that no training here makes.
  fileprivate func network(softmax: Bool) throws(MaquetteError) -> ForwardPass {
    let model = try layersModel()
    var layers: [ForwardPass.Layer] = []
    for (index, layer) in model.layers.enumerated() {
      let isHidden = index + 1 < model.layers.count
      layers.append(
        try ForwardPass.Layer(layer, as: isHidden ? nil : softmax ? "softmax" : "linear"))
    }
    var scaling: Scaling?
    if let normalization = model.normalization {
      guard (normalization.mean + normalization.inverse).allSatisfy(\.isFinite) else {
        throw MaquetteError(.badFormat, "the stored network normalises by numbers that are not finite")
      }
      scaling = try Scaling(mean: normalization.mean, inverse: normalization.inverse)
    }
    return ForwardPass(layers, softmax: softmax, scaling: scaling)
  }
}

extension LayersModel {
  fileprivate init(_ pass: ForwardPass) {
    let last = pass.layers.count - 1
    self.init(
      normalization: pass.scaling.map { scaling in
        Normalization(
          mean: Array(UnsafeBufferPointer(start: scaling.mean.pointer, count: scaling.columns)),
          inverse: Array(UnsafeBufferPointer(start: scaling.inverse.pointer, count: scaling.columns)))
      },
      layers: pass.layers.enumerated().map { index, layer in
        let stride = layer.weights.count / max(1, layer.inputs)
        var kernel: [Float] = []
        kernel.reserveCapacity(layer.inputs * layer.outputs)
        for input in 0..<layer.inputs {
          let row = layer.weights.pointer + input * stride
          kernel.append(contentsOf: UnsafeBufferPointer(start: row, count: layer.outputs))
        }
        let bias = Array(UnsafeBufferPointer(start: layer.bias.pointer, count: layer.outputs))
        return Dense(
          name: index == last ? "output" : "hidden_\(index + 1)", inputs: layer.inputs, units: layer.outputs,
          activation: index == last && pass.softmax ? "softmax" : layer.activation.rawValue, kernel: kernel,
          bias: bias)
      })
  }
}

extension ForwardPass.Layer {
  /// - Parameter expected: the activation it must have; nil for a hidden layer: any of ours.
  fileprivate init(_ layer: LayersModel.Dense, as expected: String?) throws(MaquetteError) {
    guard let activation = layer.activation == "softmax" ? .linear : Activation(rawValue: layer.activation),
      layer.activation == expected ?? activation.rawValue
    else {
      throw MaquetteError(
        .badFormat,
        "layer \(layer.name) has the activation \(layer.activation), not \(expected ?? "relu, tanh, sigmoid or linear")",
        name: layer.name)
    }
    guard layer.inputs > 0, layer.kernel.allSatisfy(\.isFinite), layer.bias.allSatisfy(\.isFinite) else {
      throw MaquetteError(
        .badFormat, "layer \(layer.name) has no inputs, or weights that are no finite numbers",
        name: layer.name)
    }
    let stride = Dense.stride(of: layer.units)
    let weights = try FloatBuffer(zeros: layer.inputs * stride)
    for input in 0..<layer.inputs {
      for unit in 0..<layer.units {
        weights.pointer[input * stride + unit] = layer.kernel[input * layer.units + unit]
      }
    }
    let bias = try FloatBuffer(zeros: stride)
    for unit in 0..<layer.units { bias.pointer[unit] = layer.bias[unit] }
    self.init(
      weights: weights, bias: bias, inputs: layer.inputs, outputs: layer.units, activation: activation)
  }
}
