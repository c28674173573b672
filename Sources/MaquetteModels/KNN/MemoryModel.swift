import MaquetteKernels
import MaquetteSystem

/// What the nearest-neighbour kinds do alike with the rows they remember.
protocol MemoryModel: LearningModel, RememberingModel where Settings == NeighbourSettings {
  associatedtype Memory: FittedMemory
  var published: Published<Memory> { get }

  /// Runs `body` while nobody else replaces what is published: a training and a change of `k` may come at once.
  func publishing<Failure: Error>(_ body: () throws(Failure) -> Void) throws(Failure)
}

extension MemoryModel {
  static var modes: [TrainingMode] { [.fresh, .partial] }

  func forget() { publishing { published.publish(nil) } }

  public func adopt(_ other: Self) throws(MaquetteError) {
    try trainer.exclusively { () throws(MaquetteError) in
      if let memory = other.published.current { try publish(memory) } else { forget() }
    }
  }

  /// Makes these rows the model, with the settings as they are at that moment.
  func publish(_ memory: Memory) throws(MaquetteError) {
    try publishing { () throws(MaquetteError) in
      published.publish(try memory.with((try? checkedSettings()) ?? memory.remembered.settings))
    }
  }

  func settingsChanged() {
    publishing {
      guard let memory = published.current else { return }
      do throws(MaquetteError) {
        published.publish(try memory.with(try checkedSettings()))
      } catch {
        // A value set from Swift that can't be used: predictions go on with the last good one.
        Log.warning("\(Self.kind) keeps its settings: \(error.message)")
      }
    }
  }

  // MARK: The remembered rows

  public var ids: [Int] { published.current?.remembered.ids ?? [] }

  public func neighbours(of rows: Matrix, count: Int?) throws(MaquetteError) -> [[Neighbour]] {
    guard let memory = published.current else { throw notTrained }
    return try memory.remembered.neighbours(of: rows, count: count)
  }

  public func remove(ids: [Int]) throws(MaquetteError) {
    try trainer.exclusively { () throws(MaquetteError) in
      guard let memory = published.current else { throw notTrained }
      let places = try memory.remembered.places(without: ids)
      let rows = try RememberedRows(
        try memory.remembered.rows.gathering(places), ids: places.map { memory.remembered.ids[Int($0)] },
        settings: memory.remembered.settings)
      try publish(try memory.keeping(places, rows))
    }
  }
}
