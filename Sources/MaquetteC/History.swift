// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Exported names are the header's.

public import CMaquette
import MaquetteFormats
import MaquetteModels
import MaquetteStores
import MaquetteSystem

let histories = Handles<HistoryObject>(kind: 12, description: "a training history")
let trackings = Handles<TrainingHistory.Tracking>(kind: 13, description: "a tracking")

/// A training history as a host holds it.
final class HistoryObject: Sendable {
  let history: TrainingHistory
  let streams = StreamHandles()

  init(_ history: TrainingHistory) {
    self.history = history
  }
}

@implementation @_cdecl("maquette_history_open")
public func maquette_history_open(
  _ store: OpaquePointer?, _ history: UnsafeMutablePointer<OpaquePointer?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let store = try stores[store].store
    let history = try required(history, "history")
    history.pointee = try histories.insert(HistoryObject(try TrainingHistory(in: store)))
  }
}

@implementation @_cdecl("maquette_history_destroy")
public func maquette_history_destroy(_ history: OpaquePointer?) {
  unlessForked {
    let object = histories.remove(history)
    object?.history.close()
    object?.streams.close()
  }
}

@implementation @_cdecl("maquette_history_track")
public func maquette_history_track(
  _ history: OpaquePointer?, _ model: OpaquePointer?, _ basename: UnsafePointer<CChar>?,
  _ options: UnsafePointer<CChar>?, _ tracking: UnsafeMutablePointer<OpaquePointer?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let history = try histories[history].history
    let model = try models[model].model
    let basename = try basename.map { (text) throws(MaquetteError) in try string(text, "basename") }
    let options = try TrainingHistory.TrackingOptions(try object(options, "options"))
    let made = try history.track(model, as: basename ?? "anonymous", options)
    guard let tracking else { return }
    do throws(MaquetteError) {
      tracking.pointee = try trackings.insert(made)
    } catch {
      made.cancel()
      throw error
    }
  }
}

@implementation @_cdecl("maquette_tracking_destroy")
public func maquette_tracking_destroy(_ tracking: OpaquePointer?) {
  unlessForked { trackings.remove(tracking)?.cancel() }
}

@implementation @_cdecl("maquette_history_flush")
public func maquette_history_flush(
  _ history: OpaquePointer?, _ timeout_ms: Int64, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    try histories[history].history.flush(timeout: timeout_ms)
  }
}

@implementation @_cdecl("maquette_history_runs")
public func maquette_history_runs(
  _ history: OpaquePointer?, _ query: UnsafePointer<CChar>?,
  _ page: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let history = try histories[history].history
    let page = try required(page, "page")
    page.pointee = try owned(try history.find(try Query(.object(try object(query, "query")))).json)
  }
}

@implementation @_cdecl("maquette_history_run")
public func maquette_history_run(
  _ history: OpaquePointer?, _ id_or_name: UnsafePointer<CChar>?,
  _ run: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let history = try histories[history].history
    let run = try required(run, "run")
    run.pointee = try owned(.object(try history.run(try string(id_or_name, "id_or_name")).document))
  }
}

@implementation @_cdecl("maquette_history_compare")
public func maquette_history_compare(
  _ history: OpaquePointer?, _ runs: UnsafePointer<CChar>?,
  _ comparison: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let history = try histories[history].history
    let comparison = try required(comparison, "comparison")
    comparison.pointee = try owned(try history.compare(try strings(runs, "runs")).json)
  }
}

@implementation @_cdecl("maquette_history_restore")
public func maquette_history_restore(
  _ history: OpaquePointer?, _ id_or_name: UnsafePointer<CChar>?, _ checkpoint: UnsafePointer<CChar>?,
  _ model: OpaquePointer?, _ restored: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let history = try histories[history].history
    let name = try string(id_or_name, "id_or_name")
    let checkpoint = try checkpoint.map { (text) throws(MaquetteError) in try string(text, "checkpoint") }
    let found = try history.restore(name, checkpoint: checkpoint, into: try models[model].model)
    if let restored { restored.pointee = try owned(found.json) }
  }
}

@implementation @_cdecl("maquette_history_remove")
public func maquette_history_remove(
  _ history: OpaquePointer?, _ id_or_name: UnsafePointer<CChar>?, _ with_checkpoints: Int32,
  _ removed: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let history = try histories[history].history
    let name = try string(id_or_name, "id_or_name")
    guard [0, 1].contains(with_checkpoints) else {
      throw MaquetteError(
        .invalidArgument, "with_checkpoints is \(with_checkpoints); it must be 0 or 1",
        name: "with_checkpoints")
    }
    let run = try history.remove(name, withCheckpoints: with_checkpoints == 1)
    if let removed { removed.pointee = try owned(.object(run.document)) }
  }
}

@implementation @_cdecl("maquette_history_changes")
public func maquette_history_changes(_ history: OpaquePointer?) -> OpaquePointer? {
  handleUnlessForked {
    guard let object = try? histories[history] else { return nil }
    return try? object.streams.handle("changes") { JSONValueStream(object.history.changes) { $0.json } }
  }
}

/// - Throws: as ``json(_:_:)``; ``MaquetteError/Code/badJSON`` for anything but an array of strings.
private func strings(_ text: UnsafePointer<CChar>?, _ name: String) throws(MaquetteError) -> [String] {
  let value = try json(text, name)
  let strings = value.array?.compactMap(\.string)
  guard let strings, strings.count == value.array?.count else {
    throw MaquetteError(.badJSON, "\(name) must be a JSON array of strings", name: name)
  }
  return strings
}
