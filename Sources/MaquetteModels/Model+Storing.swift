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

/// What a store keeps of a saved model, without the weights.
public struct StoredModel: Sendable {
  public let document: JSONObject
  public var id: String { document["id"]?.string ?? "" }
  public var name: String { document["name"]?.string ?? "" }
}

extension Model {
  /// Saves the fitted model, its weights with it, in one step: all of it is in the store afterwards, or nothing.
  ///
  /// - Parameters:
  ///   - name: to load it by; several may have the same.
  ///   - metadata: whatever the host wants to keep with it.
  ///   - id: a saved model to replace; nil: a new one.
  /// - Returns: the id.
  /// - Throws: ``MaquetteError/Code/notTrained``, ``MaquetteError/Code/notFound`` for an id that is not there, or the
  ///   store's error.
  @discardableResult
  public func save(
    in store: DataStore, name: String, metadata: JSONObject = [:], id: String? = nil
  ) throws(MaquetteError) -> String {
    guard !name.isEmpty else { throw MaquetteError(.invalidArgument, "a saved model needs a name") }
    let archive = try archive()
    var combined = metadata
    for (name, value) in archive.metadata.members { combined[name] = value }
    let document: JSONObject = [
      "name": .string(name), "url": "", "format": .string(archive.format), "metadata": .object(combined),
    ]
    let service = try store.service(Self.service)
    let stored =
      if let id {
        try service.replace(id, with: document, files: archive.files)
      } else {
        try service.create(document, files: archive.files)
      }
    return stored["id"]?.string ?? ""
  }

  /// Loads a saved model: weights, labels and parameters. The id is looked up first, then the name, the latest of it.
  ///
  /// `$training` says `loading`, then `loaded` or `error`; on an error the model is as it was.
  ///
  /// - Throws: ``MaquetteError/Code/notFound``, ``MaquetteError/Code/badFormat``, ``MaquetteError/Code/busy``, or the
  ///   store's error.
  @discardableResult
  public func load(from store: DataStore, _ idOrName: String) throws(MaquetteError) -> StoredModel {
    try trainer.exclusively { () throws(MaquetteError) in
      trainingStream.set(TrainingStatus(.loading))
      do throws(MaquetteError) {
        // Asking for a service makes it; reading must not write.
        guard try store.contains(Self.service) else { throw Self.missing(idOrName) }
        let service = try store.service(Self.service)
        let document = try Self.document(idOrName, in: service)
        try restore(try Self.archive(of: document, in: service))
        let url = service.name + "/" + (document["id"]?.string ?? "")
        trainingStream.set(
          TrainingStatus(.loaded, data: ["source": "datastore", "url": .string(url)]))
        return StoredModel(document: document)
      } catch {
        trainingStream.set(
          TrainingStatus(
            .error, data: ["error": .string(error.message), "code": .number(Double(error.code.rawValue))]))
        throw error
      }
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

  private static func archive(of document: JSONObject, in service: Service) throws(MaquetteError)
    -> ModelArchive
  {
    var files: [StoredFile] = []
    for entry in document["files"]?.array ?? [] {
      guard let parts = entry.array, parts.count == 2, let name = parts[0].string, let path = parts[1].string
      else {
        throw MaquetteError(
          .badFormat, "the stored model's list of files must hold pairs of a name and a path")
      }
      files.append(StoredFile(name: name, bytes: try service.file(at: path)))
    }
    return ModelArchive(
      format: document["format"]?.string ?? "", metadata: document["metadata"]?.object ?? [:], files: files)
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
