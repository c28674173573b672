public import MaquetteFormats
public import MaquetteStores
import MaquetteStreams
public import MaquetteSystem

/// A fitted model in the form in which it is stored.
public struct ModelArchive: Sendable {
  /// Of the files: `tfjs`, `knn-classifier`, …
  public var format: String
  public var metadata: JSONObject
  public var files: [StoredFile]

  public init(format: String, metadata: JSONObject, files: [StoredFile]) {
    self.format = format
    self.metadata = metadata
    self.files = files
  }

  /// The bytes of a file.
  ///
  /// - Throws: ``MaquetteError/Code/badFormat`` where it is missing.
  func file(_ name: String) throws(MaquetteError) -> [UInt8] {
    guard let file = files.first(where: { $0.name == name }) else {
      throw MaquetteError(.badFormat, "the stored model has no file \(name)", name: name)
    }
    return file.bytes
  }
}

extension Model {
  /// Saves the fitted model, its weights with it and a checksum of all, in one step: all of it is in the store
  /// afterwards, or nothing.
  ///
  /// - Parameters:
  ///   - name: to load it by; several may have the same.
  ///   - metadata: whatever the host wants to keep with it.
  ///   - id: a saved model to replace; nil: a new one.
  ///   - history: how many models of the name stay, this one among them: those that were saved before go, in the same
  ///     step. nil: all of them stay.
  /// - Returns: the id.
  /// - Throws: ``MaquetteError/Code/notTrained``, ``MaquetteError/Code/notFound`` for an id that is not there,
  ///   ``MaquetteError/Code/invalidArgument`` for no name or a history of less than 1, or the store's error.
  @discardableResult
  public func save(
    in store: DataStore, name: String, metadata: JSONObject = [:], id: String? = nil, history: Int? = nil
  ) throws(MaquetteError) -> String {
    try Self.check(name: name, history: history)
    let (document, files) = try document(name, metadata, madeAt: .now())
    let stored = try store.service(Self.service).store(document, files: files, keeping: history) { _ in
      id.map { .inPlaceOf($0) } ?? .beside
    }
    return stored?["id"]?.string ?? ""
  }

  /// - Throws: ``MaquetteError/Code/invalidArgument``.
  static func check(name: String, history: Int?) throws(MaquetteError) {
    guard !name.isEmpty else { throw MaquetteError(.invalidArgument, "a saved model needs a name") }
    guard history ?? 1 > 0 else {
      throw MaquetteError(
        .invalidArgument, "history is \(history ?? 0); at least the model itself must stay: 1 or more",
        name: "history")
    }
  }

  /// What is stored of the fitted model.
  ///
  /// - Parameter date: when the model came to be what it is, which tells which of two is newer.
  func document(
    _ name: String, _ metadata: JSONObject, madeAt date: Timestamp
  ) throws(MaquetteError) -> (document: JSONObject, files: [StoredFile]) {
    let archive = try archive(with: metadata)
    let document: JSONObject = [
      "name": .string(name), "url": "", "kind": .string(Self.kind), "format": .string(archive.format),
      "metadata": .object(archive.metadata), "checksum": .string(archive.checksum),
      "size": JSON(archive.size),
      "trainedAt": .string(date.description),
    ]
    return (document, archive.files)
  }

  /// The fitted model as it is stored, with what the host wants to keep with it.
  ///
  /// - Throws: ``MaquetteError/Code/notTrained``.
  func archive(with metadata: JSONObject) throws(MaquetteError) -> ModelArchive {
    var archive = try archive()
    var combined = metadata
    for (name, value) in archive.metadata.members { combined[name] = value }
    archive.metadata = combined
    return archive
  }

  /// Loads a saved model: weights, labels and parameters. The id is looked up first, then the name, the latest of it.
  ///
  /// `$training` says `loading`, then `loaded` or `error`; on an error the model is as it was.
  ///
  /// - Throws: ``MaquetteError/Code/notFound``, ``MaquetteError/Code/badFormat``, also for one that is not what was
  ///   saved, ``MaquetteError/Code/busy``, or the store's error.
  @discardableResult
  public func load(from store: DataStore, _ idOrName: String) throws(MaquetteError) -> StoredModel {
    try trainer.exclusively { () throws(MaquetteError) in
      try loading { () throws(MaquetteError) in
        // Asking for a service makes it; reading must not write.
        guard try store.contains(Self.service) else { throw Self.missing(idOrName) }
        let document = try Self.document(idOrName, in: try store.service(Self.service))
        let archive = try Self.archive(of: document, in: store)
        return (try restore(archive, of: document, in: store, by: nil), StoredModel(document: document))
      }
    }
  }

  /// Loads a saved model for a synchronization. The host does not know of it, so nothing of the host's is refused because
  /// of it: a training that begins while the model is read makes this fail, one that begins later waits a moment.
  ///
  /// - Parameter isOutdated: asked once no training goes on and none can begin: where it is true, nothing is loaded.
  /// - Returns: whether it was loaded.
  /// - Throws: what reading meets, of which `$training` does not hear; otherwise as ``load(from:_:)``.
  func load(
    _ document: JSONObject, from store: DataStore, by synchronization: ModelSynchronization,
    unless isOutdated: () -> Bool
  ) throws(MaquetteError) -> Bool {
    let archive = try Self.archive(of: document, in: store)
    return try trainer.exclusively(briefly: true) { () throws(MaquetteError) in
      if isOutdated() { return false }
      return try loading { () throws(MaquetteError) in
        (try restore(archive, of: document, in: store, by: synchronization), true)
      }
    }
  }

  /// Makes an archive the model.
  ///
  /// - Returns: what `$training` is to say then.
  private func restore(
    _ archive: ModelArchive, of document: JSONObject, in store: DataStore,
    by synchronization: ModelSynchronization?
  ) throws(MaquetteError) -> TrainingStatus {
    trainer.letOthersWait()
    try restore(archive)
    let version = ModelVersion(document)
    var status = TrainingStatus(
      .loaded, data: ["source": "datastore", "url": .string(Self.service + "/" + version.id)])
    status.origin = ModelOrigin(
      store: ObjectIdentifier(store), version: version,
      synchronization: synchronization.map { ObjectIdentifier($0) })
    return status
  }

  /// Tells `$training` what a loading does: `loading`, then the status that it ends with, or its error.
  ///
  /// Only inside of ``Trainer/exclusively(briefly:_:)``.
  func loading<Result>(
    _ load: () throws(MaquetteError) -> (TrainingStatus, Result)
  ) throws(MaquetteError) -> Result {
    trainingStream.set(TrainingStatus(.loading))
    do throws(MaquetteError) {
      let (status, result) = try load()
      trainer.letOthersWait()
      trainingStream.set(status)
      return result
    } catch {
      trainer.letOthersWait()
      trainingStream.set(
        TrainingStatus(
          .error, data: ["error": .string(error.message), "code": .number(Double(error.code.rawValue))]))
      throw error
    }
  }

  private static func document(_ idOrName: String, in service: Service) throws(MaquetteError) -> JSONObject {
    do throws(MaquetteError) {
      return try service.get(idOrName)
    } catch  where error.code == .notFound {
      if let document = try service.newest(named: idOrName) { return document }
      throw missing(idOrName)
    }
  }

  private static func missing(_ idOrName: String) -> MaquetteError {
    MaquetteError(.notFound, "no saved \(kind) has the id or the name \(quoted(idOrName))", name: idOrName)
  }

  /// The files of a document, checked.
  private static func archive(of document: JSONObject, in store: DataStore) throws(MaquetteError)
    -> ModelArchive
  {
    let service = try store.service(Self.service)
    var files: [StoredFile] = []
    for entry in document["files"]?.array ?? [] {
      guard let parts = entry.array, parts.count == 2, let name = parts[0].string, let path = parts[1].string
      else {
        throw MaquetteError(
          .badFormat, "the stored model's list of files must hold pairs of a name and a path")
      }
      files.append(StoredFile(name: name, bytes: try service.file(at: path)))
    }
    let archive = ModelArchive(
      format: document["format"]?.string ?? "", metadata: document["metadata"]?.object ?? [:], files: files)
    try archive.check(document["checksum"], of: ModelVersion(document).id)
    return archive
  }
}

extension ModelArchive {
  /// - Throws: ``MaquetteError/Code/badFormat`` unless the format is this one.
  func require(format expected: String) throws(MaquetteError) {
    guard format == expected else {
      throw MaquetteError(
        .badFormat, "the stored model has the format \(quoted(format)), not \"\(expected)\"", name: format)
    }
  }

  /// The labels the model was trained with.
  ///
  /// - Throws: ``MaquetteError/Code/badFormat`` unless there are two or more different strings.
  func labels() throws(MaquetteError) -> [String] {
    let labels = metadata["labels"]?.array?.compactMap(\.string) ?? []
    guard labels.count >= 1, labels.count == metadata["labels"]?.array?.count,
      Set(labels).count == labels.count
    else { throw MaquetteError(.badFormat, "the stored model's metadata.labels must be different strings") }
    return labels
  }
}

extension Model {
  /// The parameters that came with a stored model: those this version knows, checked.
  ///
  /// - Throws: ``MaquetteError/Code/badFormat`` for a value that this version can't use.
  func storedParameters(_ archive: ModelArchive) throws(MaquetteError) -> JSONObject {
    let parameters = parameters
    var known: JSONObject = [:]
    for (name, value) in archive.metadata["parameters"]?.object?.members ?? [] {
      guard let parameter = parameters.first(where: { $0.name == name }) else { continue }
      do throws(MaquetteError) {
        try parameter.check(value)
      } catch {
        throw MaquetteError(.badFormat, "the stored model can't be used: \(error.message)", name: name)
      }
      known[name] = value
    }
    return known
  }
}
