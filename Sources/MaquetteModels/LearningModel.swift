import MaquetteFormats
import MaquetteStores
import MaquetteStreams
import MaquetteSystem

/// The part that all trainable kinds share: from a source of whatever sort to checked rows on a training thread.
protocol LearningModel: Model {
  /// The parameters, checked and frozen for one training.
  associatedtype Settings: Sendable
  /// The rows in the form the kind learns from.
  associatedtype Rows: LearningRows

  /// - Throws: ``MaquetteError/Code/badParameter``.
  func checkedSettings() throws(MaquetteError) -> Settings

  /// How a training of this kind may begin; `fresh` always.
  static var modes: [TrainingMode] { get }

  /// Learns on the thread of the training, publishing what is finished and reporting epochs.
  ///
  /// - Returns: the `success` status.
  func learn(_ task: LearningTask<Rows>, settings: Settings, run: TrainingRun) throws(MaquetteError)
    -> TrainingStatus

  /// Learns rows that are too many for one table, block by block; a kind that can't refuses.
  ///
  /// - Returns: the `success` status.
  func learn(
    from source: any BlockSource, validatingOn validation: InstanceTable?, mode: TrainingMode,
    settings: Settings, run: TrainingRun
  ) throws(MaquetteError) -> TrainingStatus

  /// Drops what was learned; nothing else happens to the model meanwhile.
  func forget()
}

/// Rows that were checked for one sort of learning.
protocol LearningRows: Sendable {
  /// What is learned beside the features.
  static var target: TargetKind { get }

  /// - Throws: what is wrong with the table.
  init(_ table: InstanceTable, mode: TrainingMode) throws(MaquetteError)

  /// The rows of another table, to validate with.
  ///
  /// - Throws: what is wrong with the table.
  func validation(_ table: InstanceTable) throws(MaquetteError) -> Self
}

/// One training's work.
struct LearningTask<Rows: LearningRows>: Sendable {
  let rows: Rows
  /// Rows to validate with; nil: a part of `rows`, where the kind validates at all.
  var validation: Rows?
  let mode: TrainingMode
}

extension LearningModel {
  static var modes: [TrainingMode] { [.fresh] }

  public func train(
    on source: TrainingSource, validatingOn validation: TrainingSource?, mode: TrainingMode
  ) throws(MaquetteError) {
    let settings = try checkedSettings()
    try require(mode)
    // What is there already is checked at once, what has to be read is checked by the training.
    var ready: LearningTask<Rows>?
    if case .table(let table) = source {
      let rows = try Rows(table, mode: mode)
      switch validation {
      case nil: ready = LearningTask(rows: rows, validation: nil, mode: mode)
      case .table(let table):
        ready = LearningTask(rows: rows, validation: try rows.validation(table), mode: mode)
      default: break
      }
    }
    let checked = ready
    try trainer.start { [self] (run) throws(MaquetteError) in
      if let checked { return try learn(checked, settings: settings, run: run) }
      guard let table = try Self.table(source, run) else {
        guard case .blocks(let blocks) = source else {
          throw MaquetteError(.internal, "only blocks can be too many for a table")
        }
        return try learn(
          from: blocks, validatingOn: try Self.validation(validation, run), mode: mode, settings: settings,
          run: run)
      }
      let rows = try Rows(table, mode: mode)
      var task = LearningTask(rows: rows, validation: nil, mode: mode)
      if let table = try Self.validation(validation, run) { task.validation = try rows.validation(table) }
      return try learn(task, settings: settings, run: run)
    }
  }

  func learn(
    from source: any BlockSource, validatingOn validation: InstanceTable?, mode: TrainingMode,
    settings: Settings, run: TrainingRun
  ) throws(MaquetteError) -> TrainingStatus {
    throw MaquetteError(
      .unsupported,
      "the rows take more than \(TrainingSource.greatestTable >> 20) MB; a \(Self.kind) learns only from rows that are in memory all at once"
    )
  }

  /// The rows to validate with; nil for nil.
  ///
  /// - Throws: ``MaquetteError/Code/unsupported`` for more rows than a table takes.
  static func validation(
    _ source: TrainingSource?, _ run: TrainingRun
  ) throws(MaquetteError) -> InstanceTable? {
    guard let source else { return nil }
    guard let table = try table(source, run) else {
      throw MaquetteError(
        .unsupported,
        "the validation rows take more than \(TrainingSource.greatestTable >> 20) MB; they must fit into memory all at once"
      )
    }
    return table
  }

  /// The rows of a source as one table; nil where they are too many for one.
  private static func table(_ source: TrainingSource, _ run: TrainingRun) throws(MaquetteError)
    -> InstanceTable?
  {
    switch source {
    case .dataset(let dataset): return try dataset.table(of: Rows.target)
    case .table(let table): return table
    case .blocks(let source):
      let reader = try source.makeReader(of: Rows.target)
      var blocks: [InstanceTable] = []
      var bytes = 0
      while let block = try reader.next() {
        try run.checkCancellation()
        bytes += block.bytes
        guard bytes <= TrainingSource.greatestTable else { return nil }
        blocks.append(block)
      }
      return try InstanceTable(joining: blocks)
    }
  }

  private func require(_ mode: TrainingMode) throws(MaquetteError) {
    guard mode != .fresh else { return }
    guard Self.modes.contains(mode) else {
      throw MaquetteError(
        .unsupported,
        mode == .partial
          ? "a \(Self.kind) can't learn rows on top of those before; train it on all of them"
          : "a \(Self.kind) has no epochs to go on with; train it again")
    }
    guard mode == .partial || fittedModel != nil else {
      throw MaquetteError(
        .notTrained,
        "there is no training to go on with: this \(Self.kind) has been neither trained nor loaded yet")
    }
  }

  public func reset() throws(MaquetteError) {
    try trainer.exclusively { () throws(MaquetteError) in
      forget()
      trainer.forget()
      trainingStream.set(.idle)
    }
  }
}

extension BlockSource {
  /// Reads all blocks once.
  ///
  /// - Throws: what reading or `body` throws; ``MaquetteError/Code/cancelled``.
  func forEachBlock(
    of target: TargetKind, _ run: TrainingRun, _ body: (InstanceTable) throws(MaquetteError) -> Void
  ) throws(MaquetteError) {
    let reader = try makeReader(of: target)
    while let block = try reader.next() {
      try run.checkCancellation()
      try body(block)
    }
  }
}
