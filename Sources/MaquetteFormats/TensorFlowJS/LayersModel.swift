import MaquetteSystem

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

  /// The two files, as `tf.loadLayersModel` accepts them. The manifest has the checksum of the weights, which others pass
  /// over: two files can't be replaced at once, and who is interrupted between them leaves weights of another model.
  ///
  /// - Parameters:
  ///   - weightsFile: what the file of the weights is called.
  ///   - members: that the topology's file has besides.
  public func encoded(
    name: String, weightsFile: String = Self.weightsFile, members: JSONObject = [:]
  ) -> (topology: [UInt8], weights: [UInt8]) {
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
    var topology: JSONObject = [
      "format": "layers-model", "generatedBy": "Maquette", "convertedBy": nil,
      "modelTopology": [
        "class_name": "Sequential", "config": ["name": .string(name), "layers": .array(configurations)],
      ],
      "weightsManifest": [
        [
          "paths": [.string("./" + weightsFile)], "weights": .array(entries),
          "sha256": .string(Checksum.digits(of: weights)),
        ]
      ],
    ]
    for (name, value) in members.members { topology[name] = value }
    return (JSON.object(topology).bytes, weights)
  }
}
