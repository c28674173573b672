import MaquetteFormats
public import MaquetteStores
public import MaquetteSystem

/// ONNX, for every engine and tool that reads it: networks, neighbours, clusters and components as graphs of its
/// operators, with kind, parameters and labels beside them, so that they come back as what they were.
///
/// Dense networks of others are read too, as PyTorch and scikit-learn (skl2onnx) export them; any other file is a model of
/// the kind ``ONNXModel``.
public enum ONNXFormat: ModelFileFormat {
  public static let name = "onnx"
  public static let pathExtension = ".onnx"
  public static let writtenKinds = ModelArchive.onnxKinds + [ONNXModel.kind]

  public static func recognizes(_ files: ModelFiles) -> Bool {
    guard files.files.count == 1, let file = files.files.first else { return false }
    return file.name.lowercased().hasSuffix(pathExtension) || ONNX.recognizes(file.bytes)
  }

  public static func files(
    of model: PortableModel, named base: String
  ) throws(MaquetteError) -> [StoredFile] {
    let isForeign = model.kind == ONNXModel.kind
    let bytes =
      isForeign ? try model.archive.file(ONNXModel.file) : try model.archive.onnx(kind: model.kind)
    return [StoredFile(name: base + pathExtension, bytes: bytes)]
  }

  public static func model(
    in files: ModelFiles, for kind: String?
  ) throws(MaquetteError) -> PortableModel {
    let (found, archive) = try ModelArchive.fromONNX(files.files[0].bytes, for: kind)
    return PortableModel(kind: found, archive: archive)
  }
}
