package import MaquetteKernels
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

extension Dataset {
  /// How many instances there are, and how many features the first that has any has. Nothing is gathered.
  ///
  /// - Throws: what reading meets.
  public func shape() throws(MaquetteError) -> (rows: Int, columns: Int) {
    try service.read { [name] (session) throws(MaquetteError) in try session.shape(name) }
  }

  /// Writes the features of all instances into memory for them, row after row. Where no table is kept, a store that can
  /// reads into that memory itself, and none is kept then: a program that copies its data needs them once.
  ///
  /// - Parameter features: rows · columns numbers, which hold nothing of meaning after a failure.
  /// - Returns: the labels of the rows.
  /// - Throws: as ``table(of:)``; ``MaquetteError/Code/badShape`` also if the dataset has another shape.
  package func read(
    rows: Int, columns: Int, into features: FloatBuffer
  ) throws(MaquetteError) -> LabelColumn {
    let kept = cache.withLock { $0?.tables[.label] == nil ? nil : $0?.version }
    let labels = try service.read { [name] (session) throws(MaquetteError) -> LabelColumn? in
      guard try kept != session.currentVersion(), try session.shape(name) == (rows, columns) else {
        return nil
      }
      return try session.read(name, into: features)
    }
    if let labels { return labels }
    let table = try table()
    try table.requireShape(rows: rows, columns: columns)
    table.features.withUnsafeBufferPointer { floats in
      if let source = floats.baseAddress {
        Floats.copy(source, to: features.pointer, count: floats.count)
      }
    }
    return table.labels
  }
}

extension Session {
  fileprivate func shape(_ dataset: String) throws(MaquetteError) -> (rows: Int, columns: Int) {
    (try count(dataset), try width(dataset, except: nil) ?? 0)
  }
}

extension InstanceTable {
  /// - Throws: ``MaquetteError/Code/badShape``.
  package func requireShape(rows: Int, columns: Int) throws(MaquetteError) {
    guard (rows, columns) == (features.rows, features.columns) else {
      throw MaquetteError(
        .badShape, "features is \(rows) × \(columns); the dataset is \(features.rows) × \(features.columns)",
        name: "features")
    }
  }
}

/// The tables of one state of a dataset.
struct TableCache: Sendable {
  let version: StoreVersion
  var tables: [TargetKind: InstanceTable] = [:]
}
