public import MaquetteFormats
import MaquetteKernels
public import MaquetteStreams
public import MaquetteSystem

/// A collection of JSON documents.
///
/// Every document has an `id` of 24 hexadecimal digits and the dates `createdAt` and `updatedAt`. A document with a
/// `datasetName` is an instance of that dataset: where its `x` is an array of numbers, they are kept as 32-bit
/// floats. Every method may be called from any thread.
public final class Service: Sendable {
  public let name: String

  /// What happens to the documents, after it is safe and in the order it happened; not held. Everything that one call
  /// did is one batch. An observer has seen it when that call returns, unless another thread was handing out what
  /// others or its own call did, and has gone on with this.
  ///
  /// As long as anybody subscribes, this is also what other processes do, and other ``DataStore``s on the same file;
  /// see ``ServiceEvent/isForeign``. Of a batch of theirs that did several things each is a batch of its own.
  public let events = Stream<[ServiceEvent]>()

  let backend: any Backend
  /// The same, before anybody is told by ``events``, for what needs no event for each document.
  let batches = Stream<EventBatch>()
  private let outbox = Outbox<EventBatch>()

  init(_ name: String, _ backend: any Backend) {
    self.name = name
    self.backend = backend
    let receiver = receiver
    events.serve(
      Demand(
        begin: { [weak backend] in
          do throws(MaquetteError) {
            try backend?.watch(name, receiver)
          } catch {
            Log.warning("what others do to the service \(quoted(name)) is not told yet: \(error.message)")
          }
        }, end: { [weak backend] in backend?.unwatch(name) }))
  }

  /// Makes events of what others do.
  private var receiver: ChangeReceiver {
    let (outbox, name) = (outbox, name)
    let read = { @Sendable [weak backend = backend] (ids: [DocumentID]) -> [Record?] in
      let records = try? backend?.read(name) { (session) throws(MaquetteError) -> [Record?] in
        var records: [Record?] = []
        for id in ids { records.append(try session.record(id, .all)) }
        return records
      }
      return records ?? []
    }
    return ChangeReceiver(
      receive: { changes in
        for change in changes {
          let source = EventSource(ForeignDocuments(change, read: read))
          outbox.leave(EventBatch(change.entry.kind, source, rows: max(1, change.entry.ids.count)))
        }
      },
      handOut: { [weak events, weak batches] in
        outbox.drainLeft { batch in
          batches?.set(batch)
          events?.set(making: { batch.all })
        }
      })
  }

  func read<Result: Sendable>(
    _ body: @escaping @Sendable (any Session) throws(MaquetteError) -> Result
  ) throws(MaquetteError) -> Result {
    try backend.read(name, body)
  }

  /// Runs `body` as a transaction of which nobody is told, without waiting for the disk: see ``Backend/writeAhead``.
  func writeAhead(
    _ body: @escaping @Sendable (any Session) throws(MaquetteError) -> Void
  ) throws(MaquetteError) {
    try backend.writeAhead(name, committed: { _ in }, body)
  }

  /// Runs `body` as a transaction and hands out the events it returns.
  func write<Result: Sendable>(
    _ body: @escaping @Sendable (any Session) throws(MaquetteError) -> (Result, [ServiceEvent])
  ) throws(MaquetteError) -> Result {
    try writeBatch { (session) throws(MaquetteError) in
      let (result, events) = try body(session)
      return (result, EventBatch(events))
    }
  }

  /// As ``write(_:)``, for what may be many events.
  func writeBatch<Result: Sendable>(
    _ body: @escaping @Sendable (any Session) throws(MaquetteError) -> (Result, EventBatch)
  ) throws(MaquetteError) -> Result {
    let outbox = outbox
    let (result, _) = try backend.write(
      name,
      committed: { (outcome: (Result, EventBatch)) in
        if !outcome.1.isEmpty { outbox.add(outcome.1) }
      },
      { (session) throws(MaquetteError) in
        let outcome = try body(session)
        try session.log(outcome.1)
        return outcome
      })
    outbox.drain { batch in
      batches.set(batch)
      events.set(making: { batch.all })
    }
    return result
  }

  // MARK: Reading

  static func identifier(_ id: String) throws(MaquetteError) -> DocumentID {
    guard let identifier = DocumentID(id) else { throw missing(id) }
    return identifier
  }

  static func missing(_ id: String) -> MaquetteError {
    MaquetteError(.notFound, "No record found for id '\(id)'", name: id)
  }

  /// The document of that id.
  ///
  /// - Throws: ``MaquetteError/Code/notFound`` with the id as its name.
  public func get(_ id: String) throws(MaquetteError) -> JSONObject {
    let identifier = try Self.identifier(id)
    let record = try read { (session) throws(MaquetteError) in try session.record(identifier, .all) }
    guard let record else { throw Self.missing(id) }
    return record.document
  }

  /// Whether there is a document of that id.
  package func contains(_ id: String) throws(MaquetteError) -> Bool {
    guard let identifier = DocumentID(id) else { return false }
    return try read { (session) throws(MaquetteError) in try session.record(identifier, []) } != nil
  }

  /// The document whose `name` is that; of several the one that was created or updated last, nil where there is none.
  public func newest(named name: String) throws(MaquetteError) -> JSONObject? {
    try read { (session) throws(MaquetteError) in try session.newest(named: name, .all) }?.document
  }

  /// The bytes of a file of a document.
  ///
  /// - Parameter path: `<folder>/<name>`, as the document's `files` gives it.
  /// - Throws: ``MaquetteError/Code/notFound`` with the path as its name.
  public func file(at path: String) throws(MaquetteError) -> [UInt8] {
    guard let bytes = try backend.file(at: path, of: name) else {
      throw MaquetteError(.notFound, "there is no file '\(path)' in the store", name: path)
    }
    return bytes
  }
}
