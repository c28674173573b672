import MaquetteKernels
import MaquetteStores
import MaquetteSystem

/// Rows to be embedded, with labels where there are some.
struct EmbeddingRows: LearningRows {
  static let target = TargetKind.optionalLabel

  let features: Matrix
  /// The code of each row's label, -1 where it has none.
  let codes: [Int32]

  /// - Throws: ``MaquetteError/Code/noRows``, ``MaquetteError/Code/badShape``, ``MaquetteError/Code/notFinite``.
  init(_ table: InstanceTable, mode: TrainingMode = .fresh) throws(MaquetteError) {
    try table.requireFeatures()
    guard table.labels.codes.count == table.features.rows else {
      throw MaquetteError(
        .badShape, "there are \(table.labels.codes.count) labels for \(table.features.rows) rows")
    }
    features = table.features
    codes = table.labels.codes
  }

  /// - Throws: ``MaquetteError/Code/unsupported``: an embedding has no error that could be validated.
  func validation(_ table: InstanceTable) throws(MaquetteError) -> EmbeddingRows {
    throw MaquetteError(.unsupported, "a \(UMAP.kind) validates nothing; train it without validation rows")
  }
}
