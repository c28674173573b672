import MaquetteStores
import MaquetteSystem

/// The part that all trainable classifiers share: from a dataset or a table to checked rows on a training thread.
protocol LearningClassifier: Classifier {
  /// The parameters, checked and frozen for one training.
  associatedtype Settings: Sendable

  /// - Throws: ``MaquetteError/Code/badParameter``.
  func checkedSettings() throws(MaquetteError) -> Settings

  /// Learns on the thread of the training, publishing what is finished and reporting epochs.
  ///
  /// - Parameter validation: rows to validate with; nil: take a part of `rows`, where the model validates at all.
  /// - Returns: the `success` status.
  func learn(
    _ rows: ClassificationRows, validation: ClassificationRows?, settings: Settings, run: TrainingRun
  ) throws(MaquetteError) -> TrainingStatus
}

extension LearningClassifier {
  public func train(on dataset: Dataset, validatingOn validation: Dataset?) throws(MaquetteError) {
    let settings = try checkedSettings()
    try trainer.start { [self] (run) throws(MaquetteError) in
      let rows = try ClassificationRows(dataset.table())
      var validationRows: ClassificationRows?
      if let validation { validationRows = try rows.validation(validation.table()) }
      return try learn(rows, validation: validationRows, settings: settings, run: run)
    }
  }

  public func train(
    on rows: InstanceTable, validatingOn validation: InstanceTable?
  ) throws(MaquetteError) {
    let settings = try checkedSettings()
    let rows = try ClassificationRows(rows)
    var validationRows: ClassificationRows?
    if let validation { validationRows = try rows.validation(validation) }
    let frozen = validationRows
    try trainer.start { [self] (run) throws(MaquetteError) in
      try learn(rows, validation: frozen, settings: settings, run: run)
    }
  }
}
