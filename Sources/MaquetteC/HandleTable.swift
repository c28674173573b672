import CMaquetteSystem
import Glibc
import MaquetteSystem
import Synchronization

/// All objects that hosts hold handles of.
///
/// A handle is not an address but a token: slot, generation and kind. Looking one up never waits: the slot's state
/// word is checked and a pin counted in with one atomic exchange; then the object can't go while the call uses it. A
/// slot that was freed gets a new generation, so an old token never finds the new object.
enum HandleTable {
  /// One place for an object. The state word: generation in the upper 32 bits, kind in 7, live in 1, pins in 24.
  private struct Slot: ~Copyable {
    let state = Atomic<UInt64>(0)
    var object: Unmanaged<AnyObject>?
    var nextFree: UInt32 = 0
  }

  private static let pinMask: UInt64 = (1 << 24) - 1
  private static let liveBit: UInt64 = 1 << 24
  private static let kindShift: UInt64 = 25
  private static let generationShift: UInt64 = 32

  private static let slotsPerChunk = 1024
  private static let chunkCount = Int(MAQUETTE_HANDLE_CHUNKS)

  /// The addresses of chunks of slots, which are made when they are needed and never moved or freed.
  private static var chunks: UnsafeMutablePointer<Atomic<UInt>> {
    maquette_system_handle_chunks().assumingMemoryBound(to: Atomic<UInt>.self)
  }

  private struct Allocation {
    /// The next slot never used so far; 0 stays unused, so that no token is NULL.
    var next: UInt32 = 1
    var firstFree: UInt32 = 0
  }

  private static let allocation = Mutex(Allocation())

  private static func slot(_ index: UInt32) -> UnsafeMutablePointer<Slot>? {
    let chunk = Int(index) / slotsPerChunk
    guard chunk < chunkCount else { return nil }
    let address = chunks[chunk].load(ordering: .acquiring)
    guard let base = UnsafeMutablePointer<Slot>(bitPattern: address) else { return nil }
    return base + Int(index) % slotsPerChunk
  }

  /// - Returns: nil when 4 million handles are in use.
  static func insert(_ object: AnyObject, kind: UInt8) -> OpaquePointer? {
    allocation.withLock { allocation -> OpaquePointer? in
      let index: UInt32
      if allocation.firstFree != 0 {
        index = allocation.firstFree
      } else {
        guard Int(allocation.next) < slotsPerChunk * chunkCount else { return nil }
        index = allocation.next
        let chunk = Int(index) / slotsPerChunk
        if chunks[chunk].load(ordering: .relaxed) == 0 {
          let slots = UnsafeMutablePointer<Slot>.allocate(capacity: slotsPerChunk)
          for place in 0..<slotsPerChunk { (slots + place).initialize(to: Slot()) }
          chunks[chunk].store(UInt(bitPattern: slots), ordering: .releasing)
        }
        allocation.next += 1
      }
      guard let slot = slot(index) else { return nil }
      if index == allocation.firstFree { allocation.firstFree = slot.pointee.nextFree }
      let generation = (slot.pointee.state.load(ordering: .relaxed) >> generationShift) & 0xFFFF_FFFF
      slot.pointee.object = .passRetained(object)
      slot.pointee.state.store(
        generation << generationShift | UInt64(kind) << kindShift | liveBit, ordering: .releasing)
      return token(generation: generation, index: index, kind: kind)
    }
  }

  private static func token(generation: UInt64, index: UInt32, kind: UInt8) -> OpaquePointer? {
    OpaquePointer(bitPattern: UInt(generation << 32 | UInt64(index) << 8 | UInt64(kind)))
  }

  /// The object of a token of that kind, or nil.
  static func object(_ handle: OpaquePointer?, kind: UInt8) -> AnyObject? {
    let token = UInt64(UInt(bitPattern: handle))
    guard token & 0xFF == UInt64(kind), let slot = slot(UInt32(truncatingIfNeeded: (token >> 8) & 0xFF_FFFF))
    else {
      return nil
    }
    let expected = (token >> 32) << generationShift | UInt64(kind) << kindShift | liveBit
    var state = slot.pointee.state.load(ordering: .acquiring)
    while true {
      guard state & ~pinMask == expected, state & pinMask < pinMask else { return nil }
      let (exchanged, original) = slot.pointee.state.weakCompareExchange(
        expected: state, desired: state + 1, ordering: .acquiringAndReleasing)
      if exchanged { break }
      state = original
    }
    let object = slot.pointee.object?.takeUnretainedValue()
    let left = slot.pointee.state.subtract(1, ordering: .acquiringAndReleasing).newValue
    if left & (pinMask | liveBit) == 0 {
      // Destroyed while it was pinned here: the last one out turns off the light.
      free(slot, UInt32(truncatingIfNeeded: (token >> 8) & 0xFF_FFFF))
    }
    return object
  }

  /// Ends a handle.
  ///
  /// - Returns: its object; nil if the handle is not one of that kind, or not any more.
  static func remove(_ handle: OpaquePointer?, kind: UInt8) -> AnyObject? {
    let token = UInt64(UInt(bitPattern: handle))
    let index = UInt32(truncatingIfNeeded: (token >> 8) & 0xFF_FFFF)
    guard token & 0xFF == UInt64(kind), let slot = slot(index) else { return nil }
    let expected = (token >> 32) << generationShift | UInt64(kind) << kindShift | liveBit
    // A pin of our own first: the object must not go before it is returned.
    var state = slot.pointee.state.load(ordering: .acquiring)
    while true {
      guard state & ~pinMask == expected, state & pinMask < pinMask else { return nil }
      let (exchanged, original) = slot.pointee.state.weakCompareExchange(
        expected: state, desired: (state & ~liveBit) + 1, ordering: .acquiringAndReleasing)
      if exchanged { break }
      state = original
    }
    let object = slot.pointee.object?.takeUnretainedValue()
    let left = slot.pointee.state.subtract(1, ordering: .acquiringAndReleasing).newValue
    if left & pinMask == 0 { free(slot, index) }
    return object
  }

  private static func free(_ slot: UnsafeMutablePointer<Slot>, _ index: UInt32) {
    let object = slot.pointee.object
    slot.pointee.object = nil
    allocation.withLock { allocation in
      let generation = ((slot.pointee.state.load(ordering: .relaxed) >> generationShift) + 1) & 0xFFFF_FFFF
      slot.pointee.state.store(generation << generationShift, ordering: .releasing)
      slot.pointee.nextFree = allocation.firstFree
      allocation.firstFree = index
    }
    // Outside of the lock: it may run a host's `destroy`.
    object?.release()
  }
}

/// A kind of object that hosts hold handles of: `try models[handle]` gives the object or the error.
struct Handles<Object: AnyObject>: Sendable {
  let kind: UInt8
  /// For messages, e.g. "a model".
  let description: String

  subscript(handle: OpaquePointer?) -> Object {
    get throws(MaquetteError) {
      guard let object = HandleTable.object(handle, kind: kind) else {
        throw MaquetteError(
          .badHandle,
          handle == nil
            ? "NULL is not \(description)" : "this handle is not \(description), or was destroyed already")
      }
      // The kind in the token and in the slot says that it is one.
      return unsafeDowncast(object, to: Object.self)
    }
  }

  /// As the subscript, but nil for NULL.
  func optional(_ handle: OpaquePointer?) throws(MaquetteError) -> Object? {
    handle == nil ? nil : try self[handle]
  }

  func insert(_ object: Object) throws(MaquetteError) -> OpaquePointer {
    guard let handle = HandleTable.insert(object, kind: kind) else {
      throw MaquetteError(.outOfMemory, "there are too many handles; destroy those that are no longer used")
    }
    return handle
  }

  func remove(_ handle: OpaquePointer?) -> Object? {
    HandleTable.remove(handle, kind: kind).map { unsafeDowncast($0, to: Object.self) }
  }
}

let stores = Handles<StoreObject>(kind: 1, description: "a store")
let datasets = Handles<DatasetObject>(kind: 2, description: "a dataset")
let models = Handles<ModelObject>(kind: 3, description: "a model")
let streams = Handles<StreamObject>(kind: 4, description: "a stream")
let subscriptions = Handles<SubscriptionObject>(kind: 5, description: "a subscription")
let errors = Handles<ErrorObject>(kind: 6, description: "an error")
let batchPredictions = Handles<BatchPredictionObject>(kind: 20, description: "a batch prediction")
let predictionTables = Handles<PredictionsObject>(kind: 21, description: "predictions")
let confusions = Handles<ConfusionObject>(kind: 22, description: "a confusion matrix")
