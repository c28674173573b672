public import MaquetteFormats
import MaquetteKernels
public import MaquetteSystem

/// The documents of an iterable as rows to learn from: `x` an array of numbers, nested or not, `y` as in a dataset.
extension LazyIterable: BlockSource where Element == JSONObject {
  /// - Throws: what starting to read meets. The reader names the element, counted from 0, that is no row.
  public func makeReader(of target: TargetKind) throws(MaquetteError) -> any BlockReader {
    let reader = try makeReader()
    var row = -1
    return RecordBlocks(
      target, rows: nil,
      next: { () throws(MaquetteError) in
        guard let document = try reader.next() else { return nil }
        row += 1
        return try Self.record(document, row)
      },
      explaining: { MaquetteError($0.code, "element \(row) of the iterable: \($0.message)", name: $0.name) })
  }

  private static func record(_ document: JSONObject, _ row: Int) throws(MaquetteError) -> Record {
    var document = document
    // What is mapped need not be an instance of anything; only those have features.
    if document["datasetName"]?.string == nil { document["datasetName"] = "" }
    let known = document["id"]?.string.flatMap { DocumentID($0) }
    return try Record(document, id: known ?? DocumentID(high: 0, low: UInt32(truncatingIfNeeded: row)))
  }
}

/// Records, one after the other, as blocks of rows.
final class RecordBlocks: BlockReader {
  private let target: TargetKind
  private let rows: Int?
  private let read: () throws(MaquetteError) -> Record?
  private let explain: (MaquetteError) -> MaquetteError

  private var width: Int?
  private var targetWidth: Int?
  private var labels = LabelInterner()
  private var isOver = false

  /// - Parameters:
  ///   - rows: the most rows of a block; nil: what fits into ``Dataset/blockBytes``, at most 8,192.
  ///   - explaining: says more of an error.
  init(
    _ target: TargetKind, rows: Int?, next: @escaping () throws(MaquetteError) -> Record?,
    explaining: @escaping (MaquetteError) -> MaquetteError = { $0 }
  ) {
    self.target = target
    self.rows = rows
    read = next
    explain = explaining
  }

  func next() throws(MaquetteError) -> InstanceTable? {
    guard !isOver else { return nil }
    isOver = true
    do throws(MaquetteError) { return try block() } catch { throw explain(error) }
  }

  private func block() throws(MaquetteError) -> InstanceTable? {
    guard let first = try read() else { return nil }
    var builder = TableBuilder(
      target, capacity: rows ?? Dataset.blockRows(width: first.features?.width ?? 1), width: width,
      targetWidth: targetWidth, labels: labels, keepsIDs: false)
    var record: Record? = first
    while let found = record {
      try builder.add(found)
      guard builder.count < builder.capacity else {
        isOver = false
        break
      }
      record = try read()
    }
    width = builder.width
    targetWidth = builder.targetWidth
    labels = builder.labels
    return try builder.table()
  }
}
