public import MaquetteFormats
public import MaquetteSystem

extension TrainingHistory {
  /// One thing that happened to the runs.
  public struct Change: Sendable {
    public enum Kind: String, Sendable {
      /// What a subscriber is told first where nothing has happened yet.
      case ready
      case created, updated, removed
      /// Something could not be written; it is tried again, unless the error says that there is no use.
      case failed
    }

    public let kind: Kind
    /// The run without its logs: `id`, `name`, `basename`, `source`, `status`, `epoch`, `epochs`, and in `data` the
    /// figures of its last epoch. Nil of `ready`.
    public let run: JSONObject?
    /// Of `failed`.
    public let error: MaquetteError?

    init(_ kind: Kind, _ run: JSONObject? = nil, error: MaquetteError? = nil) {
      self.kind = kind
      self.run = run
      self.error = error
    }

    /// Whether a later change may take its place while it waits for a slow subscriber.
    var isOutdatedByLater: Bool {
      guard kind == .updated, let status = run?["status"]?.string else { return false }
      return Status(rawValue: status).isRunning
    }

    /// `{"type": "updated", "run": {…}}`; of `failed` with `"error": "…", "code": 21`.
    public var json: JSON {
      var object: JSONObject = ["type": .string(kind.rawValue)]
      if let run { object["run"] = .object(run) }
      if let error {
        object["error"] = .string(error.message)
        object["code"] = JSON(Int(error.code.rawValue))
      }
      return .object(object)
    }
  }
}

extension TrainingHistory.Change {
  /// What a change says about a run: all that is short.
  static func summary(_ document: JSONObject, figures: JSONObject?) -> JSONObject {
    var summary = JSONObject()
    for name in ["id", "name", "basename", "source", "status", "epoch", "epochs", "checkpoints", "error"] {
      if let value = document[name] { summary[name] = value }
    }
    if let figures { summary["data"] = .object(figures) }
    return summary
  }

  /// Of a stored run.
  static func summary(_ document: JSONObject) -> JSONObject {
    let figures = (document["logs"]?.object?.members ?? []).compactMap { name, values in
      values.array?.last.map { (RunLogs.canonical(name), $0) }
    }
    return summary(document, figures: figures.isEmpty ? nil : JSONObject(figures))
  }
}
