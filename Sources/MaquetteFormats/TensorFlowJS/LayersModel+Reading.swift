public import MaquetteSystem

// What other programs write, too: TensorFlow.js itself, its converter from Keras, Marcelle, Teachable Machine.

extension LayersModel {
  /// Reads the two files as they are stored.
  ///
  /// - Throws: ``MaquetteError/Code/badFormat`` with what is missing, of another form or inconsistent.
  public init(topology: [UInt8], weights: [UInt8]) throws(MaquetteError) {
    let json: JSON
    do throws(MaquetteError) {
      json = try JSON(parsing: topology, as: Self.topologyFile)
    } catch {
      throw MaquetteError(.badFormat, error.message, name: Self.topologyFile)
    }
    try self.init(json, weights: weights, as: Self.topologyFile)
  }

  /// The files that hold the weights, as the manifest names them, in the order in which they follow each other.
  ///
  /// - Parameter what: what messages call the file that this is.
  /// - Throws: ``MaquetteError/Code/badFormat``.
  public static func weightPaths(_ json: JSON, as what: String) throws(MaquetteError) -> [String] {
    var paths: [String] = []
    for group in json["weightsManifest"]?.array ?? [] {
      for path in group["paths"]?.array ?? [] {
        guard let path = path.string else {
          throw damaged(what, "weightsManifest must name its files by strings")
        }
        paths.append(path)
      }
    }
    guard Set(paths).count == paths.count else {
      throw damaged(what, "weightsManifest names a file twice")
    }
    guard !paths.isEmpty else { throw damaged(what, "weightsManifest must name the files of the weights") }
    return paths
  }

  /// Reads a layers-model: a stack of dense layers, with an input layer, a batch normalisation in front and dropouts or not.
  ///
  /// - Parameters:
  ///   - weights: of all files that the manifest names, one after the other.
  ///   - what: what messages call the file of the topology.
  /// - Throws: ``MaquetteError/Code/badFormat`` with what is missing, of another form or inconsistent, or the layer that is
  ///   none of these.
  public init(_ json: JSON, weights: [UInt8], as what: String) throws(MaquetteError) {
    var tensors = try WeightTable(json, weights, what)
    var layers: [Dense] = []
    var normalization: Normalization?
    for layer in try TopologyLayer.stack(json, what) {
      switch layer.className {
      case "InputLayer", "Dropout": break
      case "BatchNormalization" where layers.isEmpty && normalization == nil:
        normalization = try Normalization(layer, &tensors)
      case "Dense":
        layers.append(try Dense(layer, after: layers.last, &tensors))
      case "Activation":
        guard let last = layers.popLast(), last.activation == "linear" else {
          throw layer.damaged("an activation must follow a dense layer without one")
        }
        layers.append(last.with(activation: try layer.activation()))
      default:
        throw Self.damaged(
          what,
          "layer \(quoted(layer.name)) is a \(quoted(layer.className)); there may be Dense, Dropout and Activation, and before all others InputLayer and BatchNormalization"
        )
      }
    }
    guard let first = layers.first else { throw Self.damaged(what, "there is no dense layer") }
    if let normalization, normalization.mean.count != first.inputs {
      throw Self.damaged(
        what,
        "layer \(quoted(first.name)) takes \(first.inputs) numbers, \(normalization.mean.count) are normalised"
      )
    }
    try tensors.requireEmpty()
    try Self.requireWeights(of: json, weights, what)
    self.init(normalization: normalization, layers: layers)
  }

  /// - Throws: ``MaquetteError/Code/badFormat`` for other weights than those the manifest was written with, if it says so.
  private static func requireWeights(
    of json: JSON, _ weights: [UInt8], _ what: String
  ) throws(MaquetteError) {
    guard let groups = json["weightsManifest"]?.array, groups.count == 1,
      let checksum = groups[0]["sha256"]?.string, checksum != Checksum.digits(of: weights)
    else { return }
    throw damaged(
      what, "its weights are not those that were written with it: they are damaged, or of another model")
  }

  fileprivate static func damaged(_ what: String, _ reason: String) -> MaquetteError {
    MaquetteError(.badFormat, "\(what) can't be read: \(reason)", name: what)
  }
}

// MARK: Layers

/// A layer as the topology describes it.
private struct TopologyLayer {
  let className: String
  let name: String
  let config: JSON
  /// What messages call the file.
  let what: String

  /// The layers, each of which takes what the one before gives.
  static func stack(_ json: JSON, _ what: String) throws(MaquetteError) -> [TopologyLayer] {
    // Keras' own form has the model in a member.
    var model = json["modelTopology"] ?? .null
    if let inner = model["model_config"] { model = inner }
    let className = model["class_name"]?.string ?? ""
    guard ["Sequential", "Model", "Functional"].contains(className) else {
      throw LayersModel.damaged(what, "modelTopology must be of class Sequential, or a Model that is a chain")
    }
    guard let entries = model["config"]?["layers"]?.array ?? model["config"]?.array, !entries.isEmpty else {
      throw LayersModel.damaged(what, "modelTopology.config.layers must list the layers")
    }
    var layers: [TopologyLayer] = []
    for entry in entries {
      guard let className = entry["class_name"]?.string, let config = entry["config"],
        let name = config["name"]?.string ?? entry["name"]?.string
      else { throw LayersModel.damaged(what, "every layer needs a class_name, a config and a name") }
      let layer = TopologyLayer(className: className, name: name, config: config, what: what)
      if model["class_name"]?.string != "Sequential" {
        let before = (entry["inbound_nodes"]?.array ?? []).flatMap { $0.array ?? [] }
          .map { $0.array?.first?.string }
        guard before == (layers.last.map { [$0.name] } ?? []) else {
          throw layer.damaged("it must take what the layer before gives, and nothing else")
        }
      }
      layers.append(layer)
    }
    return layers
  }

  func damaged(_ reason: String) -> MaquetteError {
    MaquetteError(.badFormat, "\(what) can't be read: layer \(quoted(name)): \(reason)", name: name)
  }

  /// - Throws: ``MaquetteError/Code/badFormat`` for one that is not known.
  func activation() throws(MaquetteError) -> String {
    guard let given = config["activation"], !given.isNull else { return "linear" }
    guard let activation = given.string,
      ["linear", "relu", "softmax", "sigmoid", "tanh"].contains(activation)
    else {
      throw damaged(
        "its activation is \(quoted(given.string ?? given.description)); it may be linear, relu, tanh, sigmoid or softmax"
      )
    }
    return activation
  }
}

extension LayersModel.Dense {
  fileprivate init(
    _ layer: TopologyLayer, after previous: Self?, _ tensors: inout WeightTable
  ) throws(MaquetteError) {
    guard let units = layer.config["units"]?.integer, units > 0 else {
      throw layer.damaged("it must have a number of units")
    }
    let name = layer.name
    guard let kernel = tensors.take(name, "kernel"), kernel.shape.count == 2, kernel.shape[0] > 0,
      kernel.shape[1] == units
    else {
      throw layer.damaged("it needs the weights \(quoted(name + "/kernel")) of [inputs, \(units)]")
    }
    let inputs = kernel.shape[0]
    if let previous, previous.units != inputs {
      throw layer.damaged("it takes \(inputs) numbers, the one before gives \(previous.units)")
    }
    var biases = [Float](repeating: 0, count: units)
    if layer.config["use_bias"]?.bool ?? true {
      guard let bias = tensors.take(name, "bias"), bias.shape == [units] else {
        throw layer.damaged("it needs the weights \(quoted(name + "/bias")) of [\(units)]")
      }
      biases = bias.values
    }
    self.init(
      name: name, inputs: inputs, units: units, activation: try layer.activation(), kernel: kernel.values,
      bias: biases)
  }

  fileprivate func with(activation: String) -> Self {
    var copy = self
    copy.activation = activation
    return copy
  }
}

extension LayersModel.Normalization {
  fileprivate init(_ layer: TopologyLayer, _ tensors: inout WeightTable) throws(MaquetteError) {
    var parts: [[Float]?] = []
    var width: Int?
    for (part, isThere) in [
      ("gamma", layer.config["scale"]?.bool ?? true), ("beta", layer.config["center"]?.bool ?? true),
      ("moving_mean", true), ("moving_variance", true),
    ] {
      guard isThere else {
        parts.append(nil)
        continue
      }
      guard let tensor = tensors.take(layer.name, part), tensor.shape.count == 1,
        tensor.values.count == width ?? tensor.values.count
      else {
        throw layer.damaged("it needs gamma, beta, moving_mean and moving_variance of one width")
      }
      width = tensor.values.count
      parts.append(tensor.values)
    }
    let count = width ?? 0
    let gamma = parts[0] ?? [Float](repeating: 1, count: count)
    let beta = parts[1] ?? [Float](repeating: 0, count: count)
    let (means, variances) = (parts[2] ?? [], parts[3] ?? [])
    let epsilon = Float(layer.config["epsilon"]?.number ?? 0.001)
    inverse = zip(gamma, variances).map { $0 / ($1 + epsilon).squareRoot() }
    mean = zip(means, zip(beta, inverse)).map { $0 - ($1.0 == 0 ? 0 : $1.0 / $1.1) }
  }
}

// MARK: Weights

/// The weights of a file by their names, each to be taken once.
private struct WeightTable {
  typealias Weights = (shape: [Int], values: [Float])
  private var weights: [String: Weights] = [:]
  private let what: String

  init(_ json: JSON, _ bytes: [UInt8], _ what: String) throws(MaquetteError) {
    self.what = what
    guard let groups = json["weightsManifest"]?.array else {
      throw LayersModel.damaged(what, "weightsManifest is missing")
    }
    var offset = 0
    for entry in groups.flatMap({ $0["weights"]?.array ?? [] }) {
      guard let name = entry["name"]?.string, let dimensions = entry["shape"]?.array,
        let dtype = entry["dtype"]?.string
      else { throw LayersModel.damaged(what, "every weight needs a name, a shape and a dtype") }
      let encoding = try Encoding(entry, dtype, name, what)
      guard let shape = TensorShape(dimensions, elementSize: encoding.size) else {
        throw LayersModel.damaged(what, "the shape of \(quoted(name)) must be whole numbers")
      }
      guard shape.bytes <= bytes.count - offset else {
        throw LayersModel.damaged(
          what, "its weights end at byte \(bytes.count), inside of \(quoted(name))")
      }
      let content = bytes[offset..<(offset + shape.bytes)]
      offset += shape.bytes
      // What an optimizer needs is none of the layers' business.
      if entry["group"]?.string == "optimizer" { continue }
      guard let values = encoding.values(content) else {
        throw LayersModel.damaged(what, "\(quoted(name)) is of dtype \(quoted(dtype)), not float32")
      }
      guard weights.updateValue((shape.dimensions, values), forKey: name) == nil else {
        throw LayersModel.damaged(what, "there are two weights \(quoted(name))")
      }
    }
    guard offset == bytes.count else {
      throw LayersModel.damaged(
        what, "its weights have \(bytes.count) bytes, the manifest describes \(offset)")
    }
  }

  /// The weights of a layer, which are gone afterwards.
  mutating func take(_ layer: String, _ part: String) -> Weights? {
    weights.removeValue(forKey: layer + "/" + part)
  }

  /// - Throws: ``MaquetteError/Code/badFormat`` where something is left: it would have changed the predictions.
  func requireEmpty() throws(MaquetteError) {
    guard let left = weights.keys.min() else { return }
    throw LayersModel.damaged(what, "there are weights \(quoted(left)), but no layer has them")
  }

  /// How numbers are written.
  private enum Encoding {
    case float32, float16
    /// As `scale` times a whole number of so many bytes, plus `minimum`.
    case whole(size: Int, scale: Double, minimum: Double)
    /// Nothing that a layer has.
    case other(size: Int)

    init(_ entry: JSON, _ dtype: String, _ name: String, _ what: String) throws(MaquetteError) {
      let quantization = entry["quantization"]
      switch quantization?["dtype"]?.string ?? dtype {
      case "float32": self = .float32
      case "float16": self = .float16
      case "uint8" where quantization != nil, "uint16" where quantization != nil:
        guard let scale = quantization?["scale"]?.number, let minimum = quantization?["min"]?.number else {
          throw LayersModel.damaged(what, "the quantization of \(quoted(name)) needs a scale and a min")
        }
        self = .whole(
          size: quantization?["dtype"]?.string == "uint8" ? 1 : 2, scale: scale, minimum: minimum)
      case "int32": self = .other(size: 4)
      case "bool", "uint8": self = .other(size: 1)
      case let other:
        throw LayersModel.damaged(
          what,
          "\(quoted(name)) is of dtype \(quoted(other)), not float32, float16, or quantized to uint8 or uint16"
        )
      }
    }

    var size: Int {
      switch self {
      case .float32: 4
      case .float16: 2
      case .whole(let size, _, _), .other(let size): size
      }
    }

    func values(_ bytes: ArraySlice<UInt8>) -> [Float]? {
      switch self {
      case .float32: bytes.floats
      case .float16:
        (0..<(bytes.count / 2)).map { Float(halfPrecision: bytes.integer(at: 2 * $0, as: UInt16.self)) }
      case .whole(let size, let scale, let minimum):
        (0..<(bytes.count / size)).map {
          let code =
            size == 1 ? UInt16(bytes[bytes.startIndex + $0]) : bytes.integer(at: 2 * $0, as: UInt16.self)
          return Float(Double(code) * scale + minimum)
        }
      case .other: nil
      }
    }
  }
}

extension Float {
  /// The number that IEEE 754's binary16 writes so: a sign, 5 bits of exponent and 10 of significand.
  package init(halfPrecision bits: UInt16) {
    let sign = UInt32(bits & 0x8000) << 16
    let exponent = UInt32(bits >> 10) & 0x1F
    let significand = UInt32(bits & 0x3FF)
    switch exponent {
    case 0:
      // Too small for an implied first bit: as many 2⁻²⁴.
      let magnitude = Float(significand) * 0x1p-24
      self = sign == 0 ? magnitude : -magnitude
    case 31: self.init(bitPattern: sign | 0x7F80_0000 | significand << 13)
    default: self.init(bitPattern: sign | (exponent + 112) << 23 | significand << 13)
    }
  }
}
