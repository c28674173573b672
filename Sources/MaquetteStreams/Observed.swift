/// A property whose changes can be watched: `model.training` is the value, `model.$training` its stream.
@propertyWrapper
public struct Observed<Value: Sendable>: Sendable {
  public let projectedValue: Stream<Value>
  private let initialValue: Value

  public init(wrappedValue: Value) {
    initialValue = wrappedValue
    projectedValue = Stream(wrappedValue)
  }

  public init(wrappedValue: Value, merging mayMerge: @escaping @Sendable (Value) -> Bool) {
    initialValue = wrappedValue
    projectedValue = Stream(wrappedValue, merging: mayMerge)
  }

  public var wrappedValue: Value {
    get { projectedValue.value ?? initialValue }
    nonmutating set { projectedValue.set(newValue) }
  }
}
