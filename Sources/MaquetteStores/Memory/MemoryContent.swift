import MaquetteKernels
import MaquetteSystem

/// The documents of one service; touched with its service's lock held only.
///
/// Rows that were added at once stay in the matrix they came in: a slot says in which one, and records are made of them
/// when they are asked for.
final class MemoryContent {
  /// In the order they were created; with gaps where some were deleted.
  private var slots: [Slot] = []
  private var singles: [Record] = []
  private var blocks: [Block] = []
  /// For each slot a number that only grows and that it keeps while gaps are closed: where a reader is.
  private(set) var positions: [Int64] = []
  private var lastPosition: Int64 = 0
  /// The slots of documents that are not where their block says.
  private var places: [DocumentID: Int] = [:]
  /// How many documents there are.
  private(set) var count = 0

  var folders: [DocumentID: [String]] = [:]
  var tallies: [ExactText: Tally] = [:]
  var version = StoreVersion()
  var predictionRun: PredictionRun?

  /// What is known of a dataset without looking at its records.
  struct Tally {
    var count = 0
    /// How many records have so many numbers.
    var widths: [Int: Int] = [:]
  }

  private struct Slot: Equatable {
    /// The number of a block; ``single`` for a record of its own, ``gap`` for none.
    var block: Int32
    /// The row of the block, or the number of the record.
    var row: Int32

    static let single: Int32 = -1
    static let gap: Int32 = -2
  }

  private struct Block {
    let rows: BulkRows
    /// The slot of the first row, where the others follow one by one, as far as they are there; nil where ``places`` says.
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
    case Slot.single: return singles[Int(slot.row)]
    default: return blocks[Int(slot.block)].rows.record(Int(slot.row), parts)
    }
  }

  func place(of id: DocumentID) -> Int? {
    if let place = places[id] { return place }
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
    let expected = Slot(block: Int32(low - 1), row: Int32(row))
    return slots.indices.contains(first + row) && slots[first + row] == expected ? first + row : nil
  }

  /// The first place whose position is greater.
  func place(after position: Int64) -> Int {
    var low = 0
    var high = positions.count
    while low < high {
      let middle = (low + high) / 2
      if positions[middle] > position { high = middle } else { low = middle + 1 }
    }
    return low
  }

  // MARK: Writing

  func add(_ record: Record) {
    places[record.id] = slots.count
    slots.append(single(record))
    addPositions(1)
    tally(record, 1)
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
    if slots.capacity - slots.count < rowCount {
      slots.reserveCapacity(max(slots.count + rowCount, 2 * slots.count))
    }
    for row in 0..<Int32(rowCount) { slots.append(Slot(block: number, row: row)) }
    addPositions(rowCount)
    tallies[ExactText(rows.dataset), default: Tally()].count += rowCount
    tallies[ExactText(rows.dataset), default: Tally()].widths[rows.features.columns, default: 0] += rowCount
  }

  private func addPositions(_ number: Int) {
    positions.append(contentsOf: lastPosition + 1...lastPosition + Int64(number))
    lastPosition += Int64(number)
    count += number
  }

  private func single(_ record: Record) -> Slot {
    singles.append(record)
    return Slot(block: Slot.single, row: Int32(truncatingIfNeeded: singles.count - 1))
  }

  func replace(at place: Int, by record: Record) {
    guard let old = self.record(at: place) else { return }
    tally(old, -1)
    if slots[place].block == Slot.single {
      singles[Int(slots[place].row)] = record
    } else {
      slots[place] = single(record)
      places[record.id] = place
    }
    tally(record, 1)
  }

  func remove(_ id: DocumentID) {
    guard let place = place(of: id), let record = record(at: place) else { return }
    leaveGap(at: place, id)
    tally(record, -1)
    if slots.count > 64 && count < slots.count / 2 { closeGaps() }
  }

  /// Takes a document away without a look at the tallies, and without closing the gap.
  func leaveGap(at place: Int, _ id: DocumentID) {
    if slots[place].block == Slot.single {
      // What it held goes at once, and not when the gap is closed.
      singles[Int(slots[place].row)] = Record(id: id)
    }
    places[id] = nil
    slots[place].block = Slot.gap
    count -= 1
  }

  func removeAll() {
    slots = []
    singles = []
    blocks = []
    positions = []
    places = [:]
    tallies = [:]
    count = 0
  }

  func tally(_ record: Record, _ difference: Int) {
    guard let dataset = record.dataset.map(ExactText.init) else { return }
    tallies[dataset, default: Tally()].count += difference
    if let width = record.features?.width {
      tallies[dataset, default: Tally()].widths[width, default: 0] += difference
    }
  }

  func closeGaps() {
    guard count < slots.count else { return }
    let (oldSlots, oldSingles, oldPositions, oldBlocks) = (slots, singles, positions, blocks)
    slots = []
    singles = []
    positions = []
    places = [:]
    blocks = []
    var left = [Int](repeating: 0, count: oldBlocks.count)
    for slot in oldSlots where slot.block >= 0 { left[Int(slot.block)] += 1 }
    var numbers: [Int32: Int32] = [:]
    for (place, slot) in oldSlots.enumerated() where slot.block != Slot.gap {
      positions.append(oldPositions[place])
      if slot.block == Slot.single {
        let record = oldSingles[Int(slot.row)]
        places[record.id] = slots.count
        slots.append(single(record))
        continue
      }
      let rows = oldBlocks[Int(slot.block)].rows
      if left[Int(slot.block)] < rows.ids.count / 2 {
        // A few rows don't keep a large matrix.
        let record = rows.record(Int(slot.row))
        places[record.id] = slots.count
        slots.append(single(record))
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
      if blocks[Int(number)].first == nil { places[rows.ids[Int(slot.row)]] = slots.count }
      slots.append(Slot(block: number, row: slot.row))
    }
  }

  /// Notes one by one where the rows of a block are, because there are gaps between them.
  private func dissolve(_ number: Int) {
    guard let first = blocks[number].first else { return }
    blocks[number].first = nil
    let ids = blocks[number].rows.ids
    for place in max(0, first)..<slots.count where slots[place].block == Int32(number) {
      places[ids[Int(slots[place].row)]] = place
    }
  }
}
