import MaquetteFormats
public import MaquetteStores
public import MaquetteSystem

/// TensorFlow.js' layers-models, for networks: `<name>.json` and `<name>.weights.bin`, as `tf.loadLayersModel` opens them.
/// Kind, labels and parameters are in `userDefinedMetadata`.
///
/// Read are those of others, too: sharded, with numbers of 16 or 8 bits, Marcelle's, with its labels, and Teachable Machine's,
/// whose labels are in `metadata.json`.
public enum TensorFlowJSFormat: ModelFileFormat {
  public static let name = "tfjs"
  public static let pathExtension = ".json"
  public static let writtenKinds = [MLPClassifier.kind, MLPRegressor.kind]

  public static func recognizes(_ files: ModelFiles) -> Bool {
    files.documents.contains { $0.json["modelTopology"] != nil }
  }

  public static func files(of model: PortableModel, named base: String) throws(MaquetteError) -> [StoredFile]
  {
    var metadata = model.archive.metadata
    metadata["tfjsModelFormat"] = nil
    metadata["kind"] = .string(model.kind)
    return try files(of: model, named: base, ["userDefinedMetadata": .object(metadata)])
  }

  /// Both files, with these members in the first.
  static func files(
    of model: PortableModel, named base: String, _ members: JSONObject
  ) throws(MaquetteError) -> [StoredFile] {
    let weightsFile = base + ".weights.bin"
    let (topology, weights) = try model.archive.layersModel()
      .encoded(name: model.kind, weightsFile: weightsFile, members: members)
    return [
      StoredFile(name: base + pathExtension, bytes: topology), StoredFile(name: weightsFile, bytes: weights),
    ]
  }

  public static func model(in files: ModelFiles, for kind: String?) throws(MaquetteError) -> PortableModel {
    guard let (name, json) = files.documents.first(where: { $0.json["modelTopology"] != nil }) else {
      throw MaquetteError(.badFormat, "\(files.description) holds no layers-model", name: files.description)
    }
    let what = quoted(name)
    let paths = try LayersModel.weightPaths(json, as: what)
    var weights: [UInt8] = []
    for path in paths { weights += try files.bytes(of: path, isOnly: paths.count == 1, for: what) }
    let network = try LayersModel(json, weights: weights, as: what)
    var metadata = json["marcelle"]?.object ?? json["userDefinedMetadata"]?.object ?? [:]
    let told = metadata[json["marcelle"] == nil ? "kind" : "name"]?.string
    for member in ["kind", "name", "type"] { metadata[member] = nil }
    // Teachable Machine always calls them so.
    let isNamedAlike = name == LayersModel.topologyFile
    if metadata["labels"] == nil,
      let labels = try files.document("metadata.json", beside: isNamedAlike)?["labels"]
    {
      metadata["labels"] = labels
    }
    return try PortableModel(
      network: network, kind: writtenKinds.first { $0 == told }, for: kind, metadata: metadata, as: what)
  }
}
