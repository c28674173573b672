import MaquetteKernels
import MaquetteSystem

/// An approximate graph of nearest neighbours: neighbours of neighbours are likely to be neighbours.
///
/// Source: Dong, Moses & Li, "Efficient k-nearest neighbor graph construction for generic similarity measures", 2011,
/// begun from random projection trees: Dasgupta & Freund, 2008. Every row looks for its own neighbours in what the last
/// round found, and writes nothing else: so the graph does not depend on the number of threads.
struct NeighbourDescent: Sendable {
  private let distances: RowDistances
  private let rows: Int
  private let k: Int
  private let seed: UInt64

  /// How many neighbours of a row are followed, of those that are new and of those that were there before.
  private static let followed = 24
  private static let trees = 8
  private static let rounds = 12

  init(_ distances: RowDistances, k: Int, seed: UInt64) {
    self.distances = distances
    rows = distances.rows
    self.k = k
    self.seed = seed
  }

  /// The best k of every row so far.
  private final class State: Sendable {
    let ids: Buffer<Int32>
    /// With the sign turned: more is nearer.
    let scores: FloatBuffer
    /// Whether a neighbour came in the last round.
    let isNew: Buffer<UInt8>
    let counts: Buffer<Int32>

    init(rows: Int, k: Int) throws(MaquetteError) {
      ids = try Buffer(zeros: rows * k)
      scores = try FloatBuffer(zeros: rows * k)
      isNew = try Buffer(zeros: rows * k)
      counts = try Buffer(zeros: rows)
    }
  }

  /// - Throws: ``MaquetteError/Code/outOfMemory``, ``MaquetteError/Code/cancelled``.
  func lists(run: TrainingRun) throws(MaquetteError) -> NeighbourLists {
    let state = try State(rows: rows, k: k)
    for tree in 0..<Self.trees {
      try run.checkCancellation()
      let leaves = try ProjectionTree(
        distances, seed: seed &+ UInt64(tree) &* 0x9e37_79b9, leaf: max(2 * k, 40))
      try offer(leaves, to: state, run: run)
    }
    let fresh = try Buffer<Int32>(zeros: rows * Self.followed)
    let old = try Buffer<Int32>(zeros: rows * Self.followed)
    for place in 0..<rows * k { state.isNew.pointer[place] = 1 }
    for round in 0..<Self.rounds {
      try run.checkCancellation()
      candidates(of: state, isNew: 1, round: round, into: fresh)
      candidates(of: state, isNew: 0, round: round, into: old)
      try improve(state, fresh: fresh, old: old, run: run)
      if changes(state) <= rows * k / 1000 { break }
    }
    return try finished(state)
  }

  /// Every row meets the rows of its leaf.
  private func offer(_ tree: ProjectionTree, to state: State, run: TrainingRun) throws(MaquetteError) {
    try Workers.forEachBlock(of: 16, rows: tree.leaves.count) { (block) throws(MaquetteError) in
      try run.checkCancellation()
      var search = try Search(capacity: tree.greatestLeaf)
      for leaf in tree.leaves[block] {
        for place in leaf {
          search.begin()
          for other in leaf { search.add(tree.order.pointer[other]) }
          meet(Int(tree.order.pointer[place]), &search, state)
        }
      }
    }
  }

  /// For every row some of its neighbours, and of those it is a neighbour of: the lowest by a number that the pair and
  /// the round give. Ends with -1.
  private func candidates(of state: State, isNew: UInt8, round: Int, into lists: Buffer<Int32>) {
    let width = Self.followed
    lists.pointer.update(repeating: -1, count: lists.count)
    var heights = [UInt32](repeating: 0, count: rows * width)
    func put(_ id: Int32, of row: Int, _ height: UInt32) {
      let list = lists.pointer + row * width
      var place = width - 1
      if list[place] >= 0, heights[row * width + place] <= height { return }
      while place > 0, list[place - 1] < 0 || heights[row * width + place - 1] > height {
        list[place] = list[place - 1]
        heights[row * width + place] = heights[row * width + place - 1]
        place -= 1
      }
      if place > 0, list[place - 1] == id { return }
      list[place] = id
      heights[row * width + place] = height
    }
    for row in 0..<rows {
      for place in 0..<Int(state.counts.pointer[row]) where state.isNew.pointer[row * k + place] == isNew {
        let id = state.ids.pointer[row * k + place]
        let mixed = mix(UInt64(row) << 32 ^ UInt64(UInt32(bitPattern: id)) ^ UInt64(round) << 56 ^ seed)
        put(id, of: row, UInt32(truncatingIfNeeded: mixed))
        put(Int32(truncatingIfNeeded: row), of: Int(id), UInt32(truncatingIfNeeded: mixed >> 32))
      }
    }
  }

  private func mix(_ value: UInt64) -> UInt64 {
    var mixed = value &+ 0x9e37_79b9_7f4a_7c15
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  private func improve(
    _ state: State, fresh: Buffer<Int32>, old: Buffer<Int32>, run: TrainingRun
  ) throws(MaquetteError) {
    let width = Self.followed
    try Workers.forEachBlock(of: 256, rows: rows) { (block) throws(MaquetteError) in
      try run.checkCancellation()
      var search = try Search(capacity: 4 * width * width)
      func follow(_ list: Buffer<Int32>, of row: Int) {
        for place in 0..<width {
          let id = list.pointer[row * width + place]
          if id < 0 { return }
          search.add(id)
        }
      }
      for row in block {
        search.begin()
        for place in 0..<width {
          let neighbour = fresh.pointer[row * width + place]
          if neighbour < 0 { break }
          follow(fresh, of: Int(neighbour))
          follow(old, of: Int(neighbour))
        }
        // Old neighbours of old ones have been met before.
        for place in 0..<width {
          let neighbour = old.pointer[row * width + place]
          if neighbour < 0 { break }
          follow(fresh, of: Int(neighbour))
        }
        for place in 0..<k { state.isNew.pointer[row * k + place] = 0 }
        meet(row, &search, state)
      }
    }
  }

  /// Puts the rows that were found among the best of this one.
  private func meet(_ row: Int, _ search: inout Search, _ state: State) {
    let own = Int32(truncatingIfNeeded: row)
    let scores = state.scores.pointer + row * k
    let ids = state.ids.pointer + row * k
    let isNew = state.isNew.pointer + row * k
    var found = Int(state.counts.pointer[row])
    search.finish()
    distances.measures(of: row, to: search.ids, count: search.count, into: search.measures)
    for candidate in 0..<search.count {
      let id = search.ids[candidate]
      let score = -search.measures[candidate]
      guard id != own, found < k || score >= scores[k - 1] else { continue }
      guard !(0..<found).contains(where: { ids[$0] == id }) else { continue }
      if found == k, score == scores[k - 1], id > ids[k - 1] { continue }
      var place = min(found, k - 1)
      while place > 0, scores[place - 1] < score || (scores[place - 1] == score && ids[place - 1] > id) {
        scores[place] = scores[place - 1]
        ids[place] = ids[place - 1]
        isNew[place] = isNew[place - 1]
        place -= 1
      }
      scores[place] = score
      ids[place] = id
      isNew[place] = 1
      found = min(found + 1, k)
    }
    state.counts.pointer[row] = Int32(truncatingIfNeeded: found)
  }

  private func changes(_ state: State) -> Int {
    var count = 0
    for place in 0..<rows * k { count += Int(state.isNew.pointer[place]) }
    return count
  }

  private func finished(_ state: State) throws(MaquetteError) -> NeighbourLists {
    let lists = try NeighbourLists(rows: rows, k: k)
    for row in 0..<rows {
      // A leaf has more rows than this, so every row has met k others.
      guard Int(state.counts.pointer[row]) == k else {
        throw MaquetteError(.internal, "row \(row) has met fewer than \(k) others")
      }
      for place in row * k..<(row + 1) * k {
        lists.ids.pointer[place] = state.ids.pointer[place]
        lists.distances.pointer[place] = distances.distance(measure: -state.scores.pointer[place])
      }
    }
    return lists
  }
}

/// The rows that one row is compared with next, each once.
private struct Search {
  private let memory: Buffer<Int32>
  private let found: FloatBuffer
  private(set) var count = 0

  var ids: UnsafeMutablePointer<Int32> { memory.pointer }
  var measures: UnsafeMutablePointer<Float> { found.pointer }

  init(capacity: Int) throws(MaquetteError) {
    memory = try Buffer(zeros: capacity)
    found = try FloatBuffer(zeros: capacity)
  }

  mutating func begin() { count = 0 }

  mutating func add(_ id: Int32) {
    guard count < memory.count else { return }
    memory.pointer[count] = id
    count += 1
  }

  /// Takes out what is there twice.
  mutating func finish() {
    guard count > 1 else { return }
    var found = UnsafeMutableBufferPointer(start: memory.pointer, count: count)
    found.sort()
    var kept = 1
    for place in 1..<count where memory.pointer[place] != memory.pointer[kept - 1] {
      memory.pointer[kept] = memory.pointer[place]
      kept += 1
    }
    count = kept
  }
}
