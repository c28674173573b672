import MaquetteFormats
import MaquetteKernels
public import MaquetteStores
public import MaquetteSystem

/// What Marcelle's pages download and upload: a layers-model with its labels for a network, else a single JSON file.
///
/// Parameters, which Marcelle leaves out, are in the `metadata`, where its pages pass over them.
public enum MarcelleFormat: ModelFileFormat {
  public static let name = "marcelle"
  public static let pathExtension = ".json"
  public static let writtenKinds =
    TensorFlowJSFormat.writtenKinds + [KNNClassifier.kind, KMeansClustering.kind, PCA.kind]

  /// The kind of each `format`, of those that are no layers-models.
  private static let kinds = [
    "knn-classifier": KNNClassifier.kind, "ml-kmeans": KMeansClustering.kind, "ml-pca": PCA.kind,
  ]

  public static func recognizes(_ files: ModelFiles) -> Bool {
    files.documents.contains { kinds[$0.json["format"]?.string ?? ""] != nil }
  }

  public static func files(of model: PortableModel, named base: String) throws(MaquetteError) -> [StoredFile]
  {
    let archive = model.archive
    if archive.format == ModelArchive.networkFormat {
      var members: JSONObject = ["type": "tfjs-model", "name": .string(model.kind)]
      for (name, value) in archive.metadata.members where members[name] == nil { members[name] = value }
      return try TensorFlowJSFormat.files(of: model, named: base, ["marcelle": .object(members)])
    }
    var metadata = archive.metadata
    let tensors = try archive.tensors()
    switch model.kind {
    case KNNClassifier.kind: metadata["data"] = try neighbours(tensors, archive)
    case KMeansClustering.kind: try write(clusters: tensors, into: &metadata)
    case PCA.kind: metadata["PCAModel"] = try components(tensors, archive)
    default:
      throw MaquetteError(.unsupported, "Marcelle has no form for a \(model.kind)", name: model.kind)
    }
    let format = kinds.first { $0.value == model.kind }?.key ?? ""
    let json: JSON = [
      "name": .string(model.kind), "files": [], "format": .string(format), "metadata": .object(metadata),
    ]
    return [StoredFile(name: base + pathExtension, bytes: json.bytes)]
  }

  public static func model(in files: ModelFiles, for kind: String?) throws(MaquetteError) -> PortableModel {
    for (name, json) in files.documents {
      guard let kind = kinds[json["format"]?.string ?? ""] else { continue }
      let document = MarcelleDocument(json, as: quoted(name))
      switch kind {
      case KNNClassifier.kind: return try document.neighbours()
      case KMeansClustering.kind: return try document.clusters()
      default: return try document.components()
      }
    }
    throw MaquetteError(
      .badFormat, "\(files.description) holds no model of Marcelle's", name: files.description)
  }

  // MARK: Writing

  /// The rows of each label, of unit length.
  private static func neighbours(_ file: SafeTensors, _ archive: ModelArchive) throws(MaquetteError) -> JSON {
    let metric = archive.metadata["parameters"]?["metric"]?.string ?? "cosine"
    guard metric == "cosine" else {
      throw MaquetteError(
        .unsupported,
        "Marcelle keeps rows of unit length and compares their angles: with the metric \(metric) this model would answer otherwise there",
        name: "metric")
    }
    let rows = try file.matrix("rows")
    let codes = file["labels"]?.integers ?? []
    let labels = try archive.labels()
    var data = [[JSON]](repeating: [], count: labels.count)
    for (row, code) in codes.enumerated() where row < rows.rows {
      data[Int(code)].append(.array(rows[row: row].unit.map { JSON(Double($0)) }))
    }
    return .object(JSONObject(zip(labels, data).map { ($0, .array($1)) }))
  }

  private static func write(
    clusters file: SafeTensors, into metadata: inout JSONObject
  ) throws(MaquetteError) {
    metadata["clusters"] = .array((file["clusters"]?.integers ?? []).map { JSON(Int($0)) })
    metadata["centers"] = JSON(rows: try file.matrix("centers"))
    metadata["counts"] = .array((file["counts"]?.doubles ?? []).map { JSON($0) })
    metadata["inertia"] = file["inertia"]?.doubles?.first.map { JSON($0) }
  }

  private static func components(_ file: SafeTensors, _ archive: ModelArchive) throws(MaquetteError) -> JSON {
    guard archive.metadata["whiten"]?.bool != true else {
      throw MaquetteError(
        .unsupported, "Marcelle's PCA does not whiten: this model would answer otherwise there",
        name: "whiten")
    }
    let mean = try file.matrix("mean")[row: 0]
    let variances = try file.matrix("explainedVariance")[row: 0]
    var model: JSONObject = [
      "name": "PCA", "center": true, "scale": false, "means": .array(mean.map { JSON(Double($0)) }),
      "stdevs": nil, "U": JSON(rows: try file.matrix("components").transposed()),
      "S": .array(variances.map { JSON(Double($0)) }), "excludedFeatures": [],
    ]
    model["totalVariance"] = file["totalVariance"]?.doubles?.first.map { JSON($0) }
    return .object(model)
  }
}
