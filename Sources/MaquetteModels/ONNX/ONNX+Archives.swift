import MaquetteFormats
import MaquetteStores
import MaquetteSystem

extension ModelArchive {
  /// The model in an ONNX file, as its kind archives it.
  ///
  /// - Parameter kind: that of the model that it is for; nil: the one that the file says, else a network of the kind that
  ///   its outputs are of, else ``ONNXModel``.
  /// - Throws: ``MaquetteError/Code/badFormat`` for a damaged file or one of another kind;
  ///   ``MaquetteError/Code/unsupported`` for a graph that is no dense network, naming the operator and where it is.
  static func fromONNX(_ bytes: [UInt8], for wanted: String?) throws(MaquetteError) -> (
    kind: String, archive: ModelArchive
  ) {
    guard wanted != ONNXModel.kind else { return foreign(bytes) }
    let model = try ONNX.Model(parsing: bytes)
    let written = model[metadata: ONNXMetadata.kind]
    if let written, let wanted, written != wanted {
      throw MaquetteError(.badFormat, "the ONNX file holds a \(written), not a \(wanted)", name: written)
    }
    switch wanted ?? written {
    case MLPClassifier.kind?: return (MLPClassifier.kind, try classifier(model))
    case MLPRegressor.kind?: return (MLPRegressor.kind, try regressor(model))
    case KNNClassifier.kind? where written != nil, KNNRegressor.kind? where written != nil:
      return (written ?? "", try neighbours(model, written ?? ""))
    case KMeansClustering.kind? where written != nil: return (KMeansClustering.kind, try clusters(model))
    case PCA.kind? where written != nil: return (PCA.kind, try components(model))
    case let kind?:
      throw MaquetteError(
        .unsupported, "the ONNX file holds no \(kind): only those that Maquette has written are read",
        name: kind)
    case nil:
      let network: ONNXNetwork
      do throws(MaquetteError) {
        network = try ONNXNetwork(model)
      } catch  where error.code == .unsupported {
        return foreign(bytes)
      }
      return network.isClassifier
        ? (MLPClassifier.kind, try classifier(model)) : (MLPRegressor.kind, try regressor(model))
    }
  }

  /// Whatever there is in the file, to be run as it is.
  private static func foreign(_ bytes: [UInt8]) -> (kind: String, archive: ModelArchive) {
    let file = StoredFile(name: ONNXModel.file, bytes: bytes)
    return (ONNXModel.kind, ModelArchive(format: ONNXModel.kind, metadata: [:], files: [file]))
  }

  private static func classifier(_ model: ONNX.Model) throws(MaquetteError) -> ModelArchive {
    let (network, labels) = try ONNXNetwork(model).classifier()
    var metadata = try model.archiveMetadata()
    metadata["labels"] = .array(labels.map { .string($0) })
    return ModelArchive(network, name: MLPClassifier.kind, metadata: metadata)
  }

  private static func regressor(_ model: ONNX.Model) throws(MaquetteError) -> ModelArchive {
    ModelArchive(
      try ONNXNetwork(model).regressor(), name: MLPRegressor.kind, metadata: try model.archiveMetadata())
  }

  private static func neighbours(_ model: ONNX.Model, _ kind: String) throws(MaquetteError) -> ModelArchive {
    let rows = try model.tensor("rows")
    let ids = (try model.learned()["ids"]?.array ?? []).compactMap(\.number)
    var tensors = [("rows", try rows.stored())]
    if !ids.isEmpty { tensors.append(("ids", SafeTensors.Tensor(doubles: ids, shape: [ids.count]))) }
    if kind == KNNRegressor.kind {
      tensors.append(("targets", try model.tensor("targets").stored()))
    } else {
      let codes = try model.tensor("codes").integers().map { Int32(clamping: $0) }
      tensors.append(("labels", SafeTensors.Tensor(codes, shape: [codes.count])))
    }
    return archive(kind, tensors, try model.archiveMetadata())
  }

  private static func clusters(_ model: ONNX.Model) throws(MaquetteError) -> ModelArchive {
    let learned = try model.learned()
    let counts = (learned["counts"]?.array ?? []).compactMap(\.number)
    return archive(
      KMeansClustering.kind,
      [
        ("centers", try model.tensor("centers").stored()),
        ("counts", SafeTensors.Tensor(doubles: counts, shape: [counts.count])),
        ("clusters", SafeTensors.Tensor([Int32](), shape: [0])),
        ("inertia", SafeTensors.Tensor(doubles: [learned["inertia"]?.number ?? 0], shape: [1])),
      ], try model.archiveMetadata())
  }

  private static func components(_ model: ONNX.Model) throws(MaquetteError) -> ModelArchive {
    let learned = try model.learned()
    let variances = (learned["explainedVariance"]?.array ?? []).compactMap(\.number).map { Float($0) }
    let mean = try model.tensor("mean").floats()
    return archive(
      PCA.kind,
      [
        ("components", try model.tensor("components").stored()),
        ("mean", SafeTensors.Tensor(mean, shape: [1, mean.count])),
        ("explainedVariance", SafeTensors.Tensor(variances, shape: [1, variances.count])),
        ("totalVariance", SafeTensors.Tensor(doubles: [learned["totalVariance"]?.number ?? 0], shape: [1])),
      ], try model.archiveMetadata())
  }

  private static func archive(
    _ kind: String, _ tensors: [(String, SafeTensors.Tensor)], _ metadata: JSONObject
  ) -> ModelArchive {
    let file = SafeTensors(tensors: tensors, metadata: [("kind", kind), ("version", "1")])
    return ModelArchive(
      format: kind, metadata: metadata, files: [StoredFile(name: "model.safetensors", bytes: file.bytes)])
  }
}

extension ONNX.Model {
  /// What Maquette has written beside the graph; nothing where others wrote it.
  ///
  /// - Throws: ``MaquetteError/Code/badFormat``.
  fileprivate func archiveMetadata() throws(MaquetteError) -> JSONObject { try object(ONNXMetadata.archive) }

  fileprivate func learned() throws(MaquetteError) -> JSONObject { try object(ONNXMetadata.extra) }

  private func object(_ name: String) throws(MaquetteError) -> JSONObject {
    guard let text = self[metadata: name] else { return [:] }
    guard let object = try? JSON(parsing: Array(text.utf8), as: name).object else {
      throw MaquetteError(
        .badFormat, "the ONNX file's metadata \(name) must be an object in JSON", name: name)
    }
    return object
  }

  fileprivate func tensor(_ name: String) throws(MaquetteError) -> ONNX.Tensor {
    guard let tensor = graph.initializers.first(where: { $0.name == name }) else {
      throw MaquetteError(
        .badFormat, "the ONNX file can't be read: its tensor \(name) is missing", name: name)
    }
    return tensor
  }
}

extension ONNX.Tensor {
  /// As 32-bit floats.
  fileprivate func stored() throws(MaquetteError) -> SafeTensors.Tensor {
    SafeTensors.Tensor(try floats(), shape: shape)
  }
}
