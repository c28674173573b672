import MaquetteFormats
import MaquetteKernels
import MaquetteStores
public import MaquetteSystem

extension KMeansClustering {
  private static let file = ModelArchive.tensorsFile

  /// A safetensors file: `centers` [clusters, features], `counts`, `inertia`, and `clusters` of the training rows.
  public func archive() throws(MaquetteError) -> ModelArchive {
    guard let fitted = published.current else { throw notTrained }
    var tensors: [(String, SafeTensors.Tensor)] = [
      ("centers", SafeTensors.Tensor(fitted.centers)),
      ("counts", SafeTensors.Tensor(doubles: fitted.counts, shape: [fitted.counts.count])),
      ("clusters", SafeTensors.Tensor(fitted.clusters, shape: [fitted.clusters.count])),
    ]
    if let inertia = fitted.inertia {
      tensors.append(("inertia", SafeTensors.Tensor(doubles: [inertia], shape: [1])))
    }
    let file = SafeTensors(tensors: tensors, metadata: [("kind", Self.kind), ("version", "1")])
    return ModelArchive(
      format: Self.kind, metadata: ["parameters": .object(parameterValues)],
      files: [StoredFile(name: Self.file, bytes: file.bytes)])
  }

  public func restore(_ archive: ModelArchive) throws(MaquetteError) {
    try archive.require(format: Self.kind)
    let file = try SafeTensors(parsing: try archive.file(Self.file), as: Self.file)
    let centers = try file.matrix("centers")
    guard centers.rows > 0, centers.columns > 0, let counts = file["counts"]?.doubles,
      counts.count == centers.rows, counts.allSatisfy({ $0 >= 0 && $0.isFinite }),
      let clusters = file["clusters"]?.integers,
      clusters.allSatisfy({ $0 >= 0 && Int($0) < centers.rows })
    else {
      throw MaquetteError(
        .badFormat, "\(Self.file) must hold centers with their counts, and clusters",
        name: Self.file)
    }
    // Other programs don't tell it.
    let inertia = file["inertia"]?.doubles?.first
    guard inertia?.isFinite != false else {
      throw MaquetteError(.badFormat, "\(Self.file) has an inertia that is no finite number", name: Self.file)
    }
    let parameters = try storedParameters(archive)
    let fitted = try FittedClusters(centers: centers, counts: counts, clusters: clusters, inertia: inertia)
    try setParameters(parameters)
    publish(fitted)
  }
}
