import MaquetteFormats
public import MaquetteStores
public import MaquetteSystem

/// A form in which models travel as files. A new one is a type in a file of its own, and an entry in
/// ``ModelFileFormats/all``.
public protocol ModelFileFormat: Sendable {
  /// What hosts call it, e.g. `safetensors`.
  static var name: String { get }

  /// How the path of its file ends, e.g. `.safetensors`; of several files, that of the first.
  static var pathExtension: String { get }

  /// The kinds of models that can be written in it; none for a format that is only read.
  static var writtenKinds: [String] { get }

  /// Whether the files are meant to be of this format, as far as a glance tells: they may still be damaged.
  static func recognizes(_ files: ModelFiles) -> Bool

  /// Writes a model of one of the ``writtenKinds``.
  ///
  /// - Parameter base: what the files are called, without an extension.
  /// - Returns: the files; the first is the one that is called `base` and ``pathExtension``.
  static func files(of model: PortableModel, named base: String) throws(MaquetteError) -> [StoredFile]

  /// Reads a model.
  ///
  /// - Parameter kind: that of the model that it is for, where the files leave it open; nil: whichever fits best.
  /// - Throws: ``MaquetteError/Code/badFormat`` with what is missing, of another form or damaged.
  static func model(in files: ModelFiles, for kind: String?) throws(MaquetteError) -> PortableModel
}

/// A fitted model on its way into files or out of them.
public struct PortableModel: Sendable {
  /// E.g. `mlp-classifier`.
  public var kind: String
  /// As the kind archives it; see ``Model/archive()``.
  public var archive: ModelArchive

  public init(kind: String, archive: ModelArchive) {
    self.kind = kind
    self.archive = archive
  }
}

/// The formats of model files that there are.
public enum ModelFileFormats {
  /// In the order in which files are shown to them.
  public static let all: [any ModelFileFormat.Type] = [
    SafeTensorsFormat.self, MarcelleFormat.self, TensorFlowJSFormat.self, FluCoMaFormat.self,
    ONNXFormat.self,
  ]

  /// The one to write a kind in.
  ///
  /// - Parameters:
  ///   - name: of the format; nil: the one that the path's ending tells, else the first that fits, mostly `safetensors`.
  ///   - path: of the file, or nothing.
  /// - Throws: ``MaquetteError/Code/invalidArgument`` for a format that there isn't, ``MaquetteError/Code/unsupported`` for
  ///   one that the kind can't be written in; both list those there are.
  static func writing(_ kind: String, as name: String?, to path: String) throws(MaquetteError)
    -> any ModelFileFormat.Type
  {
    let fitting = all.filter { $0.writtenKinds.contains(kind) }
    let names = fitting.map { $0.name }.joined(separator: ", ")
    if let name {
      if let format = fitting.first(where: { $0.name == name }) { return format }
      guard all.contains(where: { $0.name == name }) else {
        throw MaquetteError(
          .invalidArgument,
          "there is no format \(quoted(name)) for models; a \(kind) can be written as \(names)",
          name: name)
      }
      throw MaquetteError(
        .unsupported, "a \(kind) can't be written as \(name); it can be as \(names)", name: name)
    }
    if let format = fitting.first(where: { path.hasSuffix($0.pathExtension) }) { return format }
    guard let other = all.first(where: { path.hasSuffix($0.pathExtension) }) else {
      return fitting.first ?? SafeTensorsFormat.self
    }
    throw MaquetteError(
      .unsupported,
      "a \(kind) can't be written as \(other.name), as the ending of \(quoted(path)) says; it can be as \(names)",
      name: path)
  }

  /// The model in these files.
  ///
  /// - Parameter kind: that of the model that it is for; nil: whichever.
  /// - Throws: ``MaquetteError/Code/badFormat`` for files of no format that is known here, damaged ones, and those of
  ///   another kind.
  public static func model(in files: ModelFiles, for kind: String? = nil) throws(MaquetteError)
    -> PortableModel
  {
    guard let format = all.first(where: { $0.recognizes(files) }) else {
      if let damage = files.damage { throw damage }
      throw MaquetteError(
        .badFormat,
        "\(files.description) can't be read: no format of models is known here that it could be; there are "
          + all.map { $0.name }.joined(separator: ", "), name: files.description)
    }
    let model = try format.model(in: files, for: kind)
    guard kind ?? model.kind == model.kind else {
      throw MaquetteError(
        .badFormat, "\(files.description) holds a \(model.kind), not a \(kind ?? "")", name: model.kind)
    }
    return model
  }
}
