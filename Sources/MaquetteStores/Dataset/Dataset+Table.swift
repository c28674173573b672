import MaquetteKernels
public import MaquetteSystem
import Synchronization

extension Dataset {
  /// All instances as a matrix and what is to be learnt from them. Kept until an instance changes, in this process or
  /// another, for each kind of target.
  ///
  /// Takes time in proportion to the instances, and almost none while nothing changed.
  ///
  /// - Throws: ``MaquetteError/Code/badShape`` naming the first instance whose `x` is no row of numbers of the width
  ///   the others have, or, where values are asked for, whose `y` is none; ``MaquetteError/Code/notFound`` naming an
  ///   instance without the `y` that values need; ``MaquetteError/Code/outOfMemory``; or what reading meets.
  public func table(of target: TargetKind = .label) throws(MaquetteError) -> InstanceTable {
    let name = name
    // A label that must be there and one that may be are read alike: whoever needs them all says which is missing.
    let target = target == .optionalLabel ? .label : target
    let cached = cache.withLock { $0 }
    let current = try service.read { (session) throws(MaquetteError) -> TableCache in
      let version = try session.currentVersion()
      var current =
        cached?.version == version ? cached ?? TableCache(version: version) : TableCache(version: version)
      if current.tables[target] == nil {
        if target == .none, let features = current.tables.values.first?.features {
          current.tables[target] = InstanceTable(features: features)
        } else {
          current.tables[target] = try session.table(name, target)
        }
      }
      return current
    }
    cache.withLock { $0 = current }
    guard let table = current.tables[target] else {
      throw MaquetteError(.internal, "dataset \(quoted(name)) gave no table")
    }
    return table
  }
}

/// The tables of one state of a dataset.
struct TableCache: Sendable {
  let version: StoreVersion
  var tables: [TargetKind: InstanceTable] = [:]
}
