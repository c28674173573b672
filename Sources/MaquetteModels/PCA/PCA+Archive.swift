import MaquetteFormats
import MaquetteKernels
import MaquetteStores
public import MaquetteSystem

extension PCA {
  private static let file = ModelArchive.tensorsFile
  /// The products of more features would take more than 8 MB in the store.
  private static let mostStored = 1024

  /// A safetensors file: `components` [components, features], `mean`, `explainedVariance` and, for rows that come on top
  /// later, `scatter` and its `moments` in doubles.
  public func archive() throws(MaquetteError) -> ModelArchive {
    guard let fitted = published.current else { throw notTrained }
    var tensors: [(String, SafeTensors.Tensor)] = [
      ("components", SafeTensors.Tensor(fitted.components)), ("mean", SafeTensors.Tensor(fitted.mean)),
      ("explainedVariance", SafeTensors.Tensor(fitted.explainedVariance)),
    ]
    tensors.append(("totalVariance", SafeTensors.Tensor(doubles: [fitted.totalVariance], shape: [1])))
    if let covariance = fitted.covariance, covariance.columns <= Self.mostStored {
      tensors.append(
        ("scatter", SafeTensors.Tensor(doubles: covariance.scatter, shape: [covariance.scatter.count])))
      tensors.append(
        (
          "moments",
          SafeTensors.Tensor(
            doubles: [Double(covariance.count)] + covariance.mean, shape: [covariance.columns + 1])
        ))
    }
    let bytes = SafeTensors(tensors: tensors, metadata: [("kind", Self.kind), ("version", "1")]).bytes
    return ModelArchive(
      format: Self.kind,
      metadata: ["parameters": .object(parameterValues), "whiten": .bool(fitted.whiten)],
      files: [StoredFile(name: Self.file, bytes: bytes)])
  }

  public func restore(_ archive: ModelArchive) throws(MaquetteError) {
    try archive.require(format: Self.kind)
    let file = try SafeTensors(parsing: try archive.file(Self.file), as: Self.file)
    let components = try file.matrix("components")
    let mean = try file.matrix("mean")
    let variances = try file.matrix("explainedVariance")
    guard components.rows > 0, mean.rows == 1, mean.columns == components.columns, variances.rows == 1,
      variances.columns == components.rows, let total = file["totalVariance"]?.doubles?.first, total.isFinite
    else {
      throw MaquetteError(
        .badFormat, "\(Self.file) must hold components, a mean and variances", name: Self.file)
    }
    var covariance: Covariance?
    if let scatter = file["scatter"]?.doubles, let moments = file["moments"]?.doubles {
      guard moments.count == components.columns + 1, scatter.count == components.columns * components.columns,
        (scatter + moments).allSatisfy(\.isFinite), let count = moments.first.flatMap({ Int(exactly: $0) }),
        (1..<1 << 53).contains(count)
      else { throw MaquetteError(.badFormat, "\(Self.file) holds a damaged scatter", name: Self.file) }
      covariance = Covariance(count: count, mean: Array(moments.dropFirst()), scatter: scatter)
    }
    let parameters = try storedParameters(archive)
    let fitted = try FittedComponents(
      components: components, mean: mean, variances: variances[row: 0], total: total,
      whiten: archive.metadata["whiten"]?.bool ?? false, covariance: covariance)
    try setParameters(parameters)
    published.publish(fitted)
  }
}
