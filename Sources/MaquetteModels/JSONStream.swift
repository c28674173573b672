public import MaquetteFormats
public import MaquetteKernels
public import MaquetteStreams
public import MaquetteSystem

/// A stream of whatever type, its values as JSON text: how hosts without Swift watch it.
public protocol JSONStream: Sendable {
  /// The held value, in UTF-8; nil where the stream holds none.
  var text: [UInt8]? { get }

  /// Changes the value.
  ///
  /// - Throws: ``MaquetteError/Code/readOnly`` where only Maquette does, ``MaquetteError/Code/badParameter``.
  func set(_ json: JSON) throws(MaquetteError)

  /// As ``Stream/subscribeToEvents(_:end:)``; the text is written on the delivery thread, not on the sender's.
  func subscribe(
    _ receive: @escaping @Sendable (JSONEvent) -> Void, end: @escaping @Sendable () -> Void
  ) -> any JSONSubscription

  /// As ``Stream/queue()``.
  func queue() -> any JSONSubscription
}

public struct JSONEvent: Sendable {
  /// The value as JSON, in UTF-8.
  public let text: [UInt8]
  /// What comes beside the text.
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
  private let form: Form
  private let assign: (@Sendable (JSON) throws(MaquetteError) -> Void)?

  /// How a value becomes an event for hosts without Swift.
  fileprivate struct Form: Sendable {
    let write: @Sendable (Value, inout JSONWriter) -> Void
    let matrix: @Sendable (Value) -> Matrix?

    func text(_ value: Value) -> [UInt8] {
      var writer = JSONWriter()
      write(value, &writer)
      return writer.bytes
    }

    func event(_ event: Stream<Value>.Event) -> JSONEvent {
      JSONEvent(
        text: text(event.value), matrix: matrix(event.value), sequence: event.sequence, dropped: event.dropped
      )
    }
  }

  /// - Parameters:
  ///   - set: what a host does that sets the stream; nil where it can't.
  ///   - matrix: what comes beside the text.
  ///   - write: writes a value.
  public init(
    _ stream: Stream<Value>, set: (@Sendable (JSON) throws(MaquetteError) -> Void)? = nil,
    matrix: @escaping @Sendable (Value) -> Matrix? = { _ in nil },
    writing write: @escaping @Sendable (Value, inout JSONWriter) -> Void
  ) {
    self.stream = stream
    assign = set
    form = Form(write: write, matrix: matrix)
  }

  /// - Parameter convert: the JSON of a value.
  public init(
    _ stream: Stream<Value>, set: (@Sendable (JSON) throws(MaquetteError) -> Void)? = nil,
    matrix: @escaping @Sendable (Value) -> Matrix? = { _ in nil },
    _ convert: @escaping @Sendable (Value) -> JSON
  ) {
    self.init(stream, set: set, matrix: matrix, writing: { $1.write(convert($0)) })
  }

  public var text: [UInt8]? { stream.value.map { form.text($0) } }

  public func set(_ json: JSON) throws(MaquetteError) {
    guard let assign else {
      throw MaquetteError(.readOnly, "this stream is set by Maquette alone; only parameters can be set")
    }
    try assign(json)
  }

  public func subscribe(
    _ receive: @escaping @Sendable (JSONEvent) -> Void, end: @escaping @Sendable () -> Void
  ) -> any JSONSubscription {
    let form = form
    return JSONValueSubscription(
      subscription: stream.subscribeToEvents({ receive(form.event($0)) }, end: end), form: form)
  }

  public func queue() -> any JSONSubscription {
    JSONValueSubscription(subscription: stream.queue(), form: form)
  }
}

private struct JSONValueSubscription<Value: Sendable>: JSONSubscription {
  let subscription: Subscription<Value>
  let form: JSONValueStream<Value>.Form

  func cancel() { subscription.cancel() }

  func nextJSON(timeout: Int64) throws(MaquetteError) -> JSONEvent {
    form.event(try subscription.next(timeout: timeout))
  }

  func fileDescriptor() throws(MaquetteError) -> Int32 { try subscription.fileDescriptor() }
}
