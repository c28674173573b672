/// Values in the order in which they came. One that is taken out is let go of at once.
struct Queue<Element> {
  /// Those before `start` are taken out, and nil.
  private var elements: [Element?] = []
  private var start = 0

  /// Of how many elements the room is kept for the next ones.
  private static var keptRoom: Int { 64 }

  var isEmpty: Bool { start == elements.count }
  var count: Int { elements.count - start }

  /// The one that came first; can be replaced where there is one.
  var first: Element? {
    get { start < elements.count ? elements[start] : nil }
    set { if !isEmpty, let newValue { elements[start] = newValue } }
  }

  /// The one that came last; can be replaced where there is one.
  var last: Element? {
    get { elements.last ?? nil }
    set { if !isEmpty, let newValue { elements[elements.count - 1] = newValue } }
  }

  mutating func append(_ element: Element) { elements.append(element) }

  mutating func popFirst() -> Element? {
    guard start < elements.count else { return nil }
    let element = elements[start]
    elements[start] = nil
    start += 1
    if start == elements.count {
      elements.removeAll(keepingCapacity: start <= Self.keptRoom)
      start = 0
    } else if start >= Self.keptRoom, start * 2 >= elements.count {
      elements.removeFirst(start)
      start = 0
    }
    return element
  }

  /// Takes the last one back.
  mutating func popLast() -> Element? {
    guard !isEmpty else { return nil }
    return elements.removeLast()
  }

  mutating func removeAll() {
    elements = []
    start = 0
  }
}
