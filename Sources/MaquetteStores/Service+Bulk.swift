import MaquetteKernels
import MaquetteSystem

extension Service {
  /// Stores the rows of a matrix as instances of a dataset, in one transaction and with one batch of events.
  func append(
    _ features: Matrix, _ targets: BulkTargets, _ layout: RowLayout, to dataset: String
  ) throws(MaquetteError) {
    try writeBatch { (session) throws(MaquetteError) in
      if let present = try session.width(dataset, except: nil), present != features.columns {
        throw Self.wrongWidth(dataset, present, features.columns)
      }
      // Made inside of the transaction, so that the order of ids is the order of rows in the store.
      let rows = BulkRows(
        ids: DocumentID.make(features.rows), dataset: dataset, features: features, targets: targets,
        layout: layout,
        date: Timestamp.now().milliseconds)
      let stored = try session.store(rows)
      let source = EventSource(stored, counts: DatasetCounts(dataset, try session.count(dataset)), session)
      return ((), EventBatch(.created, source, rows: features.rows))
    }
  }

  /// Removes all instances of a dataset.
  func clear(_ dataset: String) throws(MaquetteError) {
    try write { (session) throws(MaquetteError) in
      guard try session.clear(dataset) > 0 else { return ((), []) }
      return (
        (),
        [
          ServiceEvent(
            .cleared, EventSource(.cleared(dataset: dataset), counts: DatasetCounts(dataset, 0), session))
        ]
      )
    }
  }
}
