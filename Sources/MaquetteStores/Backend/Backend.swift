import MaquetteFormats
import MaquetteKernels
import MaquetteSystem

/// Where a store keeps its services.
protocol Backend: AnyObject, Sendable {
  /// The names of all services, in the order they were made.
  func serviceNames() throws(MaquetteError) -> [String]

  func hasService(_ name: String) throws(MaquetteError) -> Bool

  /// Makes the service of that name if it isn't there.
  func openService(_ name: String) throws(MaquetteError)

  /// Runs `body` on one consistent state of a service.
  func read<Result: Sendable>(
    _ service: String, _ body: @escaping @Sendable (any Session) throws(MaquetteError) -> Result
  ) throws(MaquetteError) -> Result

  /// Runs `body` as one transaction, alone: all of it happens, or nothing.
  ///
  /// - Parameter committed: called once it has happened, before any other transaction of the store, and only then.
  ///   It must not call the store.
  func write<Result: Sendable>(
    _ service: String, committed: @escaping @Sendable (Result) -> Void,
    _ body: @escaping @Sendable (any Session) throws(MaquetteError) -> Result
  ) throws(MaquetteError) -> Result

  /// As ``write(_:committed:_:)``, without waiting for the disk: what was written survives the process at once, a loss of
  /// power only once anything is written that waits.
  func writeAhead<Result: Sendable>(
    _ service: String, committed: @escaping @Sendable (Result) -> Void,
    _ body: @escaping @Sendable (any Session) throws(MaquetteError) -> Result
  ) throws(MaquetteError) -> Result

  func file(_ folder: String, _ name: String) throws(MaquetteError) -> [UInt8]?

  /// The bytes of a file of a document of that service; nil where there is none.
  ///
  /// - Parameter path: as the document's `files` gives it. For a store of our own that is `<folder>/<name>`.
  func file(at path: String, of service: String) throws(MaquetteError) -> [UInt8]?

  // MARK: What others do

  /// Tells from now on what others do to a service: everything that is written after this has returned, in order, each
  /// once; not what this store does itself. One receiver for each service.
  ///
  /// - Throws: what the store meets; it then goes on trying, and tells `reloaded` once it has succeeded.
  func watch(_ service: String, _ receiver: ChangeReceiver) throws(MaquetteError)

  /// Tells no more of a service. A call of the receiver that is running may outlast this.
  func unwatch(_ service: String)
}

/// A store that nobody else writes to has nothing to tell.
extension Backend {
  func watch(_ service: String, _ receiver: ChangeReceiver) throws(MaquetteError) {}
  func unwatch(_ service: String) {}
}

extension Backend {
  func hasService(_ name: String) throws(MaquetteError) -> Bool { try serviceNames().contains(name) }

  func file(at path: String, of service: String) throws(MaquetteError) -> [UInt8]? {
    guard let (folder, name) = Folder.split(path) else { return nil }
    return try file(folder, name)
  }

  func writeAhead<Result: Sendable>(
    _ service: String, committed: @escaping @Sendable (Result) -> Void,
    _ body: @escaping @Sendable (any Session) throws(MaquetteError) -> Result
  ) throws(MaquetteError) -> Result {
    try write(service, committed: committed, body)
  }
}

/// Tells two states of a service apart.
struct StoreVersion: Sendable, Equatable {
  /// Moves when another connection or process wrote to the store.
  var foreign: Int64 = 0
  /// Transactions of this store on the service so far, and those of others that it was told of.
  var own: UInt64 = 0
}

/// Which instances are wanted next.
struct BlockRequest: Sendable {
  let dataset: String
  let target: TargetKind
  /// The most rows to give.
  let rows: Int
  /// Where the features are; for another field than `x` the documents are read one by one.
  var field = "x"
  /// Whether `y` is wanted as it is, whatever it is: as the ``InstanceTable/truth``, in the place of labels.
  var keepsTruth = false
  /// Where the last instance of the block before was.
  var position = Int64.min
  /// What the blocks before have brought.
  var width: Int?
  var targetWidth: Int?
  var labels = LabelInterner()
}

/// Some instances, and how to go on.
struct Block: Sendable {
  let table: InstanceTable
  /// The request for the instances behind these.
  let next: BlockRequest
}

/// A document that is to be stored.
struct NewRecord: Sendable {
  var record: Record
  /// Its files; its `files` is to name them.
  var folder: Folder?
  /// Whether its id came with it, and is to stay.
  var bringsID = false
}

/// What can be done with a service inside of one transaction.
///
/// A backend that can't undo relies on its callers to check everything before they change anything.
protocol Session: AnyObject {
  var version: StoreVersion { get }

  /// As ``version``, where that must be asked for.
  func currentVersion() throws(MaquetteError) -> StoreVersion

  /// - Throws: ``MaquetteError/Code/inputOutput`` when what the store is kept in is not there any more.
  func requirePresence() throws(MaquetteError)

  // MARK: Reading

  func record(_ id: DocumentID, _ parts: RecordParts) throws(MaquetteError) -> Record?
  /// The record at a place that ``scan`` gave in this session.
  func record(at place: Int64, _ parts: RecordParts) throws(MaquetteError) -> Record?
  /// Calls `body` with the records of a dataset, or of the service for nil, in the order they were created, until
  /// it returns false.
  ///
  /// - Parameters:
  ///   - position: where to begin: behind the record of that ``position(of:)``.
  ///   - skip: how many records to pass over.
  func scan(
    _ dataset: String?, _ parts: RecordParts, behind position: Int64, skip: Int,
    _ body: (Record) throws(MaquetteError) -> Bool
  ) throws(MaquetteError)
  /// Calls `body` with the records of a dataset, or of the service for nil, in the order they were created, until it
  /// returns false.
  ///
  /// - Parameters:
  ///   - condition: records that don't match it may be left out; those that come are still to be asked.
  ///   - position: where to begin: behind the record of that ``position(of:)``.
  func scan(
    _ dataset: String?, _ parts: RecordParts, matching condition: Condition, behind position: Int64,
    _ body: (Record) throws(MaquetteError) -> Bool
  ) throws(MaquetteError)
  /// How many records of a dataset, or of the service for nil, match.
  func count(of condition: Condition, in dataset: String?) throws(MaquetteError) -> Int
  /// How many records match a query, and those of the page it asks for, with what it selects.
  func page(_ query: Query, in dataset: String?) throws(MaquetteError) -> (total: Int, records: [Record])
  /// Where a record that ``scan`` gave stands among all, in this session and in later ones.
  func position(of record: Record) -> Int64
  func count(_ dataset: String?) throws(MaquetteError) -> Int
  /// How many numbers the rows of a dataset have, not counting one of them; nil where none has any.
  func width(_ dataset: String, except id: DocumentID?) throws(MaquetteError) -> Int?
  /// The record of that name with the latest `updatedAt`.
  func newest(named name: String, _ parts: RecordParts) throws(MaquetteError) -> Record?
  /// All instances of a dataset. A label that may be missing is read as one that may not.
  func table(_ dataset: String, _ target: TargetKind) throws(MaquetteError) -> InstanceTable
  /// Reads the features of all instances of a dataset into memory for just them, row after row, and returns their
  /// labels; nil where the store does that no better than ``table(_:_:)``, or the memory is for other rows.
  func read(_ dataset: String, into features: FloatBuffer) throws(MaquetteError) -> LabelColumn?
  /// The next instances of a dataset.
  func block(_ request: BlockRequest) throws(MaquetteError) -> Block
  /// What the predictions of the service have in common; nil where no batch was made.
  func predictionRun() throws(MaquetteError) -> PredictionRun?
  /// All predictions, in the order they were made. Documents that somebody else put into the service are read as
  /// predictions of that form.
  func predictions(_ form: PredictionForm) throws(MaquetteError) -> PredictionTable

  // MARK: Writing

  func insert(_ record: Record) throws(MaquetteError)
  func insert(_ rows: BulkRows) throws(MaquetteError)
  func insert(_ predictions: BulkPredictions) throws(MaquetteError)
  /// Deletes all documents of the service, their files with them, and notes what those that come have in common.
  func begin(_ run: PredictionRun?) throws(MaquetteError)
  /// Puts a record in the place of the one with its id.
  func update(_ record: Record) throws(MaquetteError)
  func delete(_ record: Record) throws(MaquetteError)
  /// Deletes all records of a dataset, and returns how many there were.
  func clear(_ dataset: String) throws(MaquetteError) -> Int

  /// Adds files; to a folder that is there already, where it has one of that name.
  func insert(_ folder: Folder, of id: DocumentID) throws(MaquetteError)
  func deleteFiles(of id: DocumentID) throws(MaquetteError)

  /// Makes an index where there is none.
  func createIndex(on field: IndexedField) throws(MaquetteError)

  // MARK: Writing, by a store that has a say in what is written

  /// Stores new records with their files, and returns them as they are stored: a server makes ids and dates itself.
  func store(_ records: [NewRecord]) throws(MaquetteError) -> [Record]
  /// Puts a record in the place of the one with its id, and returns it as it is stored.
  ///
  /// - Parameters:
  ///   - old: what is there; its fields at least.
  ///   - folder: new files, with the document's `files` to name them.
  ///   - dropsFiles: whether the old files go.
  func replace(
    _ old: Record, with record: Record, _ folder: Folder?, dropsFiles: Bool
  ) throws(MaquetteError) -> Record
  /// Stores new instances, and returns what is stored.
  func store(_ rows: BulkRows) throws(MaquetteError) -> EventSource.Content
  /// Stores new predictions, and returns what is stored.
  func store(_ predictions: BulkPredictions) throws(MaquetteError) -> EventSource.Content

  // MARK: Folders by name

  /// The names of the service's folders that begin so, in the order of names.
  func folders(beginning prefix: String) throws(MaquetteError) -> [String]
  /// The files of a folder, in the order they were added.
  func files(in folder: String) throws(MaquetteError) -> [StoredFile]
  func delete(folder: String, of id: DocumentID) throws(MaquetteError)

  // MARK: For others

  /// Notes what the transaction does, so that whoever else watches the service learns of it.
  func log(_ batch: EventBatch) throws(MaquetteError)
}

/// For a store that nobody else can watch.
extension Session {
  func log(_ batch: EventBatch) throws(MaquetteError) {}
}

extension Session {
  /// As ``scan(_:_:behind:skip:_:)``, from the beginning.
  func scan(
    _ dataset: String?, _ parts: RecordParts, skip: Int,
    _ body: (Record) throws(MaquetteError) -> Bool
  ) throws(MaquetteError) {
    try scan(dataset, parts, behind: .min, skip: skip, body)
  }
}
