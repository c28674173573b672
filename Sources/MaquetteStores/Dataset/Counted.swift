public import MaquetteStreams
import Synchronization

/// The number of instances of a dataset: `dataset.count` asks the store, `dataset.$count` is the stream of it.
@propertyWrapper
public struct Counted: Sendable {
  public let projectedValue: Stream<Int>
  private let source = Source()

  private final class Source: Sendable {
    let count = Mutex<(@Sendable () -> Int?)?>(nil)
  }

  public init(wrappedValue: Int) {
    projectedValue = Stream(wrappedValue)
  }

  /// Tells where the true number comes from; nil where it can't be had now.
  func attach(_ count: @escaping @Sendable () -> Int?) {
    source.count.withLock { $0 = count }
  }

  public var wrappedValue: Int {
    get { source.count.withLock { $0 }?() ?? projectedValue.value ?? 0 }
    nonmutating set { projectedValue.set(newValue) }
  }
}

/// A property that is only its stream: `dataset.$changes`. Its value is what a new subscriber is told.
@propertyWrapper
public struct Announced<Value: Sendable>: Sendable {
  private let greeting: Value
  public let projectedValue: Stream<Value>

  public init(wrappedValue: Value) {
    greeting = wrappedValue
    projectedValue = Stream(greeting: wrappedValue)
  }

  public var wrappedValue: Value {
    get { greeting }
    nonmutating set { projectedValue.set(newValue) }
  }
}
