public import MaquetteFormats
public import MaquetteSystem

/// Things that are made when they are asked for, as often as somebody asks: the instances of a dataset, filtered and
/// mapped, without a copy of them all.
///
/// Nothing is read before ``makeReader()``, and then only a page at a time. The functions given to ``filter(_:)`` and
/// ``map(_:)`` run on whatever thread reads. What one of them throws ends the pass.
public struct LazyIterable<Element: Sendable>: Sendable {
  private let begin: @Sendable () throws(MaquetteError) -> LazyReader<Element>

  /// - Parameter begin: called for every pass.
  public init(_ begin: @escaping @Sendable () throws(MaquetteError) -> LazyReader<Element>) {
    self.begin = begin
  }

  /// A reader that stands before the first element.
  ///
  /// - Throws: what starting to read meets.
  public func makeReader() throws(MaquetteError) -> LazyReader<Element> { try begin() }

  // MARK: Other iterables made from this one

  /// The elements that are to be kept.
  public func filter(
    _ isIncluded: @escaping @Sendable (Element) throws(MaquetteError) -> Bool
  ) -> LazyIterable {
    derive { (reader) throws(MaquetteError) in
      while let element = try reader.next() {
        if try isIncluded(element) { return element }
      }
      return nil
    }
  }

  /// Something else for each element.
  public func map<Result: Sendable>(
    _ transform: @escaping @Sendable (Element) throws(MaquetteError) -> Result
  ) -> LazyIterable<Result> {
    derive { (reader) throws(MaquetteError) in
      guard let element = try reader.next() else { return nil }
      return try transform(element)
    }
  }

  /// The elements behind the first `count`; a second skip passes over more. Less than 0 is none.
  public func skip(_ count: Int) -> LazyIterable {
    LazyIterable { () throws(MaquetteError) in
      let reader = try begin()
      var left = count
      return LazyReader { () throws(MaquetteError) in
        while left > 0 {
          left -= 1
          guard try reader.next() != nil else { return nil }
        }
        return try reader.next()
      }
    }
  }

  /// The first `count` elements; none for 0 or less. Behind them nothing is read.
  public func take(_ count: Int) -> LazyIterable {
    LazyIterable { () throws(MaquetteError) in
      guard count > 0 else { return LazyReader { () throws(MaquetteError) in nil } }
      let reader = try begin()
      var left = count
      return LazyReader { () throws(MaquetteError) in
        guard left > 0 else { return nil }
        left -= 1
        return try reader.next()
      }
    }
  }

  /// These elements, and then those of another.
  public func concat(_ other: LazyIterable) -> LazyIterable {
    LazyIterable { () throws(MaquetteError) in
      let first = try begin()
      var second: LazyReader<Element>?
      return LazyReader { () throws(MaquetteError) in
        if let second { return try second.next() }
        if let element = try first.next() { return element }
        let reader = try other.begin()
        second = reader
        return try reader.next()
      }
    }
  }

  /// Pairs of an element and one of another, for as long as both have some.
  public func zip<Other: Sendable>(_ other: LazyIterable<Other>) -> LazyIterable<(Element, Other)> {
    LazyIterable<(Element, Other)> { () throws(MaquetteError) in
      let (left, right) = (try begin(), try other.makeReader())
      return LazyReader { () throws(MaquetteError) in
        guard let first = try left.next(), let second = try right.next() else { return nil }
        return (first, second)
      }
    }
  }

  private func derive<Result: Sendable>(
    _ next: @escaping @Sendable (LazyReader<Element>) throws(MaquetteError) -> Result?
  ) -> LazyIterable<Result> {
    LazyIterable<Result> { () throws(MaquetteError) in
      let reader = try begin()
      return LazyReader { () throws(MaquetteError) in try next(reader) }
    }
  }

  // MARK: What is read

  /// Calls `body` with every element, in order.
  ///
  /// - Throws: what reading or `body` throws.
  public func forEach(_ body: (Element) throws(MaquetteError) -> Void) throws(MaquetteError) {
    let reader = try makeReader()
    while let element = try reader.next() { try body(element) }
  }

  /// The first element; nil where there is none.
  ///
  /// - Throws: what reading meets.
  public func first() throws(MaquetteError) -> Element? { try makeReader().next() }

  /// All elements.
  ///
  /// - Throws: what reading meets.
  public func array() throws(MaquetteError) -> [Element] {
    var elements: [Element] = []
    try forEach { elements.append($0) }
    return elements
  }
}

extension LazyIterable where Element == JSONObject {
  /// The documents with only the members named, and their ids.
  public func select(_ members: [String]) -> LazyIterable {
    map { (document) throws(MaquetteError) in document.selecting(members) }
  }
}

/// One pass over a ``LazyIterable``, for one thread at a time.
public final class LazyReader<Element> {
  private var read: (() throws(MaquetteError) -> Element?)?

  /// - Parameter next: gives one element after the other, nil behind the last; not called again after that, or after
  ///   it has thrown.
  public init(_ next: @escaping () throws(MaquetteError) -> Element?) { read = next }

  /// The next element; nil behind the last, and after an error.
  ///
  /// - Throws: what reading meets.
  public func next() throws(MaquetteError) -> Element? {
    guard let read else { return nil }
    self.read = nil
    guard let element = try read() else { return nil }
    self.read = read
    return element
  }
}
