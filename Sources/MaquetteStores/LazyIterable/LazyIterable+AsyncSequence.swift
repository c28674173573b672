import MaquetteSystem

#if !MAQUETTE_SHARED_LIBRARY
  extension LazyIterable {
    /// The elements for `for try await`, each pass a new one.
    ///
    /// Nothing runs beside the caller: the iterator reads, a page at a time, on whatever thread asks it for the next
    /// element, as ``LazyReader/next()`` does. Where that must not block, ask from a task that may. A task that is cancelled
    /// ends its pass with a `CancellationError`.
    public var elements: AsyncElements { AsyncElements(iterable: self) }

    /// The elements of a ``LazyIterable``, one after the other.
    public struct AsyncElements: AsyncSequence, Sendable {
      let iterable: LazyIterable

      public func makeAsyncIterator() -> Iterator { Iterator(iterable: iterable) }

      /// One pass.
      public struct Iterator: AsyncIteratorProtocol {
        fileprivate let iterable: LazyIterable
        fileprivate var reader: LazyReader<Element>?

        /// The next element; nil behind the last.
        ///
        /// - Throws: ``MaquetteError`` of what reading meets, `CancellationError` in a task that was cancelled.
        public mutating func next() async throws -> Element? {
          try Task.checkCancellation()
          let reader = if let reader { reader } else { try iterable.makeReader() }
          self.reader = reader
          return try reader.next()
        }
      }
    }
  }
#endif
