/// A property whose changes can be watched: `model.training` is the value, `model.$training` its stream.
@propertyWrapper
public struct Observed<Value: Sendable>: Sendable {
  public let projectedValue: Stream<Value>

  public init(wrappedValue: Value) {
    projectedValue = Stream(wrappedValue)
  }

  public init(wrappedValue: Value, merging mayMerge: @escaping @Sendable (Value) -> Bool) {
    projectedValue = Stream(wrappedValue, merging: mayMerge)
  }

  public var wrappedValue: Value {
    get {
      guard let value = projectedValue.value else { preconditionFailure("a held stream always has a value") }
      return value
    }
    nonmutating set { projectedValue.set(newValue) }
  }
}
