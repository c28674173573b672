import MaquetteFormats
public import MaquetteStores
public import MaquetteSystem

/// Maquette's own files, for every kind that learns: a safetensors file, whose metadata say `format` ("maquette"), `version` ("1"),
/// `kind`, and as JSON `parameters`, `labels` of a classifier, and `metadata`, all the rest.
///
/// The tensors are those that are stored; of a network `normalization.mean` and `normalization.inverse`, and `kernel`
/// [inputs, units] and `bias` [units] of each layer, in the order of the metadata's `layers`.
public enum SafeTensorsFormat: ModelFileFormat {
  public static let name = "safetensors"
  public static let pathExtension = ".safetensors"
  public static var writtenKinds: [String] { ModelKinds.all.filter { $0.isTrainable }.map { $0.kind } }
  private static let version = "1"

  public static func recognizes(_ files: ModelFiles) -> Bool {
    guard files.files.count == 1, let file = files.files.first else { return false }
    return file.name.lowercased().hasSuffix(pathExtension) || SafeTensors.recognizes(file.bytes)
  }

  public static func files(
    of model: PortableModel, named base: String
  ) throws(MaquetteError) -> [StoredFile] {
    let archive = model.archive
    var file: SafeTensors
    if archive.format == ModelArchive.networkFormat {
      file = SafeTensors(try archive.layersModel())
    } else {
      file = try archive.tensors()
      file.metadata = []
    }
    var metadata = [("format", "maquette"), ("version", version), ("kind", model.kind)] + file.metadata
    var rest: JSONObject = [:]
    for (name, value) in archive.metadata.members {
      switch name {
      case "parameters", "labels": metadata.append((name, value.description))
      case "tfjsModelFormat": break
      default: rest[name] = value
      }
    }
    if !rest.isEmpty { metadata.append(("metadata", JSON.object(rest).description)) }
    file.metadata = metadata
    return [StoredFile(name: base + pathExtension, bytes: file.bytes)]
  }

  public static func model(
    in files: ModelFiles, for kind: String?
  ) throws(MaquetteError) -> PortableModel {
    let given = files.files[0]
    let file = try SafeTensors(parsing: given.bytes, as: quoted(given.name))
    func damaged(_ reason: String) -> MaquetteError {
      MaquetteError(.badFormat, "\(quoted(given.name)) can't be read: \(reason)", name: given.name)
    }
    var words: [String: String] = [:]
    for (name, value) in file.metadata { words[name] = value }
    guard words["format"] == "maquette", let kind = words["kind"] else {
      throw damaged("its metadata do not say that it holds a model of Maquette's, and of which kind")
    }
    guard words["version"] == version else {
      throw damaged("it is of version \(quoted(words["version"] ?? "")), this one knows version \(version)")
    }
    func json(_ name: String) throws(MaquetteError) -> JSON? {
      guard let text = words[name] else { return nil }
      do throws(MaquetteError) { return try JSON(parsing: text, as: "its " + name) } catch {
        throw damaged(error.message)
      }
    }
    var metadata = try json("metadata")?.object ?? [:]
    for name in ["labels", "parameters"] { metadata[name] = try json(name) }
    guard let model = ModelKinds.all.first(where: { $0.kind == kind }) else {
      throw damaged("it holds a model of the kind \(quoted(kind)), which this version doesn't know")
    }
    if model is NetworkModel.Type {
      guard let layers = LayersModel(file, layers: try json("layers")) else {
        throw damaged("it must hold layers, with a kernel and a bias each")
      }
      return PortableModel(kind: kind, archive: ModelArchive(layers, name: kind, metadata: metadata))
    }
    return PortableModel(
      kind: kind,
      archive: ModelArchive(
        format: kind, metadata: metadata,
        files: [StoredFile(name: ModelArchive.tensorsFile, bytes: given.bytes)]))
  }
}
