import MaquetteKernels
import MaquetteSystem

/// The documents of one service; touched with its service's lock held only.
///
/// Rows that were added at once stay in the matrix they came in: a slot says in which one, and records are made of them
/// when they are asked for.
final class MemoryContent {
  /// In the order they were created; with gaps where some were deleted.
  private var slots = ChunkedArray<Slot>()
  private var singles = ChunkedArray<Single>()
  /// Of the singles.
  private var greatestKey: DocumentID?
  private var blocks: [Block] = []
  private var lastPosition: Int64 = 0
  /// The slots of documents that are neither where their block says nor found among the singles by their order.
  private var strays: [DocumentID: Int] = [:]
  /// How many documents there are.
  private(set) var count = 0

  var folders: [DocumentID: [String]] = [:]
  private var tallies: [ExactText: Tally] = [:]
  /// The one that was asked for last: most services have instances of one dataset.
  private var lastTally: (dataset: String, tally: Tally)?
  var version = StoreVersion()
  var predictionRun: PredictionRun?

  /// What is known of a dataset without looking at its records.
  final class Tally {
    fileprivate(set) var count = 0
    /// How many records have so many numbers.
    fileprivate(set) var widths: [Int: Int] = [:]

    fileprivate func add(_ difference: Int, width: Int?) {
      count += difference
      if let width { widths[width, default: 0] += difference }
    }
  }

  private struct Slot {
    /// The number of a block; ``single`` for a record of its own, ``gap`` for none.
    var block: Int32
    /// The row of the block, or the number of the record.
    var row: Int32
    /// A number that only grows from slot to slot, and that each keeps while gaps are closed: where a reader is.
    let position: Int64

    static let single: Int32 = -1
    static let gap: Int32 = -2
  }

  /// A record of its own.
  private struct Single {
    var record: Record
    /// What it is searched by: its id where that is greater than all before, as ids are that are made here. Otherwise the
    /// greatest before it, and it is among the strays.
    let key: DocumentID
    let place: Int
  }

  private struct Block {
    let rows: BulkRows
    /// The slot of the first row, where the others follow one by one, as far as they are there; nil where ``strays`` says.
    var first: Int?
  }

  /// Fewer rows than that are records of their own.
  private static let leastRows = 32

  // MARK: Reading

  /// One more than the last place there is.
  var endOfPlaces: Int { slots.count }

  func record(at place: Int, _ parts: RecordParts = .all) -> Record? {
    guard slots.indices.contains(place) else { return nil }
    let slot = slots[place]
    switch slot.block {
    case Slot.gap: return nil
    case Slot.single: return singles[Int(slot.row)].record
    default: return blocks[Int(slot.block)].rows.record(Int(slot.row), parts)
    }
  }

  func place(of id: DocumentID) -> Int? {
    if let place = strays[id] { return place }
    // Strays have the key of one that stands before them.
    let number = singles.firstIndex(notBefore: { $0.key < id })
    if number < singles.count, singles[number].key == id {
      return present(at: singles[number].place, Slot.single, Int32(number))
    }
    // Blocks stand in the order of their ids: each has greater ones than all before.
    var low = 0
    var high = blocks.count
    while low < high {
      let middle = (low + high) / 2
      if blocks[middle].rows.ids[0] > id { high = middle } else { low = middle + 1 }
    }
    guard low > 0, let first = blocks[low - 1].first, let row = blocks[low - 1].rows.ids.index(of: id) else {
      return nil
    }
    return present(at: first + row, Int32(low - 1), Int32(row))
  }

  /// That place, if it still holds that.
  private func present(at place: Int, _ block: Int32, _ row: Int32) -> Int? {
    guard slots.indices.contains(place) else { return nil }
    let slot = slots[place]
    return slot.block == block && slot.row == row ? place : nil
  }

  /// The position of a place; after all others where there is none.
  func position(at place: Int) -> Int64 { slots.indices.contains(place) ? slots[place].position : .max }

  /// The first place whose position is greater.
  func place(after position: Int64) -> Int { slots.firstIndex(notBefore: { $0.position <= position }) }

  /// What is known of a dataset; nil where it has no records.
  func tally(of dataset: String) -> Tally? {
    if let lastTally, isSame(lastTally.dataset, dataset) { return lastTally.tally }
    return tallies[ExactText(dataset)]
  }

  // MARK: Writing

  func add(_ record: Record) {
    let place = slots.count
    lastPosition += 1
    slots.append(Slot(block: Slot.single, row: keep(record, at: place), position: lastPosition))
    count += 1
    count(record, 1)
  }

  func add(_ rows: BulkRows) {
    let rowCount = rows.ids.count
    guard rowCount >= Self.leastRows, rowCount <= Int32.max, blocks.count < Int32.max,
      blocks.last.map({ $0.rows.ids[0] < rows.ids[0] }) ?? true
    else {
      for row in 0..<rowCount { add(rows.record(row)) }
      return
    }
    let number = Int32(blocks.count)
    blocks.append(Block(rows: rows, first: slots.count))
    let first = lastPosition + 1
    slots.append(count: rowCount) { row in
      Slot(block: number, row: Int32(truncatingIfNeeded: row), position: first + Int64(row))
    }
    lastPosition += Int64(rowCount)
    count += rowCount
    tally(toChange: rows.dataset).add(rowCount, width: rows.features.columns)
  }

  /// Keeps a record by itself.
  ///
  /// - Returns: its number among the singles.
  private func keep(_ record: Record, at place: Int) -> Int32 {
    var key = record.id
    if let greatestKey, greatestKey >= key {
      key = greatestKey
      strays[record.id] = place
    }
    greatestKey = key
    singles.append(Single(record: record, key: key, place: place))
    return Int32(truncatingIfNeeded: singles.count - 1)
  }

  func replace(at place: Int, by record: Record) {
    guard let old = self.record(at: place) else { return }
    count(old, -1)
    if slots[place].block == Slot.single {
      singles[Int(slots[place].row)].record = record
    } else {
      slots[place].row = keep(record, at: place)
      slots[place].block = Slot.single
    }
    count(record, 1)
  }

  func remove(_ id: DocumentID) {
    guard let place = place(of: id), let record = record(at: place) else { return }
    leaveGap(at: place, id)
    count(record, -1)
    if slots.count > 64 && count < slots.count / 2 { closeGaps() }
  }

  /// Takes a document away without a look at the tallies, and without closing the gap.
  func leaveGap(at place: Int, _ id: DocumentID) {
    if slots[place].block == Slot.single {
      // What it held goes at once, and not when the gap is closed.
      singles[Int(slots[place].row)].record = Record(id: id)
    }
    strays[id] = nil
    slots[place].block = Slot.gap
    count -= 1
  }

  func removeAll() {
    slots = ChunkedArray()
    singles = ChunkedArray()
    greatestKey = nil
    blocks = []
    strays = [:]
    tallies = [:]
    lastTally = nil
    count = 0
  }

  private func count(_ record: Record, _ difference: Int) {
    guard let dataset = record.dataset else { return }
    tally(toChange: dataset).add(difference, width: record.features?.width)
  }

  private func tally(toChange dataset: String) -> Tally {
    if let lastTally, isSame(lastTally.dataset, dataset) { return lastTally.tally }
    let tally = tallies[ExactText(dataset)] ?? Tally()
    tallies[ExactText(dataset)] = tally
    lastTally = (dataset, tally)
    return tally
  }

  /// Forgets what is known of a dataset that has no records any more.
  func dropTally(of dataset: String) {
    tallies[ExactText(dataset)] = nil
    lastTally = nil
  }

  func closeGaps() {
    guard count < slots.count else { return }
    let (oldSlots, oldSingles, oldBlocks) = (slots, singles, blocks)
    slots = ChunkedArray()
    singles = ChunkedArray()
    greatestKey = nil
    strays = [:]
    blocks = []
    var left = [Int](repeating: 0, count: oldBlocks.count)
    for place in oldSlots.indices where oldSlots[place].block >= 0 { left[Int(oldSlots[place].block)] += 1 }
    var numbers: [Int32: Int32] = [:]
    for place in oldSlots.indices where oldSlots[place].block != Slot.gap {
      let slot = oldSlots[place]
      func addSingle(_ record: Record) {
        let row = keep(record, at: slots.count)
        slots.append(Slot(block: Slot.single, row: row, position: slot.position))
      }
      if slot.block == Slot.single {
        addSingle(oldSingles[Int(slot.row)].record)
        continue
      }
      let rows = oldBlocks[Int(slot.block)].rows
      if left[Int(slot.block)] < rows.ids.count / 2 {
        // A few rows don't keep a large matrix.
        addSingle(rows.record(Int(slot.row)))
        continue
      }
      var number = Int32(blocks.count)
      if let known = numbers[slot.block] {
        number = known
      } else {
        numbers[slot.block] = number
        blocks.append(Block(rows: rows, first: slots.count - Int(slot.row)))
      }
      if let first = blocks[Int(number)].first, first + Int(slot.row) != slots.count { dissolve(Int(number)) }
      if blocks[Int(number)].first == nil { strays[rows.ids[Int(slot.row)]] = slots.count }
      slots.append(Slot(block: number, row: slot.row, position: slot.position))
    }
  }

  /// Notes one by one where the rows of a block are, because there are gaps between them.
  private func dissolve(_ number: Int) {
    guard let first = blocks[number].first else { return }
    blocks[number].first = nil
    let ids = blocks[number].rows.ids
    for place in max(0, first)..<slots.count where slots[place].block == Int32(number) {
      strays[ids[Int(slots[place].row)]] = place
    }
  }
}
