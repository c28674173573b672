import MaquetteFormats
import MaquetteKernels
import MaquetteStores
public import MaquetteSystem

extension KNNClassifier {
  private static let format = "knn-classifier"
  private static let rowsFile = "model.safetensors"

  /// The rows as they were learned, in a safetensors file: `rows` [rows, features] and `labels`, the index of each
  /// row's label. Marcelle keeps them as JSON numbers in the document, which takes ten times the space and the time.
  public func archive() throws(MaquetteError) -> ModelArchive {
    guard let fitted = neighbours else {
      throw MaquetteError(.notTrained, "this \(Self.kind) has been neither trained nor loaded yet")
    }
    let rows = fitted.rows.withUnsafeBufferPointer {
      SafeTensors.Tensor($0, shape: [fitted.rows.rows, fitted.rows.columns])
    }
    let file = SafeTensors(
      tensors: [
        ("rows", rows), ("labels", SafeTensors.Tensor(fitted.codes, shape: [fitted.codes.count])),
      ],
      metadata: [("kind", Self.kind), ("version", "1")])
    return ModelArchive(
      format: Self.format,
      metadata: [
        "labels": .array(fitted.labels.map { .string($0) }), "parameters": .object(parameterValues),
      ],
      files: [StoredFile(name: Self.rowsFile, bytes: file.bytes)])
  }

  public func restore(_ archive: ModelArchive) throws(MaquetteError) {
    try archive.require(format: Self.format)
    let labels = try archive.labels()
    let file = try SafeTensors(parsing: try archive.file(Self.rowsFile), as: Self.rowsFile)
    guard let rows = file["rows"], let values = rows.floats, rows.shape.count == 2, rows.shape[0] > 0,
      let codes = file["labels"]?.integers, codes.count == rows.shape[0],
      codes.allSatisfy({ $0 >= 0 && Int($0) < labels.count })
    else {
      throw MaquetteError(
        .badFormat, "\(Self.rowsFile) must hold rows, and for each of them the index of one of the labels",
        name: Self.rowsFile)
    }
    let features = try Matrix(rows: rows.shape[0], columns: rows.shape[1], values)
    try features.requireFinite()
    // The settings it will have, before anything of this model is changed.
    let parameters = try storedParameters(archive)
    let other = KNNClassifier()
    try other.setParameters(parameters)
    let fitted = try FittedNeighbours(
      features: features, codes: codes, labels: labels, settings: try other.checkedSettings())
    try setParameters(parameters)
    try publish(fitted)
  }
}
