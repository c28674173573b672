import MaquetteFormats
public import MaquetteStores
public import MaquetteSystem

/// What FluCoMa's objects dump: MLPClassifier, MLPRegressor, KMeans, PCA. Only read.
public enum FluCoMaFormat: ModelFileFormat {
  public static let name = "flucoma"
  public static let pathExtension = ".json"
  public static let writtenKinds: [String] = []

  public static func recognizes(_ files: ModelFiles) -> Bool {
    files.documents.contains { content(of: $0.json) != nil }
  }

  public static func files(of model: PortableModel, named base: String) throws(MaquetteError) -> [StoredFile]
  {
    throw MaquetteError(.unsupported, "FluCoMa's files are only read", name: name)
  }

  public static func model(in files: ModelFiles, for kind: String?) throws(MaquetteError) -> PortableModel {
    for (name, json) in files.documents {
      switch content(of: json) {
      case .network(let network, let labels): return try model(network, labels, kind, quoted(name))
      case .means: return try clusters(json, quoted(name))
      case .bases: return try components(json, quoted(name))
      case nil: continue
      }
    }
    throw MaquetteError(
      .badFormat, "\(files.description) holds no model of FluCoMa's", name: files.description)
  }

  private enum Content {
    /// With the labels of a classifier.
    case network(JSON, labels: JSON?)
    case means, bases
  }

  /// What a document is, by its members.
  private static func content(of json: JSON) -> Content? {
    if json["layers"]?.array != nil { return .network(json, labels: nil) }
    if let network = json["mlp"], network["layers"]?.array != nil {
      return .network(network, labels: json["labels"]?["labels"] ?? .array([]))
    }
    guard json["rows"] != nil, json["cols"] != nil else { return nil }
    if json["means"]?.array != nil { return .means }
    return json["bases"]?.array != nil ? .bases : nil
  }

  /// By their numbers.
  private static let activations = ["linear", "sigmoid", "relu", "tanh"]

  private static func model(
    _ json: JSON, _ labels: JSON?, _ kind: String?, _ what: String
  ) throws(MaquetteError) -> PortableModel {
    let entries = json["layers"]?.array ?? []
    var layers: [LayersModel.Dense] = []
    for (place, entry) in entries.enumerated() {
      let name = place + 1 == entries.count ? "output" : "hidden_\(place + 1)"
      let weights = try NumberTable(entry["weights"]?.array ?? [], what, "layers[\(place)].weights")
      let biases = try NumberTable([entry["biases"] ?? .array([])], what, "layers[\(place)].biases")
      guard let number = entry["activation"]?.integer, activations.indices.contains(number),
        biases.columns == weights.columns, layers.last?.units ?? weights.rows == weights.rows
      else {
        throw MaquetteError(
          .badFormat,
          "\(what) can't be read: layer \(place) needs biases as its weights are wide, as many inputs as the one before has outputs, and an activation from 0 to 3",
          name: what)
      }
      // A classifier's answer is the label with the greatest sum: the same behind a softmax.
      let isAnswer = labels != nil && place + 1 == entries.count
      layers.append(
        LayersModel.Dense(
          name: name, inputs: weights.rows, units: weights.columns,
          activation: isAnswer ? "softmax" : activations[number], kernel: weights.values, bias: biases.values)
      )
    }
    guard !layers.isEmpty else {
      throw MaquetteError(.badFormat, "\(what) can't be read: there is no layer", name: what)
    }
    var metadata: JSONObject = [:]
    metadata["labels"] = labels
    return try PortableModel(
      network: LayersModel(layers: layers), kind: labels == nil ? MLPRegressor.kind : MLPClassifier.kind,
      for: kind, metadata: metadata, as: what)
  }

  private static func clusters(_ json: JSON, _ what: String) throws(MaquetteError) -> PortableModel {
    let means = try NumberTable(json["means"]?.array ?? [], what, "means")
    var metadata: JSONObject = [:]
    metadata.addParameter("k", JSON(means.rows))
    return PortableModel(
      clusters: means, counts: [Double](repeating: 0, count: means.rows), of: [],
      inertia: nil, metadata)
  }

  /// `bases` [features, components], and as `values` the singular values of the centered rows.
  private static func components(_ json: JSON, _ what: String) throws(MaquetteError) -> PortableModel {
    let bases = try NumberTable(json["bases"]?.array ?? [], what, "bases")
    let mean = try NumberTable([json["mean"] ?? .array([])], what, "mean")
    let values = try NumberTable([json["values"] ?? .array([])], what, "values")
    // Older versions did not write how many rows there were.
    let divisor = max(1, (json["numpoints"]?.number ?? 2) - 1)
    let variances = values.values.map { Double($0) * Double($0) / divisor }
    var metadata: JSONObject = [:]
    metadata.addParameter("nComponents", JSON(bases.columns))
    return try PortableModel(
      bases: bases, count: bases.columns, mean: mean.values, variances: variances.map { Float($0) },
      total: variances.reduce(0, +), metadata, as: what)
  }
}
