public import MaquetteFormats
public import MaquetteSystem

extension TrainingHistory {
  /// One training, as the store has it.
  public struct Run: Sendable, Equatable {
    /// `{id, name, basename, start, source, status, epoch, epochs, params, logs, checkpoints, createdAt, updatedAt}`,
    /// with the names of the logs as trainings here give them, whoever wrote it.
    public let document: JSONObject

    public var id: String { document["id"]?.string ?? "" }
    /// `base-N`.
    public var name: String { document["name"]?.string ?? "" }
    public var basename: String { document["basename"]?.string ?? "" }
    /// When it began; nil in a document that does not say.
    public var start: Timestamp? { document["start"]?.string.flatMap { Timestamp($0) } }
    /// The kind of model that was trained, or what else somebody wrote.
    public var source: String { document["source"]?.string ?? "" }
    public var status: Status { Status(rawValue: document["status"]?.string ?? "") }
    /// The last epoch that was finished, from 1.
    public var epoch: Int? { document["epoch"]?.integer }
    /// How many there were to be.
    public var epochs: Int? { document["epochs"]?.integer }
    /// The parameters of the model when the training began.
    public var parameters: JSONObject { document["params"]?.object ?? [:] }
    /// Why it failed; nil unless it did.
    public var error: String? { document["error"]?.string }

    /// The figures, by name, a value for each epoch; nil for an epoch without.
    public var logs: [String: [Double?]] {
      var logs: [String: [Double?]] = [:]
      for (name, values) in document["logs"]?.object?.members ?? [] {
        logs[name] = (values.array ?? []).map(\.number)
      }
      return logs
    }

    /// The models that were saved, the last at the end.
    public var checkpoints: [Checkpoint] {
      (document["checkpoints"]?.array ?? []).compactMap { Checkpoint($0, source: source) }
    }

    public init(document: JSONObject) {
      self.document = document
    }
  }

  /// How a run goes, or how it ended.
  public struct Status: RawRepresentable, Hashable, Sendable {
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }

    public static let start = Self(rawValue: "start")
    public static let epoch = Self(rawValue: "epoch")
    public static let success = Self(rawValue: "success")
    public static let error = Self(rawValue: "error")
    public static let cancelled = Self(rawValue: "cancelled")
    /// It did not end: the process that wrote it is gone.
    public static let interrupted = Self(rawValue: "interrupted")

    /// Whether it goes on.
    public var isRunning: Bool { self == .start || self == .epoch }
  }

  /// A model that was saved in the course of a run.
  public struct Checkpoint: Sendable, Equatable {
    public let id: String
    /// `base-N@final`, `base-N@epoch-10`.
    public let name: String
    /// The service the model is in.
    public let service: String
    /// The kind of the model; nil where it is not known.
    public let kind: String?

    public init(id: String, name: String, service: String, kind: String? = nil) {
      self.id = id
      self.name = name
      self.service = service
      self.kind = kind
    }

    /// `{"id", "name", "service"}`
    public var json: JSON {
      ["id": .string(id), "name": .string(name), "service": .string(service)]
    }

    init?(_ json: JSON, source: String) {
      guard let id = json["id"]?.string, let service = json["service"]?.string else { return nil }
      self.init(
        id: id, name: json["name"]?.string ?? "", service: service,
        kind: ModelKinds.all.contains { $0.kind == source } ? source : nil)
    }
  }
}
