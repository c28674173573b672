import MaquetteFormats
public import MaquetteStores
public import MaquetteSystem

extension TrainingHistory {
  // MARK: Looking

  /// The runs, the first that began first.
  ///
  /// - Parameter basename: only those of that base; nil: all.
  /// - Throws: what reading the store meets.
  public func runs(of basename: String? = nil) throws(MaquetteError) -> [Run] {
    var query = Query()
    if let basename { query = try Query(["basename": .string(basename)]) }
    query.isUnlimited = true
    return try find(query).data.map { Run(document: $0) }.enumerated().sorted { left, right in
      let starts = (left.element.start?.milliseconds ?? 0, right.element.start?.milliseconds ?? 0)
      return starts.0 == starts.1 ? left.offset < right.offset : starts.0 < starts.1
    }.map(\.element)
  }

  /// A page of the runs that match the query, in the order they were created unless it says otherwise.
  ///
  /// - Throws: what reading the store meets.
  public func find(_ query: Query = Query()) throws(MaquetteError) -> Page {
    mend()
    var query = query
    let selected = query.select
    // What a run is made of can't be told from a part of it.
    query.select = nil
    let page = try service.find(query)
    let services = try Set(store.services())
    var documents: [JSONObject] = []
    for document in page.data {
      // Removed meanwhile.
      guard var document = try complete(document, services)?.document else { continue }
      if let selected {
        let kept = Set(selected.map { String($0.prefix { $0 != "." }) } + ["id"])
        document = JSONObject(document.members.filter { kept.contains($0.name) }.map { ($0.name, $0.value) })
      }
      documents.append(document)
    }
    return Page(total: page.total, limit: page.limit, skip: page.skip, data: documents)
  }

  /// One run: the id is looked up first, then the name.
  ///
  /// - Throws: ``MaquetteError/Code/notFound``, or what reading the store meets.
  public func run(_ idOrName: String) throws(MaquetteError) -> Run {
    mend()
    let services = try Set(store.services())
    var document: JSONObject?
    do throws(MaquetteError) {
      document = try service.get(idOrName)
    } catch  where error.code == .notFound {
      document = try service.newest(named: idOrName)
    }
    guard let document, let run = try complete(document, services) else {
      throw MaquetteError(.notFound, "no run has the id or the name \(quoted(idOrName))", name: idOrName)
    }
    return run
  }

  /// A run with what its journal holds, without checkpoints that somebody removed; nil where it is gone.
  private func complete(
    _ document: JSONObject, _ services: Set<String>
  ) throws(MaquetteError) -> Run? {
    var run = Run(document, journal: [])
    if run.status.isRunning {
      do throws(MaquetteError) {
        let (document, journal) = try service.getWithJournal(run.id)
        run = Run(document, journal: journal)
      } catch  where error.code == .notFound {
        return nil
      }
    }
    guard let listed = run.document["checkpoints"]?.array, !listed.isEmpty else { return run }
    var present: [JSON] = []
    for checkpoint in listed {
      guard let id = checkpoint["id"]?.string, let name = checkpoint["service"]?.string,
        try services.contains(name) ? true : store.contains(name), try store.service(name).contains(id)
      else { continue }
      present.append(checkpoint)
    }
    var whole = run.document
    whole["checkpoints"] = .array(present)
    return Run(document: whole)
  }

  /// Ends the runs whose process has died, as `interrupted`: all that was written of them goes into their documents.
  ///
  /// It is only a convenience for others who read the store: where it fails, readers here tell such runs all the same.
  func mend() {
    do throws(MaquetteError) {
      for id in try service.idsWithJournal() {
        let (document, journal) = try service.getWithJournal(id)
        guard Run(document, journal: journal).status == .interrupted else { continue }
        try service.change(id) { (document, journal) throws(MaquetteError) in
          let run = Run(document, journal: journal)
          guard run.status == .interrupted else { return false }
          for name in ["status", "epoch", "logs"] {
            if let value = run.document[name] { document[name] = value }
          }
          return true
        }
      }
    } catch  where error.code == .notFound {
      // Removed meanwhile; the next time will do for the rest.
    } catch {
      Log.warning("runs that were interrupted could not be ended: \(error.message)")
    }
  }

  // MARK: Removing

  /// Removes a run from the store; one that is being recorded is recorded no further.
  ///
  /// - Parameter checkpoints: whether the models it saved are removed, too.
  /// - Returns: the run as it was.
  /// - Throws: ``MaquetteError/Code/notFound``, or what writing meets.
  @discardableResult
  public func remove(_ idOrName: String, withCheckpoints checkpoints: Bool = false) throws(MaquetteError)
    -> Run
  {
    let run = try run(idOrName)
    // The run first: it must not name models that are gone.
    _ = try service.remove(run.id)
    guard checkpoints else { return run }
    for checkpoint in run.checkpoints {
      do throws(MaquetteError) {
        _ = try store.service(checkpoint.service).remove(checkpoint.id)
      } catch  where error.code == .notFound {
        // Somebody else was faster.
      }
    }
    return run
  }

  // MARK: Restoring

  /// Loads the model that was saved in a run: weights, labels and parameters.
  ///
  /// - Parameters:
  ///   - checkpoint: its id or name; nil: the last of the run.
  ///   - model: of the kind that was trained.
  /// - Throws: ``MaquetteError/Code/notFound`` for a run or a checkpoint that isn't there,
  ///   ``MaquetteError/Code/invalidArgument`` for a model of another kind, and what ``Model/load(from:_:)`` throws. The
  ///   model is then as it was.
  @discardableResult
  public func restore(
    _ idOrName: String, checkpoint: String? = nil, into model: any Model
  ) throws(MaquetteError) -> Checkpoint {
    let run = try run(idOrName)
    let checkpoints = run.checkpoints
    guard let checkpoint else {
      guard let last = checkpoints.last else {
        throw MaquetteError(
          .notFound, "the run \(quoted(run.name)) has no checkpoint: it has ended as \(run.status.rawValue)",
          name: idOrName)
      }
      try restore(last, into: model)
      return last
    }
    guard
      let found = checkpoints.last(where: { $0.id == checkpoint })
        ?? checkpoints.last(where: { $0.name == checkpoint })
    else {
      throw MaquetteError(
        .notFound,
        "the run \(quoted(run.name)) has no checkpoint \(quoted(checkpoint)); it has "
          + (checkpoints.isEmpty ? "none" : checkpoints.map(\.name).joined(separator: ", ")),
        name: checkpoint)
    }
    try restore(found, into: model)
    return found
  }

  /// Loads a checkpoint into a model of its kind.
  ///
  /// - Throws: as ``restore(_:checkpoint:into:)``.
  public func restore(_ checkpoint: Checkpoint, into model: any Model) throws(MaquetteError) {
    let kind = type(of: model).kind
    guard checkpoint.kind ?? kind == kind, checkpoint.service == type(of: model).service else {
      throw MaquetteError(
        .invalidArgument,
        "the checkpoint \(quoted(checkpoint.name)) is of a \(checkpoint.kind ?? "model in \(checkpoint.service)"), the model is a \(kind)",
        name: kind)
    }
    try model.load(from: store, checkpoint.id)
  }
}
