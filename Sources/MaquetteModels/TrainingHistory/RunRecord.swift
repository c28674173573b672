import MaquetteFormats
import MaquetteStores
import MaquetteSystem
import Synchronization

/// A training as it goes on: all that is to be told about it, and how much of that is in the store.
struct RunRecord: Sendable {
  /// Chosen before the run is stored, so that who looks at the store finds its writer as soon as the run.
  let id: String
  let basename: String
  /// The kind of the model.
  let source: String
  let parameters: JSONObject
  let start: Timestamp

  /// `base-N`; nil until it is stored.
  var name: String?
  var epochs: Int?
  /// The number of the last epoch.
  var epoch: Int?
  var logs = RunLogs()
  var end: RunEnd?
  var checkpointsToSave: [PendingCheckpoint] = []
  var checkpointsToList: [JSON] = []

  /// Epochs that are in the store, in the document or in its journal.
  var stored = 0
  /// Epochs that are in the document.
  var documented = 0
  /// Whether the document says how the run ended.
  var isEndStored = false

  init(
    basename: String, source: String, parameters: JSONObject, epochs: Int? = nil
  ) {
    id = Service.newID()
    self.basename = basename
    self.source = source
    self.parameters = parameters
    start = Self.nextStart()
    self.epochs = epochs
  }

  private static let lastStart = Mutex<Int64>(0)

  /// Now, but later than all starts before, so that the order of trainings of a millisecond can be told.
  private static func nextStart() -> Timestamp {
    let now = Timestamp.now().milliseconds
    return lastStart.withLock { last in
      // A clock that was set back is believed again, but not at once.
      last = last >= now && last - now < 1000 ? last + 1 : now
      return Timestamp(milliseconds: last)
    }
  }

  mutating func append(epoch number: Int?, of epochs: Int?, _ figures: JSONObject?) {
    logs.append(figures)
    epoch = number ?? logs.count
    if let epochs { self.epochs = epochs }
  }

  /// Takes up how the training ended, with the figures it only gives then.
  mutating func finish(_ end: RunEnd) {
    self.end = end
    if let epoch = end.epoch { self.epoch = epoch }
    guard end.status == .success, epoch == nil else { return }
    // A kind that reports no epochs has gone through all of them, and may have found out something.
    epoch = epochs
    if let figures = end.data { logs = RunLogs(figures) }
  }

  var status: TrainingHistory.Status { end?.status ?? (logs.count == 0 ? .start : .epoch) }

  /// Whether something of it is not in the store yet.
  var hasNews: Bool {
    name == nil || stored < logs.count || !checkpointsToSave.isEmpty || belongsIntoDocument
  }

  /// Whether there is something that the journal does not take.
  var belongsIntoDocument: Bool { !checkpointsToList.isEmpty || (end != nil && !isEndStored) }

  var isComplete: Bool { end != nil && !hasNews }
}

/// How a training ended.
struct RunEnd: Sendable {
  let status: TrainingHistory.Status
  var epoch: Int?
  var data: JSONObject?
  var error: String?
}

/// A model to be saved in the course of a run, as it was when the training reported.
struct PendingCheckpoint: Sendable {
  let model: any Model
  /// What follows the `@` in its name.
  let label: String
  /// The epoch it is of; nil at the end.
  var epoch: Int?
}

// MARK: As it is stored

extension RunRecord {
  /// The document of a new run, without its name.
  var document: JSONObject {
    var document: JSONObject = [
      "id": .string(id), "basename": .string(basename), "start": .string(start.description),
      "source": .string(source), "params": .object(parameters), "logs": [:], "checkpoints": [],
    ]
    write(into: &document)
    return document
  }

  /// Brings a stored document up to date; what else somebody wrote there stays.
  func write(into document: inout JSONObject) {
    document["status"] = .string(status.rawValue)
    if let epoch { document["epoch"] = JSON(epoch) }
    if let epochs { document["epochs"] = JSON(epochs) }
    var logs = document["logs"]?.object ?? [:]
    for (name, values) in self.logs.json().members { logs[name] = values }
    document["logs"] = .object(logs)
    document["checkpoints"] = .array((document["checkpoints"]?.array ?? []) + checkpointsToList)
    if let error = end?.error { document["error"] = .string(error) }
  }

  /// The epochs that are not in the store yet, for the journal.
  var piece: StoredFile {
    var json: JSONObject = [
      "from": JSON(stored), "count": JSON(logs.count - stored), "logs": .object(logs.json(from: stored)),
    ]
    if let epoch { json["epoch"] = JSON(epoch) }
    return StoredFile(name: String(stored), bytes: JSON.object(json).bytes)
  }

  /// What a change says about it.
  var summary: JSONObject {
    var document: JSONObject = ["id": .string(id)]
    if let name { document["name"] = .string(name) }
    document["basename"] = .string(basename)
    document["source"] = .string(source)
    document["status"] = .string(status.rawValue)
    if let epoch { document["epoch"] = JSON(epoch) }
    if let epochs { document["epochs"] = JSON(epochs) }
    return TrainingHistory.Change.summary(document, figures: logs.last)
  }
}

extension TrainingHistory.Run {
  /// Brings a stored document and the pieces of its journal together.
  ///
  /// - Parameter now: for the tests.
  init(_ document: JSONObject, journal: [[UInt8]], now: Timestamp = .now()) {
    var document = document
    var epoch = document["epoch"]?.integer
    var logs = RunLogs(document["logs"]?.object ?? [:])
    for piece in journal {
      guard let json = try? JSON(parsing: piece), let from = json["from"]?.integer,
        let count = json["count"]?.integer
      else { continue }
      // A piece that fits to nothing is damaged, and no reason to make room for millions of epochs.
      let figures = json["logs"]?.object ?? [:]
      if (0...logs.count).contains(from), (0...1_000_000).contains(count), !figures.isEmpty {
        logs.merge(figures, at: from, count: count)
      }
      epoch = json["epoch"]?.integer ?? epoch
    }
    if let epoch { document["epoch"] = JSON(epoch) }
    document["logs"] = .object(logs.json())
    var status = TrainingHistory.Status(rawValue: document["status"]?.string ?? "")
    if status == .start, logs.count > 0 || epoch != nil { status = .epoch }
    if status.isRunning, let owner = journal.lazy.compactMap({ RunOwner($0) }).first {
      let updatedAt = document["updatedAt"]?.string.flatMap { Timestamp($0) }
      let id = document["id"]?.string ?? ""
      if !owner.isWriting(id, updatedAt: updatedAt, now: now) { status = .interrupted }
    }
    if !status.rawValue.isEmpty { document["status"] = .string(status.rawValue) }
    self.init(document: document)
  }
}
