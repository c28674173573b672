public import MaquetteSystem

/// Instances that can be read again and again in blocks of rows, so that no more than a block need be in memory.
public protocol BlockSource: Sendable {
  /// A reader that stands before the first row. Every pass takes a new one.
  ///
  /// - Throws: what starting to read meets.
  func makeReader(of target: TargetKind) throws(MaquetteError) -> any BlockReader
}

/// One pass over a ``BlockSource``, for one thread at a time.
///
/// All blocks have rows of one width and targets of one width. Labels are counted through: a block's `labels.names`
/// begin with those of the block before, so that a code means the same label in all of them.
public protocol BlockReader: AnyObject {
  /// The next rows, at least one; nil behind the last. After an error there is nothing more to come.
  ///
  /// - Throws: ``MaquetteError/Code/badShape``, ``MaquetteError/Code/notFound``, ``MaquetteError/Code/notFinite``,
  ///   naming the instance that can't be used; or what reading meets.
  func next() throws(MaquetteError) -> InstanceTable?
}

/// The instances of a dataset, block by block in the order they were created, with their ids.
public struct DatasetBlocks: BlockSource {
  public let dataset: Dataset
  /// The most rows of a block.
  public let rows: Int

  public func makeReader(of target: TargetKind) throws(MaquetteError) -> any BlockReader {
    DatasetReader(dataset, target, rows: rows)
  }
}

extension Dataset {
  /// What a block takes where nobody says how many rows it is to have.
  private static let blockBytes = 4 << 20

  /// The dataset as a source of blocks.
  ///
  /// Every block is one consistent state. Instances that come while a pass goes on are read at its end; one that goes
  /// before its turn is not read. A dataset that is cleared meanwhile ends the pass with
  /// ``MaquetteError/Code/notFound``.
  ///
  /// - Parameter rows: the most rows of a block; nil: what fits into 4 MB, at most 8,192.
  /// - Throws: ``MaquetteError/Code/invalidArgument`` for less than one row; what reading meets.
  public func blocks(rows: Int? = nil) throws(MaquetteError) -> DatasetBlocks {
    if let rows {
      guard rows > 0 else {
        throw MaquetteError(.invalidArgument, "a block must have at least one row, not \(rows)", name: "rows")
      }
      return DatasetBlocks(dataset: self, rows: rows)
    }
    let name = name
    let width = try service.read { (session) throws(MaquetteError) in
      try session.width(name, except: nil) ?? 1
    }
    return DatasetBlocks(dataset: self, rows: min(8192, max(1, Self.blockBytes / 4 / max(1, width))))
  }
}

/// One pass over a dataset.
final class DatasetReader: BlockReader {
  private let dataset: Dataset
  private var request: BlockRequest
  /// The first and the last instance that was read.
  private var ends: (first: DocumentID, last: DocumentID)?
  private var isOver = false

  init(_ dataset: Dataset, _ target: TargetKind, rows: Int) {
    self.dataset = dataset
    request = BlockRequest(dataset: dataset.name, target: target, rows: rows)
  }

  func next() throws(MaquetteError) -> InstanceTable? {
    if isOver { return nil }
    isOver = true
    let request = request
    let ends = ends
    let block = try dataset.service.read { (session) throws(MaquetteError) -> Block in
      // Places are given again in an emptied table: what stands behind the last one read may be something new.
      if let ends, try session.record(ends.last, []) == nil, try session.record(ends.first, []) == nil {
        throw MaquetteError(
          .notFound, "dataset \(quoted(request.dataset)) was cleared while it was read", name: request.dataset
        )
      }
      return try session.block(request)
    }
    guard let ids = block.table.ids?.values, let first = ids.first, let last = ids.last else { return nil }
    self.ends = (ends?.first ?? first, last)
    self.request = block.next
    isOver = false
    return block.table
  }
}
