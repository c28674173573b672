import MaquetteFormats

// A network as tensors.

extension SafeTensors {
  init(_ model: LayersModel) {
    var tensors: [(String, Tensor)] = []
    if let normalization = model.normalization {
      let shape = [normalization.mean.count]
      tensors.append(("normalization.mean", Tensor(normalization.mean, shape: shape)))
      tensors.append(("normalization.inverse", Tensor(normalization.inverse, shape: shape)))
    }
    var layers: [JSON] = []
    for layer in model.layers {
      tensors.append((layer.name + ".kernel", Tensor(layer.kernel, shape: [layer.inputs, layer.units])))
      tensors.append((layer.name + ".bias", Tensor(layer.bias, shape: [layer.units])))
      layers.append(["name": .string(layer.name), "activation": .string(layer.activation)])
    }
    self.init(tensors: tensors, metadata: [("layers", JSON.array(layers).description)])
  }
}

extension LayersModel {
  /// Nil where something is missing, or of another shape.
  init?(_ file: SafeTensors, layers: JSON?) {
    var read: [Dense] = []
    var names: Set<String> = []
    for layer in layers?.array ?? [] {
      guard let name = layer["name"]?.string, names.insert(name).inserted,
        let activation = layer["activation"]?.string,
        let kernel = file[name + ".kernel"], kernel.shape.count == 2, let weights = kernel.floats,
        let bias = file[name + ".bias"], bias.shape == [kernel.shape[1]], let biases = bias.floats
      else { return nil }
      read.append(
        Dense(
          name: name, inputs: kernel.shape[0], units: kernel.shape[1], activation: activation,
          kernel: weights,
          bias: biases))
    }
    var normalization: Normalization?
    if let mean = file["normalization.mean"]?.floats, let inverse = file["normalization.inverse"]?.floats {
      guard mean.count == inverse.count else { return nil }
      normalization = Normalization(mean: mean, inverse: inverse)
    }
    guard !read.isEmpty else { return nil }
    self.init(normalization: normalization, layers: read)
  }
}
