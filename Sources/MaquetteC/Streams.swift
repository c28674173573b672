// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Exported names are the header's.

public import CMaquette
import Glibc
import MaquetteFormats
import MaquetteKernels
import MaquetteModels
import MaquetteSystem
import Synchronization

/// A stream as a host holds it.
final class StreamObject: Sendable {
  let stream: any JSONStream
  init(_ stream: any JSONStream) { self.stream = stream }
}

/// The stream handles that belong to one model or dataset: made when they are asked for, stale when their owner goes.
final class StreamHandles: Sendable {
  private struct State {
    var handles: [String: UInt] = [:]
    var isClosed = false
  }

  private let state = Mutex(State())

  /// The handle of the stream of that name.
  ///
  /// - Throws: ``MaquetteError/Code/outOfMemory``; ``MaquetteError/Code/badHandle`` if the owner goes meanwhile.
  func handle(
    _ name: String, _ stream: () throws(MaquetteError) -> any JSONStream
  ) throws(MaquetteError) -> OpaquePointer? {
    try state.withLock { (state) throws(MaquetteError) in
      if let known = state.handles[name] { return OpaquePointer(bitPattern: known) }
      guard !state.isClosed else {
        throw MaquetteError(.badHandle, "the owner of this stream was destroyed")
      }
      let handle = try streams.insert(StreamObject(try stream()))
      state.handles[name] = UInt(bitPattern: handle)
      return handle
    }
  }

  func close() {
    let handles = state.withLock { state in
      let all = Array(state.handles.values)
      state.handles = [:]
      state.isClosed = true
      return all
    }
    for handle in handles { _ = streams.remove(OpaquePointer(bitPattern: handle)) }
  }
}

/// A subscription as a host holds it.
final class SubscriptionObject: Sendable {
  let subscription: any JSONSubscription
  /// Whether the host takes the events out itself.
  let isPulled: Bool
  private let host: HostCallback?
  /// The JSON of the event that was taken out last, as the host reads it, and its matrix.
  private let taken = Mutex(UInt(0))
  private let takenMatrix = Mutex<HostMatrix?>(nil)

  init(_ subscription: any JSONSubscription, isPulled: Bool, host: HostCallback?) {
    self.subscription = subscription
    self.isPulled = isPulled
    self.host = host
  }

  deinit {
    taken.withLock { free(UnsafeMutableRawPointer(bitPattern: $0)) }
  }

  func cancel() {
    subscription.cancel()
    host?.end()
  }

  /// Takes the next event out; its text is kept until the next call.
  ///
  /// - Throws: ``MaquetteError/Code/timeout``, ``MaquetteError/Code/closed``, ``MaquetteError/Code/outOfMemory``.
  func next(timeout: Int64) throws(MaquetteError) -> maquette_event {
    let event = try subscription.nextJSON(timeout: timeout)
    let copy = try owned(event.text)
    taken.withLock { taken in
      free(UnsafeMutableRawPointer(bitPattern: taken))
      taken = UInt(bitPattern: copy)
    }
    let matrix = event.matrix.map { HostMatrix($0) }
    takenMatrix.withLock { $0 = matrix }
    return maquette_event(
      struct_size: MemoryLayout<maquette_event>.size, json: UnsafePointer(copy),
      json_length: event.text.count,
      sequence: event.sequence, dropped: event.dropped, matrix: matrix?.pointer)
  }
}

/// A matrix as a host may look at it while this lives.
final class HostMatrix: @unchecked Sendable {
  // Unchecked: nobody writes after init.
  private let matrix: Matrix
  private let description: UnsafeMutablePointer<maquette_matrix>

  init(_ matrix: Matrix) {
    self.matrix = matrix
    description = .allocate(capacity: 1)
    description.initialize(
      to: matrix.withUnsafeBufferPointer { values in
        maquette_matrix(
          struct_size: MemoryLayout<maquette_matrix>.size,
          data: UnsafeMutableRawPointer(mutating: values.baseAddress),
          rows: Int64(matrix.rows), cols: Int64(matrix.columns), row_stride: 0, col_stride: 0, dtype: 0,
          flags: 0)
      })
  }

  deinit { description.deallocate() }

  var pointer: UnsafePointer<maquette_matrix> { UnsafePointer(description) }
}

/// A host's function for events, with what it wants to be told at the end.
final class HostCallback: Sendable {
  private let function: maquette_event_fn?
  private let userData: HostPointer
  private let destroy: Mutex<(@convention(c) (UnsafeMutableRawPointer?) -> Void)?>

  init(
    _ function: maquette_event_fn?, _ userData: HostPointer,
    _ destroy: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?
  ) {
    self.function = function
    self.userData = userData
    self.destroy = Mutex(destroy)
  }

  func receive(_ event: JSONEvent) {
    let matrix = event.matrix.map { HostMatrix($0) }
    (event.text + [0]).withUnsafeBytes { text in
      var borrowed = maquette_event(
        struct_size: MemoryLayout<maquette_event>.size,
        json: text.bindMemory(to: CChar.self).baseAddress, json_length: event.text.count,
        sequence: event.sequence, dropped: event.dropped, matrix: matrix?.pointer)
      withExtendedLifetime(matrix) { function?(userData.pointer, &borrowed) }
    }
  }

  /// Calls the host's `destroy`, the first time only.
  func end() {
    let destroy = destroy.withLock { destroy in
      defer { destroy = nil }
      return destroy
    }
    destroy?(userData.pointer)
  }
}

@implementation @_cdecl("maquette_stream_subscribe")
public func maquette_stream_subscribe(
  _ stream: OpaquePointer?, _ fn: maquette_event_fn?, _ user_data: UnsafeMutableRawPointer?,
  _ destroy: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?,
  _ subscription: UnsafeMutablePointer<OpaquePointer?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  let host = HostCallback(fn, HostPointer(pointer: user_data), destroy)
  let status = reporting(to: error) { () throws(MaquetteError) in
    let stream = try streams[stream].stream
    guard let subscription else {
      guard fn != nil else {
        throw MaquetteError(
          .invalidArgument,
          "without a callback the events are taken out of the subscription: it can't be NULL",
          name: "subscription")
      }
      _ = stream.subscribe({ host.receive($0) }, end: { host.end() })
      return
    }
    let object =
      if fn == nil {
        SubscriptionObject(stream.queue(), isPulled: true, host: host)
      } else {
        SubscriptionObject(
          stream.subscribe({ host.receive($0) }, end: { host.end() }), isPulled: false, host: nil)
      }
    do throws(MaquetteError) {
      subscription.pointee = try subscriptions.insert(object)
    } catch {
      object.cancel()
      throw error
    }
  }
  if status != 0 { host.end() }
  return status
}

@implementation @_cdecl("maquette_stream_value")
public func maquette_stream_value(
  _ stream: OpaquePointer?, _ json: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let stream = try streams[stream].stream
    let json = try required(json, "json")
    guard let text = stream.text else {
      throw MaquetteError(.notHeld, "this stream keeps no value; subscribe to see its events")
    }
    json.pointee = try owned(text)
  }
}

@implementation @_cdecl("maquette_stream_set")
public func maquette_stream_set(
  _ stream: OpaquePointer?, _ json: UnsafePointer<CChar>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    try streams[stream].stream.set(try MaquetteC.json(json, "json"))
  }
}

@implementation @_cdecl("maquette_subscription_next")
public func maquette_subscription_next(
  _ subscription: OpaquePointer?, _ timeout_ms: Int64, _ event: UnsafeMutablePointer<maquette_event>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let subscription = try pulled(subscription)
    let event = try required(event, "event")
    let size = event.pointee.struct_size
    try checkSize(size, of: event, "event")
    event.pointee = try subscription.next(timeout: timeout_ms)
    event.pointee.struct_size = size
  }
}

@implementation @_cdecl("maquette_subscription_fd")
public func maquette_subscription_fd(
  _ subscription: OpaquePointer?, _ descriptor: UnsafeMutablePointer<Int32>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let subscription = try pulled(subscription)
    let descriptor = try required(descriptor, "descriptor")
    descriptor.pointee = try subscription.subscription.fileDescriptor()
  }
}

private func pulled(_ handle: OpaquePointer?) throws(MaquetteError) -> SubscriptionObject {
  let subscription = try subscriptions[handle]
  guard subscription.isPulled else {
    throw MaquetteError(
      .invalidArgument, "this subscription has a callback, which receives its events", name: "subscription")
  }
  return subscription
}

@implementation @_cdecl("maquette_subscription_destroy")
public func maquette_subscription_destroy(_ subscription: OpaquePointer?) {
  unlessForked { subscriptions.remove(subscription)?.cancel() }
}

@implementation @_cdecl("maquette_event_training_status")
public func maquette_event_training_status(
  _ event: UnsafePointer<maquette_event>?, _ status: UnsafeMutablePointer<maquette_training_status>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let event = try required(event, "event")
    try checkSize(event.pointee.struct_size, of: event, "event")
    let status = try required(status, "status")
    let size = status.pointee.struct_size
    try checkSize(size, of: status, "status")
    let json = try MaquetteC.json(event.pointee.json, "event.json")
    guard let phase = json["status"]?.string.flatMap(TrainingStatus.Phase.init(rawValue:)) else {
      throw MaquetteError(
        .badJSON, "the event is no training status: it has no known \"status\"", name: "status")
    }
    func figure(_ name: String) -> Double {
      let value = json["data"]?[name]
      return value?.number ?? value?.array?.last?.number ?? .nan
    }
    func whole(_ name: String) -> Int32 { json[name]?.integer.flatMap(Int32.init(exactly:)) ?? 0 }
    status.pointee = maquette_training_status(
      struct_size: size, status: phase.number, epoch: whole("epoch"), epochs: whole("epochs"),
      loss: figure("loss"), accuracy: figure("accuracy"), loss_val: figure("lossVal"),
      accuracy_val: figure("accuracyVal"))
  }
}

extension TrainingStatus.Phase {
  fileprivate var number: Int32 {
    switch self {
    case .idle: 0
    case .start: 1
    case .epoch: 2
    case .success: 3
    case .error: 4
    case .loaded: 5
    case .loading: 6
    case .cancelled: 7
    }
  }
}
