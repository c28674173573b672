import MaquetteFormats
import MaquetteSystem
import Synchronization

/// Services on a Marcelle backend, or any server that speaks Feathers' REST.
///
/// The server makes ids and dates, and answers what it can of a query; the rest is done here. There are no transactions:
/// of a call that writes several documents some may be written when it fails, and a call that reads several pages may
/// see what others write meanwhile.
final class RemoteBackend: Backend {
  let client: FeathersClient
  let ids = RemoteIDs()
  private let services = Mutex<[(name: String, service: RemoteService)]>([])
  /// Which document has the files that an upload put somewhere, by that place.
  private let uploads = Mutex<[String: (id: DocumentID, name: String)]>([:])

  let watcher: RemoteWatcher

  /// - Throws: what asking the server for its services meets.
  init(_ options: RemoteOptions) throws(MaquetteError) {
    client = try FeathersClient(options)
    let owner = Owner()
    watcher = RemoteWatcher(interval: options.poll) { owner.backend?.look(at: $0) }
    _ = try client.services()
    owner.set(self)
  }

  deinit { watcher.stop() }

  /// The backend as its thread knows it, which must not keep it.
  private final class Owner: Sendable {
    private struct Reference {
      weak var backend: RemoteBackend?
    }

    private let reference = Mutex(Reference())
    var backend: RemoteBackend? { reference.withLock { $0.backend } }
    func set(_ backend: RemoteBackend) { reference.withLock { $0.backend = backend } }
  }

  // MARK: Services

  func serviceNames() throws(MaquetteError) -> [String] {
    let told = (try client.services() ?? []).filter { $0 != RemoteFiles.service }
    let opened = services.withLock { $0.map(\.name) }.filter { $0 != RemoteFiles.service }
    return told + opened.filter { name in !told.contains { isSame($0, name) } }
  }

  /// A server makes services as they are asked for, and lists those it was asked for since it was started.
  func hasService(_ name: String) throws(MaquetteError) -> Bool {
    if try serviceNames().contains(where: { isSame($0, name) }) { return true }
    var query = QueryString()
    query.add("$limit", "0")
    do throws(MaquetteError) {
      return try client.find(name, query).total > 0
    } catch  where error.code == .notFound {
      return false
    }
  }

  func openService(_ name: String) throws(MaquetteError) { _ = service(name) }

  func service(_ name: String) -> RemoteService {
    services.withLock { services in
      if let known = services.first(where: { isSame($0.name, name) }) { return known.service }
      let service = RemoteService(name)
      services.append((name, service))
      return service
    }
  }

  // MARK: Reading and writing

  func read<Result: Sendable>(
    _ service: String, _ body: @escaping @Sendable (any Session) throws(MaquetteError) -> Result
  ) throws(MaquetteError) -> Result {
    try body(RemoteSession(self, self.service(service)))
  }

  func write<Result: Sendable>(
    _ service: String, committed: @escaping @Sendable (Result) -> Void,
    _ body: @escaping @Sendable (any Session) throws(MaquetteError) -> Result
  ) throws(MaquetteError) -> Result {
    let service = self.service(service)
    return try service.whileWriting { () throws(MaquetteError) in
      let session = RemoteSession(self, service)
      let result = try body(session)
      try session.cleanUp()
      service.noteTransaction()
      committed(result)
      return result
    }
  }

  // MARK: Files

  /// Files that came with documents and were not uploaded.
  var files: RemoteFiles { RemoteFiles(client: client, ids: ids, service: service(RemoteFiles.service)) }

  func file(_ folder: String, _ name: String) throws(MaquetteError) -> [UInt8]? {
    try files.file(folder, name)
  }

  func file(at path: String, of service: String) throws(MaquetteError) -> [UInt8]? {
    if service == RemoteFiles.uploadService {
      if uploads.withLock({ $0[path] }) == nil {
        // Reading a document notes where its files are.
        try RemoteSession(self, self.service(service)).walk(ServerFilter(), selecting: ["files"]) { _ in
          uploads.withLock { $0[path] } == nil
        }
      }
      if let upload = uploads.withLock({ $0[path] }),
        let bytes = try client.file(service, ids.text(upload.id), upload.name)
      {
        return bytes
      }
    }
    guard let (folder, name) = Folder.split(path) else { return nil }
    return try files.file(folder, name)
  }

  /// Notes where the files of a model are, for ``file(at:of:)``.
  func noteUploads(of record: Record) {
    for entry in record.fields["files"]?.array ?? [] {
      guard let pair = entry.array, pair.count == 2, let name = pair[0].string, let place = pair[1].string
      else { continue }
      uploads.withLock { $0[place] = (record.id, name) }
    }
  }
}
