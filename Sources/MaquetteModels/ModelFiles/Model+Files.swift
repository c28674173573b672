public import MaquetteFormats
public import MaquetteStores
public import MaquetteSystem

extension Model {
  /// Writes the fitted model into a file, or as many as the format needs, one beside the other. What was there is replaced
  /// when the new files are complete.
  ///
  /// - Parameters:
  ///   - path: of the file, or of a folder: then the file is called as the kind.
  ///   - format: one of ``ModelFileFormats``; nil: the one that the path's ending tells, else `safetensors`.
  ///   - metadata: whatever the host wants to keep with it, in formats that have a place for it.
  /// - Returns: the paths of the files.
  /// - Throws: ``MaquetteError/Code/notTrained``, ``MaquetteError/Code/invalidArgument`` for a format that there isn't,
  ///   ``MaquetteError/Code/unsupported`` for one that this kind can't be written in, ``MaquetteError/Code/inputOutput``,
  ///   ``MaquetteError/Code/full``.
  @discardableResult
  public func download(
    to path: String, as format: String? = nil, metadata: JSONObject = [:]
  ) throws(MaquetteError) -> [String] {
    let isFolder = Files.isFolder(path)
    let format = try ModelFileFormats.writing(Self.kind, as: format, to: isFolder ? "" : path)
    let path = isFolder ? path.without(ending: "/") + "/" + Self.kind + format.pathExtension : path
    let model = PortableModel(kind: Self.kind, archive: try archive(with: metadata))
    let base = path.fileName.without(ending: format.pathExtension)
    let files = try format.files(of: model, named: base)
    let paths = files.enumerated().map { $0 == 0 ? path : path.folder + $1.name }
    try Files.write(zip(paths, files).map { ($0, $1.bytes) })
    return paths
  }

  /// The files that ``download(to:as:metadata:)`` writes.
  ///
  /// - Parameters:
  ///   - format: one of ``ModelFileFormats``.
  ///   - base: what the files are called, without an extension; nil: as the kind.
  /// - Throws: as ``download(to:as:metadata:)``, except for what the disk has to say.
  public func downloaded(
    as format: String = "safetensors", named base: String? = nil, metadata: JSONObject = [:]
  ) throws(MaquetteError) -> [StoredFile] {
    let format = try ModelFileFormats.writing(Self.kind, as: format, to: "")
    let model = PortableModel(kind: Self.kind, archive: try archive(with: metadata))
    return try format.files(of: model, named: base ?? Self.kind)
  }

  /// Loads the model of this kind that is in files: weights, labels and parameters.
  ///
  /// `$training` says `loading`, then `loaded` from a `file`, or `error`; on an error the model is as it was. A synced
  /// model is saved then.
  ///
  /// - Parameter paths: of one file, or of as many as the format needs, in any order.
  /// - Returns: what the files tell about it: `{name, kind, format, metadata, files, size}`.
  /// - Throws: ``MaquetteError/Code/badFormat`` for files of no format that is known here, damaged ones, and a model of
  ///   another kind; ``MaquetteError/Code/inputOutput``, ``MaquetteError/Code/busy``.
  @discardableResult
  public func upload(from paths: [String]) throws(MaquetteError) -> StoredModel {
    try upload { () throws(MaquetteError) in try ModelFiles(reading: paths) }
  }

  /// Loads the model of this kind that is in files in memory; see ``upload(from:)-([String])``.
  @discardableResult
  public func upload(_ files: [StoredFile]) throws(MaquetteError) -> StoredModel {
    try upload { () throws(MaquetteError) in try ModelFiles(files) }
  }

  private func upload(
    _ read: () throws(MaquetteError) -> ModelFiles
  ) throws(MaquetteError) -> StoredModel {
    try trainer.exclusively { () throws(MaquetteError) in
      try loading { () throws(MaquetteError) in
        let files = try read()
        let model = try ModelFileFormats.model(in: files, for: Self.kind)
        trainer.letOthersWait()
        try restore(model.archive)
        return (
          TrainingStatus(.loaded, data: ["source": "file"]), StoredModel(model, from: files)
        )
      }
    }
  }
}

extension ModelKinds {
  /// A new model of the kind that is in these files, with what they hold.
  ///
  /// - Throws: as ``Model/upload(from:)-([String])``.
  public static func model(from files: ModelFiles) throws(MaquetteError) -> any Model {
    let found = try ModelFileFormats.model(in: files)
    let model = try named(found.kind).init()
    try model.trainer.exclusively { () throws(MaquetteError) in
      try model.loading { () throws(MaquetteError) in
        model.trainer.letOthersWait()
        try model.restore(found.archive)
        return (TrainingStatus(.loaded, data: ["source": "file"]), ())
      }
    }
    return model
  }
}

extension StoredModel {
  fileprivate init(_ model: PortableModel, from files: ModelFiles) {
    let first = files.files.first?.name ?? ""
    let name = first.utf8.lastIndex(of: UInt8(ascii: ".")).map { String(first[..<$0]) } ?? first
    self.init(document: [
      "name": .string(name), "kind": .string(model.kind), "format": .string(model.archive.format),
      "metadata": .object(model.archive.metadata), "files": .array(files.files.map { .string($0.name) }),
      "size": JSON(files.files.reduce(0) { $0 + $1.bytes.count }),
    ])
  }
}
