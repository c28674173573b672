public import MaquetteFormats
import MaquetteSystem

/// One thing that happened to a dataset.
public struct DatasetChange: Sendable {
  public enum Level: String, Sendable {
    /// The dataset as a whole: it is there (`created`), all its instances are gone (`cleared`), or others changed more
    /// than can be told one by one (`reloaded`): whoever mirrors the instances reads them anew.
    case dataset
    /// One instance was created, updated or removed.
    case instance
  }

  public let level: Level
  public let type: ServiceEvent.Kind
  private let event: ServiceEvent?

  /// What every subscriber is told first.
  static let ready = DatasetChange(level: .dataset, type: .created, event: nil)

  private init(level: Level, type: ServiceEvent.Kind, event: ServiceEvent?) {
    self.level = level
    self.type = type
    self.event = event
  }

  /// What an event of the service means for one of its datasets; nil where it does not concern it.
  init?(_ event: ServiceEvent, of dataset: String) {
    let isOurs = isSame(event.source.dataset, dataset)
    switch event.kind {
    case .cleared:
      guard isOurs else { return nil }
      self.init(level: .dataset, type: .cleared, event: event)
    case .reloaded: self.init(level: .dataset, type: .reloaded, event: event)
    case .updated, .patched:
      // An instance that was given to another dataset has left one and come to the other.
      let wasOurs = event.source.oldDataset == dataset
      guard isOurs || wasOurs else { return nil }
      self.init(level: .instance, type: isOurs ? wasOurs ? .updated : .created : .removed, event: event)
    case .created, .removed:
      guard isOurs else { return nil }
      self.init(level: .instance, type: event.kind, event: event)
    }
  }

  /// The same as it is for somebody who sees it otherwise.
  func told(as type: ServiceEvent.Kind) -> DatasetChange {
    DatasetChange(level: level, type: type, event: event)
  }

  /// The number of the transaction it happened in; nil for what every subscriber is told first.
  var transaction: UInt64? { event?.transaction }

  /// The instance as the store keeps it; nil for a change of the dataset as a whole, or where it can't be told.
  var record: Record? { level == .instance ? event?.record : nil }

  /// The instance as it is now, or as it was when it was removed; nil for a change of the dataset as a whole. Made
  /// anew at every call, so that nothing is made for changes nobody looks at.
  public var data: JSONObject? { level == .instance ? event?.document : nil }

  /// `{"level": "instance", "type": "created", "data": {…}}`; a change of the whole dataset has no `data`.
  public var json: JSON {
    var object: JSONObject = ["level": .string(level.rawValue), "type": .string(type.rawValue)]
    object["data"] = data.map { .object($0) }
    return .object(object)
  }

  /// Writes ``json``.
  func write(to text: inout JSONWriter) {
    text.beginObject()
    text.name("level")
    text.write(level.rawValue)
    text.name("type")
    text.write(type.rawValue)
    if level == .instance, let event {
      text.name("data")
      event.writeDocument(to: &text)
    }
    text.endObject()
  }
}

extension [DatasetChange] {
  /// The batch as a JSON array.
  public var json: JSON { .array(map(\.json)) }

  /// Writes ``json``, in a fraction of the time it takes to make that and write it.
  public func write(to text: inout JSONWriter) {
    text.beginArray()
    for change in self { change.write(to: &text) }
    text.endArray()
  }
}

extension [ServiceEvent] {
  /// The batch as a JSON array.
  public var json: JSON { .array(map(\.json)) }

  /// Writes ``json``, in a fraction of the time it takes to make that and write it.
  public func write(to text: inout JSONWriter) {
    text.beginArray()
    for event in self { event.write(to: &text) }
    text.endArray()
  }
}
