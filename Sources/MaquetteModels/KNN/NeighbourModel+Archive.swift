import MaquetteFormats
import MaquetteKernels
import MaquetteStores
public import MaquetteSystem

/// The rows as they were learned, in a safetensors file: `rows` [rows, features], `ids`, and `labels`, the index of each
/// row's label, or `targets`. Marcelle keeps them as JSON numbers in the document, which takes ten times the space and
/// the time.
private let rowsFile = ModelArchive.tensorsFile

extension KNNClassifier {
  public func archive() throws(MaquetteError) -> ModelArchive {
    guard let fitted = published.current else { throw notTrained }
    return ModelArchive(
      fitted.remembered, "labels", SafeTensors.Tensor(fitted.codes, shape: [fitted.codes.count]),
      kind: Self.kind,
      metadata: [
        "labels": .array(fitted.labels.map { .string($0) }), "parameters": .object(parameterValues),
      ])
  }

  public func restore(_ archive: ModelArchive) throws(MaquetteError) {
    let labels = try archive.labels()
    let (file, rows, ids) = try archive.remembered(Self.kind)
    guard let codes = file["labels"]?.integers, codes.count == rows.rows,
      codes.allSatisfy({ $0 >= 0 && Int($0) < labels.count })
    else {
      throw MaquetteError(
        .badFormat, "\(rowsFile) must hold rows, and for each of them the index of one of the labels",
        name: rowsFile)
    }
    // The settings it will have, before anything of this model is changed.
    let parameters = try storedParameters(archive)
    let other = KNNClassifier()
    try other.setParameters(parameters)
    let remembered = try RememberedRows(rows, ids: ids, settings: try other.checkedSettings())
    try setParameters(parameters)
    try publish(FittedNeighbours(remembered, codes: codes, labels: labels))
  }
}

extension KNNRegressor {
  public func archive() throws(MaquetteError) -> ModelArchive {
    guard let fitted = published.current else { throw notTrained }
    return ModelArchive(
      fitted.remembered, "targets", SafeTensors.Tensor(fitted.targets), kind: Self.kind,
      metadata: ["parameters": .object(parameterValues)])
  }

  public func restore(_ archive: ModelArchive) throws(MaquetteError) {
    let (file, rows, ids) = try archive.remembered(Self.kind)
    let targets = try file.matrix("targets")
    guard targets.rows == rows.rows, targets.columns > 0 else {
      throw MaquetteError(
        .badFormat, "\(rowsFile) must hold rows, and targets for each of them", name: rowsFile)
    }
    let parameters = try storedParameters(archive)
    let other = KNNRegressor()
    try other.setParameters(parameters)
    let remembered = try RememberedRows(rows, ids: ids, settings: try other.checkedSettings())
    try setParameters(parameters)
    try publish(FittedNeighbourTargets(remembered, targets: targets))
  }
}

extension ModelArchive {
  fileprivate init(
    _ remembered: RememberedRows, _ name: String, _ answers: SafeTensors.Tensor, kind: String,
    metadata: JSONObject
  ) {
    let file = SafeTensors(
      tensors: [
        ("rows", SafeTensors.Tensor(remembered.rows)),
        (
          "ids", SafeTensors.Tensor(doubles: remembered.ids.map { Double($0) }, shape: [remembered.ids.count])
        ),
        (name, answers),
      ],
      metadata: [("kind", kind), ("version", "1")])
    self.init(format: kind, metadata: metadata, files: [StoredFile(name: rowsFile, bytes: file.bytes)])
  }

  /// The file, its rows and their ids.
  ///
  /// - Throws: ``MaquetteError/Code/badFormat``, ``MaquetteError/Code/outOfMemory``.
  fileprivate func remembered(_ kind: String) throws(MaquetteError) -> (SafeTensors, Matrix, [Int]) {
    try require(format: kind)
    let file = try SafeTensors(parsing: try self.file(rowsFile), as: rowsFile)
    let rows = try file.matrix("rows")
    func damaged() -> MaquetteError {
      MaquetteError(.badFormat, "\(rowsFile) must hold rows with ascending ids", name: rowsFile)
    }
    guard rows.rows > 0, rows.columns > 0 else { throw damaged() }
    let ids = (file["ids"]?.doubles ?? (0..<rows.rows).map { Double($0) }).compactMap { Int(exactly: $0) }
    // The next row gets the number after the last one's.
    guard ids.count == rows.rows, (ids.first ?? 0) >= 0, (ids.last ?? 0) < 1 << 53,
      zip(ids, ids.dropFirst()).allSatisfy({ $0 < $1 })
    else { throw damaged() }
    return (file, rows, ids)
  }
}
