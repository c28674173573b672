import MaquetteFormats
import Synchronization

/// Documents that somebody else wrote, read when they are asked for: as they are then, or by their ids alone where they
/// are gone.
final class ForeignDocuments: Sendable {
  /// How many are read at once.
  private static let blockSize = 256

  let change: ForeignChange
  private let read: @Sendable ([DocumentID]) -> [Record?]
  /// The documents that were read last, from the number of the first on.
  private let block = Mutex<(start: Int, records: [Record?])?>(nil)

  /// - Parameter read: gives for each id its record, nil where there is none or it can't be had.
  init(_ change: ForeignChange, read: @escaping @Sendable ([DocumentID]) -> [Record?]) {
    self.change = change
    self.read = read
  }

  /// The record of a document as it is now; nil where it is gone, or can't be had.
  func record(_ row: Int) -> Record? {
    let ids = change.entry.ids
    guard row < ids.count, change.entry.kind != .removed else { return nil }
    let start = row / Self.blockSize * Self.blockSize
    let known = block.withLock { $0 }
    if let known, known.start == start, row - start < known.records.count {
      return known.records[row - start]
    }
    let records = read((start..<min(start + Self.blockSize, ids.count)).map { ids[$0] })
    block.withLock { $0 = (start, records) }
    return row - start < records.count ? records[row - start] : nil
  }

  /// What is known of a document that has no record.
  func remains(_ row: Int) -> JSONObject {
    let entry = change.entry
    var document: JSONObject = [:]
    if row < entry.ids.count { document["id"] = .string(entry.ids[row].text) }
    document["datasetName"] = entry.dataset.map { .string($0) }
    return document
  }
}
