import MaquetteFormats
import MaquetteKernels
import MaquetteStores
public import MaquetteSystem

extension UMAP {
  private static let format = "umap"
  private static let file = ModelArchive.tensorsFile

  /// The rows and their places in a safetensors file: `rows` [rows, features], `embedding` [rows, nComponents], and
  /// `rate`, the learning rate to go on with.
  public func archive() throws(MaquetteError) -> ModelArchive {
    guard let fitted else {
      throw MaquetteError(.notTrained, "this \(Self.kind) has been neither trained nor loaded yet")
    }
    func tensor(_ matrix: Matrix) -> SafeTensors.Tensor {
      matrix.withUnsafeBufferPointer { SafeTensors.Tensor($0, shape: [matrix.rows, matrix.columns]) }
    }
    let file = SafeTensors(
      tensors: [
        ("rows", tensor(fitted.rows)), ("embedding", tensor(fitted.embedding)),
        ("rate", SafeTensors.Tensor([fitted.rate], shape: [1])),
      ],
      metadata: [("kind", Self.kind), ("version", "1")])
    return ModelArchive(
      format: Self.format,
      // Those it was trained with: they say how new rows are placed.
      metadata: ["parameters": .object(fitted.settings.json)],
      files: [StoredFile(name: Self.file, bytes: file.bytes)])
  }

  public func restore(_ archive: ModelArchive) throws(MaquetteError) {
    try archive.require(format: Self.format)
    let file = try SafeTensors(parsing: try archive.file(Self.file), as: Self.file)
    let features = try file.matrix("rows")
    let placed = try file.matrix("embedding")
    guard features.rows > 0, features.columns > 0, placed.rows == features.rows,
      (1...Embedding.mostDimensions).contains(placed.columns)
    else {
      throw MaquetteError(
        .badFormat, "\(Self.file) must hold rows, and for each of them a place in the embedding",
        name: Self.file)
    }
    // The settings it will have, before anything of this model is changed.
    let parameters = try storedParameters(archive)
    let other = UMAP()
    try other.setParameters(parameters)
    let settings: Settings
    do throws(MaquetteError) { settings = try other.checkedSettings() } catch {
      throw MaquetteError(.badFormat, "the stored model can't be used: \(error.message)", name: error.name)
    }
    guard settings.nComponents == placed.columns else {
      throw MaquetteError(
        .badFormat,
        "the stored embedding has \(placed.columns) dimensions, its parameters say \(settings.nComponents)",
        name: Self.file)
    }
    let rate = file["rate"]?.floats?.first ?? 0
    let fitted = FittedEmbedding(
      rows: features, embedding: placed, settings: settings,
      rate: rate.isFinite ? min(max(rate, 0), 1) : 0,
      distances: try RowDistances(features, metric: settings.metric))
    try setParameters(parameters)
    publish(fitted)
  }
}

extension UMAP.Settings {
  fileprivate var json: JSONObject {
    [
      "nComponents": nComponents.json, "nNeighbors": nNeighbors.json, "minDist": minDist.json,
      "spread": spread.json, "metric": metric.json, "supervised": supervised.json, "epochs": epochs.json,
      "seed": seed.json,
    ]
  }
}
