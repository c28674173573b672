import MaquetteSystem

/// A thread that looks every now and then what others did to the services that somebody watches; there is one while
/// anybody does.
final class RemoteWatcher: Sendable {
  private struct State {
    var services: Set<String> = []
    var isRunning = false
  }

  private let state = Monitor(State())
  private let interval: Int
  private let look: @Sendable (String) -> Void

  /// - Parameters:
  ///   - interval: milliseconds between two looks.
  ///   - look: called on the thread for each service.
  init(interval: Int, look: @escaping @Sendable (String) -> Void) {
    self.interval = interval
    self.look = look
  }

  /// - Throws: ``MaquetteError/Code/outOfMemory``
  func add(_ service: String) throws(MaquetteError) {
    let mustStart = state.change { state -> Bool in
      state.services.insert(service)
      defer { state.isRunning = true }
      return !state.isRunning
    }
    guard mustStart else { return }
    do throws(MaquetteError) {
      try Thread.start("maquette-poll") { [state, interval, look] in Self.run(state, interval, look) }
    } catch {
      state.change { $0.isRunning = false }
      throw error
    }
  }

  func remove(_ service: String) { state.change { _ = $0.services.remove(service) } }

  /// Ends the thread, which this does not wait for.
  func stop() { state.change { $0.services = [] } }

  private static func run(_ state: Monitor<State>, _ interval: Int, _ look: (String) -> Void) {
    while true {
      // Only the end of it all is worth waking up for.
      let isOver = state.wait(until: Deadline(milliseconds: Int64(interval))) { state -> Bool? in
        guard state.services.isEmpty else { return nil }
        state.isRunning = false
        return true
      }
      if isOver == true { return }
      for service in state.withLock({ $0.services }).sorted() { look(service) }
    }
  }
}

// MARK: Looking

extension RemoteBackend {
  func watch(_ name: String, _ receiver: ChangeReceiver) throws(MaquetteError) {
    let service = service(name)
    service.watch(receiver)
    try watcher.add(name)
    try service.whileWriting { () throws(MaquetteError) in try RemoteSession(self, service).beginWatch() }
  }

  func unwatch(_ name: String) {
    watcher.remove(name)
    service(name).unwatch()
  }

  /// Tells what others did since the last look.
  func look(at name: String) {
    let service = service(name)
    guard let receiver = service.receiver else { return }
    do throws(MaquetteError) {
      try service.whileWriting { () throws(MaquetteError) in
        let session = RemoteSession(self, service)
        let changes = try session.changesOfOthers()
        if !changes.isEmpty { receiver.receive(changes) }
      }
      receiver.handOut()
    } catch {
      // The server may come back; what happened meanwhile is seen then.
      Log.info("the service \(quoted(name)) can't be looked at now: \(error.message)")
    }
  }
}

extension RemoteSession {
  /// Notes what the service looks like, to tell what changes from now on.
  func beginWatch() throws(MaquetteError) {
    let stamp = try stamp()
    let known = stamp.total <= RemoteWatch.mostKnown ? try present() : nil
    let recent = try changed(since: stamp.updatedAt - RemoteWatch.lateness)
    service.withWatch { watch in
      watch.stamp = stamp
      watch.known = known
      watch.total = known?.count ?? stamp.total
      watch.recent = [:]
      for record in recent { watch.recent[record.id] = record.updatedAt }
      watch.hasBegun = true
    }
  }

  /// What others did since the last look; to be called while nothing is written.
  func changesOfOthers() throws(MaquetteError) -> [ForeignChange] {
    guard service.withWatch({ $0.hasBegun }) == true else {
      try beginWatch()
      return try told([ChangeEntry(kind: .reloaded)])
    }
    let stamp = try stamp()
    guard let before = service.withWatch({ $0.stamp }), stamp != before else { return [] }
    let changed = try changed(since: before.updatedAt - RemoteWatch.lateness)
    var entries = service.withWatch { $0.take(changed) } ?? []
    if let total = service.withWatch({ $0.total }), total != stamp.total {
      if service.withWatch({ $0.known != nil }) == true {
        let present = try present()
        entries += service.withWatch { $0.take(present: present) } ?? []
      } else {
        service.withWatch { $0.total = stamp.total }
        entries = [ChangeEntry(kind: .reloaded)]
      }
    }
    service.withWatch { watch in
      watch.stamp = stamp
      watch.forgetOld()
    }
    return try told(entries)
  }

  /// Each as a transaction of its own.
  private func told(_ entries: [ChangeEntry]) throws(MaquetteError) -> [ForeignChange] {
    var counts = DatasetCounts()
    for entry in entries {
      for case let dataset? in [entry.dataset, entry.oldDataset] where counts[dataset] == nil {
        counts[dataset] = try count(dataset)
      }
    }
    return entries.map { entry in
      service.noteTransaction()
      var change = ForeignChange(entry: entry, transaction: service.version.own)
      for case let dataset? in [entry.dataset, entry.oldDataset] { change.counts[dataset] = counts[dataset] }
      return change
    }
  }

  /// The documents there are, and what they belong to.
  private func present() throws(MaquetteError) -> [DocumentID: String?] {
    var present: [DocumentID: String?] = [:]
    try walk(ServerFilter(), selecting: ["datasetName"]) { record in
      present[record.id] = .some(record.dataset)
      return true
    }
    return present
  }

  /// What was created or changed since then, the oldest change first.
  private func changed(since date: Int64) throws(MaquetteError) -> [Record] {
    var base = QueryString()
    base.add(["updatedAt", "$gte"], Timestamp(milliseconds: date).description)
    base.add("$select", ["createdAt", "updatedAt", "datasetName"])
    base.add(["$sort", "updatedAt"], "1")
    base.add(["$sort", "_id"], "1")
    base.add("$limit", "500")
    var records: [Record] = []
    while true {
      var query = base
      query.add("$skip", String(records.count))
      let page = try client.find(service.name, query)
      for document in page.documents { records.append(try record(of: document)) }
      if page.documents.isEmpty || records.count >= page.total { return records }
    }
  }
}
