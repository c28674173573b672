public import MaquetteFormats
public import MaquetteKernels
public import MaquetteStreams
public import MaquetteSystem

/// A stream of whatever type, its values as JSON: how hosts without Swift watch it.
public protocol JSONStream: Sendable {
  /// The held value; nil where the stream holds none.
  var json: JSON? { get }

  /// Changes the value.
  ///
  /// - Throws: ``MaquetteError/Code/readOnly`` where only Maquette does, ``MaquetteError/Code/badParameter``.
  func set(_ json: JSON) throws(MaquetteError)

  /// As ``Stream/subscribeToEvents(_:end:)``; the JSON is made on the delivery thread, not on the sender's.
  func subscribe(
    _ receive: @escaping @Sendable (JSONEvent) -> Void, end: @escaping @Sendable () -> Void
  ) -> any JSONSubscription

  /// As ``Stream/queue()``.
  func queue() -> any JSONSubscription
}

public struct JSONEvent: Sendable {
  public let json: JSON
  /// What comes beside the JSON.
  public let matrix: Matrix?
  public let sequence: UInt64
  public let dropped: UInt64
}

/// A subscription to a ``JSONStream``.
public protocol JSONSubscription: Sendable {
  /// As ``Subscription/cancel()``.
  func cancel()
  /// As ``Subscription/next(timeout:)``.
  func nextJSON(timeout: Int64) throws(MaquetteError) -> JSONEvent
  /// As ``Subscription/fileDescriptor()``.
  func fileDescriptor() throws(MaquetteError) -> Int32
}

/// A stream together with how its values become JSON.
public struct JSONValueStream<Value: Sendable>: JSONStream {
  private let stream: Stream<Value>
  private let convert: @Sendable (Value) -> JSON
  private let matrix: @Sendable (Value) -> Matrix?
  private let assign: (@Sendable (JSON) throws(MaquetteError) -> Void)?

  public init(
    _ stream: Stream<Value>, set: (@Sendable (JSON) throws(MaquetteError) -> Void)? = nil,
    matrix: @escaping @Sendable (Value) -> Matrix? = { _ in nil },
    _ convert: @escaping @Sendable (Value) -> JSON
  ) {
    self.matrix = matrix
    self.stream = stream
    self.assign = set
    self.convert = convert
  }

  public var json: JSON? { stream.value.map(convert) }

  public func set(_ json: JSON) throws(MaquetteError) {
    guard let assign else {
      throw MaquetteError(.readOnly, "this stream is set by Maquette alone; only parameters can be set")
    }
    try assign(json)
  }

  public func subscribe(
    _ receive: @escaping @Sendable (JSONEvent) -> Void, end: @escaping @Sendable () -> Void
  ) -> any JSONSubscription {
    let (convert, matrix) = (convert, matrix)
    let subscription = stream.subscribeToEvents(
      {
        receive(
          JSONEvent(
            json: convert($0.value), matrix: matrix($0.value), sequence: $0.sequence, dropped: $0.dropped))
      },
      end: end)
    return JSONValueSubscription(subscription: subscription, convert: convert, matrix: matrix)
  }

  public func queue() -> any JSONSubscription {
    JSONValueSubscription(subscription: stream.queue(), convert: convert, matrix: matrix)
  }
}

private struct JSONValueSubscription<Value: Sendable>: JSONSubscription {
  let subscription: Subscription<Value>
  let convert: @Sendable (Value) -> JSON
  let matrix: @Sendable (Value) -> Matrix?

  func cancel() { subscription.cancel() }

  func nextJSON(timeout: Int64) throws(MaquetteError) -> JSONEvent {
    let event = try subscription.next(timeout: timeout)
    return JSONEvent(
      json: convert(event.value), matrix: matrix(event.value), sequence: event.sequence,
      dropped: event.dropped)
  }

  func fileDescriptor() throws(MaquetteError) -> Int32 { try subscription.fileDescriptor() }
}
