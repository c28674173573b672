/// An array that moves nothing behind its first 4 kB, so that adding one element takes as long whether there are a thousand
/// or ten million.
///
/// A program that fills a dataset between two buffers of sound has no time for a copy of all instances now and then.
struct ChunkedArray<Element> {
  private var chunks: [[Element]] = []
  private(set) var count = 0

  /// How many elements a chunk has: a power of two, and about 4 kB.
  private static var size: Int { 1 << bits }
  private static var bits: Int {
    Int.bitWidth - 1 - max(1, 4096 / MemoryLayout<Element>.stride).leadingZeroBitCount
  }

  var indices: Range<Int> { 0..<count }

  subscript(index: Int) -> Element {
    get { chunks[index >> Self.bits][index & (Self.size - 1)] }
    set { chunks[index >> Self.bits][index & (Self.size - 1)] = newValue }
  }

  mutating func append(_ element: Element) {
    let (chunk, place) = (count >> Self.bits, count & (Self.size - 1))
    if place == 0 { addChunk() }
    chunks[chunk].append(element)
    count += 1
  }

  /// Appends `make(0)`, `make(1)`, …
  mutating func append(count added: Int, _ make: (Int) -> Element) {
    var made = 0
    while made < added {
      let (chunk, place) = (count >> Self.bits, count & (Self.size - 1))
      if place == 0 { addChunk() }
      let end = min(added, made + Self.size - place)
      chunks[chunk].reserveCapacity(place + end - made)
      count += end - made
      while made < end {
        chunks[chunk].append(make(made))
        made += 1
      }
    }
  }

  private mutating func addChunk() {
    var chunk: [Element] = []
    // The first one is small where there is little.
    if !chunks.isEmpty { chunk.reserveCapacity(Self.size) }
    chunks.append(chunk)
  }

  /// The first index whose element is not `isBefore`, of elements of which those that are come first.
  func firstIndex(notBefore isBefore: (Element) -> Bool) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if isBefore(self[middle]) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
