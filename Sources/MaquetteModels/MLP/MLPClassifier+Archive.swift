import MaquetteFormats
import MaquetteKernels
import MaquetteStores
public import MaquetteSystem

extension MLPClassifier {
  private static let format = "tfjs"

  /// A TensorFlow.js layers-model, as Marcelle stores it.
  public func archive() throws(MaquetteError) -> ModelArchive {
    guard let network = published.current else {
      throw MaquetteError(.notTrained, "this \(Self.kind) has been neither trained nor loaded yet")
    }
    let (topology, weights) = LayersModel(network).encoded(name: Self.kind)
    return ModelArchive(
      format: Self.format,
      metadata: [
        "tfjsModelFormat": "layers-model", "labels": .array(network.labels.map { .string($0) }),
        "parameters": .object(parameterValues),
      ],
      files: [
        StoredFile(name: LayersModel.topologyFile, bytes: topology),
        StoredFile(name: LayersModel.weightsFile, bytes: weights),
      ])
  }

  public func restore(_ archive: ModelArchive) throws(MaquetteError) {
    try archive.require(format: Self.format)
    let model = try LayersModel(
      topology: try archive.file(LayersModel.topologyFile),
      weights: try archive.file(LayersModel.weightsFile))
    let network = try Network(model, labels: try archive.labels())
    let parameters = try storedParameters(archive)
    published.publish(network)
    try setParameters(parameters)
  }
}

extension LayersModel {
  fileprivate init(_ network: Network) {
    let last = network.pass.layers.count - 1
    self.init(
      layers: network.pass.layers.enumerated().map { index, layer in
        let stride = layer.weights.count / max(1, layer.inputs)
        var kernel: [Float] = []
        kernel.reserveCapacity(layer.inputs * layer.outputs)
        for input in 0..<layer.inputs {
          let row = layer.weights.pointer + input * stride
          kernel.append(contentsOf: UnsafeBufferPointer(start: row, count: layer.outputs))
        }
        let bias = Array(UnsafeBufferPointer(start: layer.bias.pointer, count: layer.outputs))
        return Dense(
          name: index == last ? "output" : "hidden_\(index + 1)", inputs: layer.inputs,
          units: layer.outputs, activation: index == last ? "softmax" : "relu", kernel: kernel, bias: bias)
      })
  }
}

extension Network {
  /// - Throws: ``MaquetteError/Code/badFormat`` for layers, activations or weights that no training here makes.
  fileprivate convenience init(_ model: LayersModel, labels: [String]) throws(MaquetteError) {
    guard let last = model.layers.last, last.units == labels.count else {
      throw MaquetteError(
        .badFormat,
        "the stored network has \(model.layers.last?.units ?? 0) outputs for \(labels.count) labels")
    }
    var layers: [ForwardPass.Layer] = []
    for (index, layer) in model.layers.enumerated() {
      let isHidden = index + 1 < model.layers.count
      layers.append(try ForwardPass.Layer(layer, isHidden: isHidden))
    }
    self.init(labels: labels, layers: layers)
  }
}

extension ForwardPass.Layer {
  fileprivate init(_ layer: LayersModel.Dense, isHidden: Bool) throws(MaquetteError) {
    let expected = isHidden ? "relu" : "softmax"
    guard layer.activation == expected else {
      throw MaquetteError(
        .badFormat, "layer \(layer.name) has the activation \(layer.activation), not \(expected)",
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
    self.init(weights: weights, bias: bias, inputs: layer.inputs, outputs: layer.units, relu: isHidden)
  }
}
