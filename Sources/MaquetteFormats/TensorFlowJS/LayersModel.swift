public import MaquetteSystem

/// A stack of dense layers as TensorFlow.js keeps it: `model.json` and `model.weights.bin`.
public struct LayersModel: Sendable, Equatable {
  /// `y = activation(x · kernel + bias)`.
  public struct Dense: Sendable, Equatable {
    public var name: String
    public var inputs: Int
    public var units: Int
    /// `relu`, `softmax`, `linear`, `sigmoid` or `tanh`.
    public var activation: String
    /// [inputs, units], row-major.
    public var kernel: [Float]
    /// [units]
    public var bias: [Float]

    public init(
      name: String, inputs: Int, units: Int, activation: String, kernel: [Float], bias: [Float]
    ) {
      self.name = name
      self.inputs = inputs
      self.units = units
      self.activation = activation
      self.kernel = kernel
      self.bias = bias
    }
  }

  /// `y = (x − mean) · inverse`, a number for each column, before all layers.
  ///
  /// Written as a batch normalisation with γ the inverse, β 0, variance 1 and ε 0, which gives the same bits.
  public struct Normalization: Sendable, Equatable {
    public var mean: [Float]
    public var inverse: [Float]

    public init(mean: [Float], inverse: [Float]) {
      self.mean = mean
      self.inverse = inverse
    }
  }

  public var normalization: Normalization?
  public var layers: [Dense]

  public init(normalization: Normalization? = nil, layers: [Dense]) {
    self.normalization = normalization
    self.layers = layers
  }
}

// MARK: Writing

extension LayersModel {
  public static let topologyFile = "model.json"
  public static let weightsFile = "model.weights.bin"

  /// The two files, as `tf.loadLayersModel` accepts them.
  public func encoded(name: String) -> (topology: [UInt8], weights: [UInt8]) {
    var configurations: [JSON] = []
    var entries: [JSON] = []
    var weights: [UInt8] = []
    if let normalization {
      let width = JSON(normalization.mean.count)
      configurations.append([
        "class_name": "BatchNormalization",
        "config": [
          "name": "normalization", "batch_input_shape": [nil, width], "axis": -1, "momentum": 0.99,
          "epsilon": 0, "center": true, "scale": true,
        ],
      ])
      let ones = [Float](repeating: 1, count: normalization.mean.count)
      let zeros = [Float](repeating: 0, count: normalization.mean.count)
      for (name, values) in [
        ("gamma", normalization.inverse), ("beta", zeros), ("moving_mean", normalization.mean),
        ("moving_variance", ones),
      ] {
        entries.append(["name": .string("normalization/" + name), "shape": [width], "dtype": "float32"])
        weights.append(contentsOf: [UInt8](littleEndian: values))
      }
    }
    for (index, layer) in layers.enumerated() {
      var config: JSONObject = [
        "name": .string(layer.name), "units": JSON(layer.units), "activation": .string(layer.activation),
        "use_bias": true,
      ]
      if index == 0 && normalization == nil { config["batch_input_shape"] = [nil, JSON(layer.inputs)] }
      configurations.append(["class_name": "Dense", "config": .object(config)])
      entries.append([
        "name": .string(layer.name + "/kernel"), "shape": [JSON(layer.inputs), JSON(layer.units)],
        "dtype": "float32",
      ])
      entries.append([
        "name": .string(layer.name + "/bias"), "shape": [JSON(layer.units)], "dtype": "float32",
      ])
      weights.append(contentsOf: [UInt8](littleEndian: layer.kernel))
      weights.append(contentsOf: [UInt8](littleEndian: layer.bias))
    }
    let topology: JSON = [
      "format": "layers-model", "generatedBy": "Maquette", "convertedBy": nil,
      "modelTopology": [
        "class_name": "Sequential", "config": ["name": .string(name), "layers": .array(configurations)],
      ],
      "weightsManifest": [["paths": ["./model.weights.bin"], "weights": .array(entries)]],
    ]
    return (topology.bytes, weights)
  }
}

// MARK: Reading

extension LayersModel {
  /// Reads what ``encoded(name:)`` writes.
  ///
  /// - Throws: ``MaquetteError/Code/badFormat`` with what is missing, of another form or inconsistent.
  public init(topology: [UInt8], weights: [UInt8]) throws(MaquetteError) {
    func damaged(_ what: String) -> MaquetteError {
      MaquetteError(.badFormat, "model.json can't be read: \(what)", name: Self.topologyFile)
    }
    let json: JSON
    do throws(MaquetteError) {
      json = try JSON(parsing: topology, as: "model.json")
    } catch {
      throw MaquetteError(.badFormat, error.message, name: Self.topologyFile)
    }
    guard json["modelTopology"]?["class_name"]?.string == "Sequential" else {
      throw damaged("modelTopology must be of class Sequential")
    }
    guard let configurations = json["modelTopology"]?["config"]?["layers"]?.array, !configurations.isEmpty
    else {
      throw damaged("modelTopology.config.layers must list the layers")
    }
    var tensors = try Self.tensors(of: json, weights: weights)
    var layers: [Dense] = []
    var normalization: Normalization?
    for (index, configuration) in configurations.enumerated() {
      if index == 0, configuration["class_name"]?.string == "BatchNormalization" {
        normalization = try Normalization(configuration["config"] ?? nil, &tensors)
        continue
      }
      guard configuration["class_name"]?.string == "Dense", let config = configuration["config"],
        let name = config["name"]?.string, let units = config["units"]?.integer, units > 0
      else { throw damaged("every layer must be Dense, with a name and a number of units") }
      guard let kernel = tensors.removeValue(forKey: name + "/kernel"), kernel.shape.count == 2,
        let bias = tensors.removeValue(forKey: name + "/bias"), bias.shape == [units],
        kernel.shape[1] == units
      else {
        throw damaged(
          "layer \(name) needs \(name)/kernel of [inputs, \(units)] and \(name)/bias of [\(units)]")
      }
      if let previous = layers.last, previous.units != kernel.shape[0] {
        throw damaged(
          "layer \(name) takes \(kernel.shape[0]) numbers, the one before gives \(previous.units)")
      }
      layers.append(
        Dense(
          name: name, inputs: kernel.shape[0], units: units,
          activation: config["activation"]?.string ?? "linear", kernel: kernel.values, bias: bias.values))
    }
    guard let first = layers.first else { throw damaged("there is no dense layer") }
    if let normalization, normalization.mean.count != first.inputs {
      throw damaged(
        "layer \(first.name) takes \(first.inputs) numbers, \(normalization.mean.count) are normalised")
    }
    self.normalization = normalization
    self.layers = layers
  }

  private static func tensors(
    of json: JSON, weights: [UInt8]
  ) throws(MaquetteError) -> [String: (shape: [Int], values: [Float])] {
    func damaged(_ what: String) -> MaquetteError {
      MaquetteError(.badFormat, "model.json can't be read: \(what)", name: Self.topologyFile)
    }
    guard let groups = json["weightsManifest"]?.array else { throw damaged("weightsManifest is missing") }
    var tensors: [String: (shape: [Int], values: [Float])] = [:]
    var offset = 0
    for entry in groups.flatMap({ $0["weights"]?.array ?? [] }) {
      guard let name = entry["name"]?.string, let dimensions = entry["shape"]?.array,
        entry["dtype"]?.string == "float32"
      else { throw damaged("every weight needs a name, a shape and the dtype float32") }
      guard let shape = TensorShape(dimensions) else {
        throw damaged("the shape of \(name) must be whole numbers")
      }
      guard shape.bytes <= weights.count - offset else {
        throw MaquetteError(
          .badFormat, "model.weights.bin ends at byte \(weights.count), inside \(name)", name: weightsFile)
      }
      let values = weights[offset..<(offset + shape.bytes)].floats
      guard tensors.updateValue((shape.dimensions, values), forKey: name) == nil else {
        throw damaged("there are two weights \(name)")
      }
      offset += shape.bytes
    }
    guard offset == weights.count else {
      throw MaquetteError(
        .badFormat, "model.weights.bin has \(weights.count) bytes, the manifest describes \(offset)",
        name: weightsFile)
    }
    return tensors
  }
}

extension LayersModel.Normalization {
  fileprivate init(
    _ config: JSON, _ tensors: inout [String: (shape: [Int], values: [Float])]
  ) throws(MaquetteError) {
    let name = config["name"]?.string ?? ""
    var parts: [[Float]] = []
    for part in ["gamma", "beta", "moving_mean", "moving_variance"] {
      guard let tensor = tensors.removeValue(forKey: name + "/" + part), tensor.shape.count == 1,
        tensor.values.count == parts.first?.count ?? tensor.values.count
      else {
        throw MaquetteError(
          .badFormat,
          "model.json can't be read: layer \(name) needs gamma, beta, moving_mean and moving_variance",
          name: LayersModel.topologyFile)
      }
      parts.append(tensor.values)
    }
    let epsilon = Float(config["epsilon"]?.number ?? 0.001)
    inverse = zip(parts[0], parts[3]).map { $0 / ($1 + epsilon).squareRoot() }
    mean = zip(parts[2], zip(parts[1], inverse)).map { $0 - ($1.0 == 0 ? 0 : $1.0 / $1.1) }
  }
}
