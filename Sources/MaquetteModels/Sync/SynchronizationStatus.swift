public import MaquetteFormats
public import MaquetteSystem

/// What ``Model/sync(with:name:history:)`` does.
public struct SynchronizationStatus: Sendable, Equatable {
  public enum Phase: String, Sendable {
    /// Nothing has happened yet, or it has ended.
    case idle
    case loading, loaded, saving, saved
    /// Somebody else saved the model, too, since it was last read here: see ``SynchronizationStatus/kept``.
    case conflict
    case error
  }

  /// Which of two models stays, the newer one.
  public enum Kept: String, Sendable {
    /// The one of this process; the other one was in the store for a while.
    case ours
    /// The one in the store; the one of this process is not saved.
    case theirs
  }

  public var phase: Phase
  /// The saved model this is about.
  public var id: String?
  public var updatedAt: String?
  public var kept: Kept?
  public var error: MaquetteError?
  /// How often the same was tried in vain.
  public var attempt: Int?
  /// Milliseconds until it is tried again; nil: it is not.
  public var retryIn: Int64?

  init(_ phase: Phase, _ version: ModelVersion? = nil) {
    self.phase = phase
    id = version?.id
    updatedAt = version?.updatedAt
  }

  static let idle = SynchronizationStatus(.idle)

  /// Whether nobody needs to hear of it once something else has happened.
  var isOutdatedByLater: Bool { phase == .loading || phase == .saving }

  /// `{"status": "saved", "id": "…", "updatedAt": "…"}`, `{"status": "conflict", "kept": "ours", …}`,
  /// `{"status": "error", "error": "…", "code": 21, "attempt": 1, "retryIn": 100}`.
  public var json: JSON {
    var object: JSONObject = ["status": .string(phase.rawValue)]
    object["id"] = id.map { .string($0) }
    object["updatedAt"] = updatedAt.map { .string($0) }
    object["kept"] = kept.map { .string($0.rawValue) }
    object["error"] = error.map { .string($0.message) }
    object["code"] = error.map { .number(Double($0.code.rawValue)) }
    object["attempt"] = attempt.map { JSON($0) }
    object["retryIn"] = retryIn.map { .number(Double($0)) }
    return .object(object)
  }
}
