public import MaquetteFormats
public import MaquetteStores
public import MaquetteSystem

/// What a store keeps of a saved model, without the weights.
public struct StoredModel: Sendable {
  /// `{id, name, kind, format, metadata, files, checksum, size, trainedAt, createdAt, updatedAt}`.
  public let document: JSONObject
  public var id: String { document["id"]?.string ?? "" }
  public var name: String { document["name"]?.string ?? "" }
  /// The kind of the model, e.g. `mlp-classifier`; empty where nobody can tell.
  public var kind: String { document["kind"]?.string ?? "" }
  /// The bytes of its files; nil where they were not counted.
  public var size: Int? { document["size"]?.number.flatMap { Int(exactly: $0) } }

  init(document: JSONObject) { self.document = document }

  /// A document of a service, with what those of others lack.
  init(_ document: JSONObject, in service: Service) throws(MaquetteError) {
    var document = document
    if document["kind"]?.string == nil {
      let kinds = ModelKinds.all.filter { $0.service == service.name }
      // Marcelle's networks are of two kinds; labels are what a classifier has.
      let hasLabels = document["metadata"]?.object?["labels"]?.array?.isEmpty == false
      let kind =
        kinds.count == 1
        ? kinds.first : kinds.first { ($0.task == .classification) == hasLabels }
      document["kind"] = kind.map { .string($0.kind) }
    }
    if document["size"]?.number == nil {
      var size = 0
      for entry in document["files"]?.array ?? [] {
        if let path = entry.array?.last?.string { size += try service.file(at: path).count }
      }
      document["size"] = JSON(size)
    }
    self.document = document
  }
}

extension DataStore {
  /// The services that saved models are in, of those that are there.
  private func modelServices(_ kind: String?) throws(MaquetteError) -> [Service] {
    let names = try kind.map { (kind) throws(MaquetteError) in [try ModelKinds.named(kind).service] }
    var services: [Service] = []
    for name in try self.services()
    where names?.contains(name) ?? ModelKinds.all.contains(where: { $0.service == name }) {
      services.append(try service(name))
    }
    return services
  }

  /// The models that are saved here, the newest first.
  ///
  /// - Parameters:
  ///   - kind: of the models, e.g. `mlp-classifier`; nil: all kinds.
  ///   - name: they were saved under; nil: all names.
  /// - Throws: ``MaquetteError/Code/unknownKind``, or what reading meets.
  public func models(ofKind kind: String? = nil, named name: String? = nil) throws(MaquetteError)
    -> [StoredModel]
  {
    var models: [StoredModel] = []
    for service in try modelServices(kind) {
      for document in try service.versions(of: name) { models.append(try StoredModel(document, in: service)) }
    }
    return models.filter { kind == nil || $0.kind == kind }
      .sorted { ($0.document["updatedAt"]?.string ?? "") > ($1.document["updatedAt"]?.string ?? "") }
  }

  /// Removes a saved model with its files, or all versions of a name.
  ///
  /// - Parameters:
  ///   - idOrName: the id is looked up first, then the name.
  ///   - kind: of the models; nil: of whatever kind.
  /// - Returns: those that were removed.
  /// - Throws: ``MaquetteError/Code/notFound``, ``MaquetteError/Code/unknownKind``, or what writing meets.
  @discardableResult
  public func removeModels(_ idOrName: String, ofKind kind: String? = nil) throws(MaquetteError)
    -> [StoredModel]
  {
    var removed: [StoredModel] = []
    for service in try modelServices(kind) {
      var documents: [JSONObject] = []
      do throws(MaquetteError) {
        documents = [try service.get(idOrName)]
      } catch  where error.code == .notFound {
        documents = try service.versions(of: idOrName)
      }
      for document in documents {
        // Kinds may share a service.
        let model = try StoredModel(document, in: service)
        guard kind == nil || model.kind == kind, !(try service.removeVersions(model.id).isEmpty) else {
          continue
        }
        removed.append(model)
      }
    }
    guard !removed.isEmpty else {
      throw MaquetteError(
        .notFound, "no saved \(kind ?? "model") has the id or the name \(quoted(idOrName))", name: idOrName)
    }
    return removed
  }
}
