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
  /// Which instances; nil for all.
  public let query: Query?

  public func makeReader(of target: TargetKind) throws(MaquetteError) -> any BlockReader {
    guard let query else { return DatasetReader(dataset, target, rows: rows) }
    let reader = RecordReader(dataset.service, dataset.name, query)
    return RecordBlocks(target, rows: rows, next: { () throws(MaquetteError) in try reader.next() })
  }
}

extension Dataset {
  /// What a block takes where nobody says how many rows it is to have.
  private static let blockBytes = 4 << 20

  /// How many rows of so many numbers a block has where nobody says.
  static func blockRows(width: Int) -> Int { min(8192, max(1, blockBytes / 4 / max(1, width))) }

  /// The dataset as a source of blocks.
  ///
  /// Every block is one consistent state. Instances that come while a pass goes on are read at its end; one that goes
  /// before its turn is not read. A dataset that is cleared meanwhile ends the pass with
  /// ``MaquetteError/Code/notFound``.
  ///
  /// - Parameters:
  ///   - rows: the most rows of a block; nil: what fits into 4 MB, at most 8,192.
  ///   - query: which instances, in what order; all that match, unless it has a `$limit`. nil: all, as they were
  ///     created, with their ids.
  /// - Throws: ``MaquetteError/Code/invalidArgument`` for less than one row; what reading meets.
  public func blocks(rows: Int? = nil, matching query: Query? = nil) throws(MaquetteError) -> DatasetBlocks {
    if let rows {
      guard rows > 0 else {
        throw MaquetteError(.invalidArgument, "a block must have at least one row, not \(rows)", name: "rows")
      }
      return DatasetBlocks(dataset: self, rows: rows, query: query)
    }
    let name = name
    let width = try service.read { (session) throws(MaquetteError) in
      try session.width(name, except: nil) ?? 1
    }
    return DatasetBlocks(dataset: self, rows: Self.blockRows(width: width), query: query)
  }
}

/// One pass over a dataset.
final class DatasetReader: BlockReader {
  private let dataset: Dataset
  private var request: BlockRequest
  private var ends = PassEnds()
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
      try ends.check(session, request.dataset)
      return try session.block(request)
    }
    guard let ids = block.table.ids?.values, !ids.isEmpty else { return nil }
    self.ends.note(first: ids.first, last: ids.last)
    self.request = block.next
    isOver = false
    return block.table
  }
}
