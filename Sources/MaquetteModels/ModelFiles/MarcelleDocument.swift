import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteSystem

/// A stored model in Marcelle's JSON: `{name, format, metadata}`.
struct MarcelleDocument {
  private let metadata: JSONObject
  /// What messages call the file.
  private let what: String

  init(_ json: JSON, as what: String) {
    metadata = json["metadata"]?.object ?? [:]
    self.what = what
  }

  private func damaged(_ reason: String, _ name: String) -> MaquetteError {
    MaquetteError(.badFormat, "\(what) can't be read: \(reason)", name: name)
  }

  /// Without what goes into tensors.
  private func rest(without members: String...) -> JSONObject {
    var rest = metadata
    for member in members { rest[member] = nil }
    return rest
  }

  /// A `knn-classifier`: `data`, the rows of each label.
  func neighbours() throws(MaquetteError) -> PortableModel {
    guard let data = metadata["data"]?.object, !data.isEmpty else {
      throw damaged("metadata.data must be an object of labels and their rows", "data")
    }
    // A label that has no row may be among the labels only.
    var labels = data.names
    if let told = metadata["labels"]?.array {
      labels = told.compactMap(\.string)
      guard labels.count == told.count, Set(labels).count == labels.count,
        Set(labels).isSuperset(of: data.names)
      else { throw damaged("metadata.labels must name those of metadata.data, each once", "labels") }
    }
    let codes = Dictionary(uniqueKeysWithValues: labels.enumerated().map { ($1, Int32($0)) })
    var rows: [JSON] = []
    var codeOfRow: [Int32] = []
    for (label, given) in data.members {
      guard let given = given.array else {
        throw damaged("metadata.data[\(quoted(label))] must be an array of rows", label)
      }
      rows += given
      codeOfRow += [Int32](repeating: codes[label] ?? 0, count: given.count)
    }
    let matrix = try NumberTable(rows, what, "metadata.data")
    var values: [Float] = []
    values.reserveCapacity(matrix.values.count)
    for row in 0..<matrix.rows { values += matrix[row].unit }
    var metadata = rest(without: "data")
    metadata["labels"] = .array(labels.map { .string($0) })
    var parameters = metadata["parameters"]?.object ?? [:]
    // These rows have no other.
    parameters["metric"] = "cosine"
    metadata["parameters"] = .object(parameters)
    return PortableModel(
      kind: KNNClassifier.kind,
      tensors: [
        ("rows", SafeTensors.Tensor(values, shape: [matrix.rows, matrix.columns])),
        ("labels", SafeTensors.Tensor(codeOfRow, shape: [matrix.rows])),
      ], metadata: metadata)
  }

  /// A `ml-kmeans`: `centers`, and `clusters` of the rows they were made of.
  func clusters() throws(MaquetteError) -> PortableModel {
    let centers = try NumberTable(metadata["centers"]?.array ?? [], what, "metadata.centers")
    var clusters: [Int32] = []
    for cluster in metadata["clusters"]?.array ?? [] {
      guard let number = cluster.integer, (0..<centers.rows).contains(number) else {
        throw damaged("metadata.clusters must be numbers of centers", "clusters")
      }
      clusters.append(Int32(number))
    }
    var counts = [Double](repeating: 0, count: centers.rows)
    if let told = metadata["counts"]?.array {
      counts = told.compactMap(\.number)
      guard counts.count == told.count, counts.count == centers.rows else {
        throw damaged("metadata.counts must be a number for each center", "counts")
      }
    } else {
      for cluster in clusters { counts[Int(cluster)] += 1 }
    }
    var metadata = rest(without: "centers", "clusters", "counts", "inertia")
    metadata.addParameter("k", JSON(centers.rows))
    return PortableModel(
      clusters: centers, counts: counts, of: clusters, inertia: self.metadata["inertia"]?.number, metadata)
  }

  /// A `ml-pca`: scores are (x − means) · U.
  func components() throws(MaquetteError) -> PortableModel {
    guard let model = metadata["PCAModel"], model["scale"]?.bool != true,
      (model["excludedFeatures"]?.array ?? []).isEmpty
    else {
      throw damaged("metadata.PCAModel must be one that neither scales nor excludes features", "PCAModel")
    }
    let bases = try NumberTable(model["U"]?.array ?? [], what, "U")
    let values = try NumberTable([model["S"] ?? .array([])], what, "S")
    var means = [Float](repeating: 0, count: bases.rows)
    if model["center"]?.bool ?? true {
      means = try NumberTable([model["means"] ?? .array([])], what, "means").values
    }
    var metadata = rest(without: "PCAModel")
    let asked = metadata["parameters"]?["nComponents"]?.integer
    // Marcelle's own keeps all, and predicts two.
    let count = max(1, min(asked ?? 2, bases.columns))
    metadata.addParameter("nComponents", JSON(count))
    let total = model["totalVariance"]?.number ?? values.values.reduce(0.0) { $0 + Double($1) }
    return try PortableModel(
      bases: bases, count: count, mean: means, variances: values.values, total: total, metadata, as: what)
  }
}
