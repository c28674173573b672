import MaquetteSystem
import Synchronization

/// Services that end with the process.
final class MemoryBackend: Backend {
  private let services = Mutex<[(name: String, service: MemoryService)]>([])
  private let files = Mutex<[String: MemoryFolder]>([:])

  func serviceNames() throws(MaquetteError) -> [String] {
    services.withLock { $0.map(\.name) }
  }

  func openService(_ name: String) throws(MaquetteError) {
    services.withLock { services in
      guard !services.contains(where: { isSame($0.name, name) }) else { return }
      services.append((name, MemoryService()))
    }
  }

  private func service(_ name: String) throws(MaquetteError) -> MemoryService {
    guard let service = services.withLock({ $0.first { isSame($0.name, name) }?.service }) else {
      throw MaquetteError(.notFound, "there is no service '\(name)'", name: name)
    }
    return service
  }

  func read<Result: Sendable>(
    _ service: String, _ body: @escaping @Sendable (any Session) throws(MaquetteError) -> Result
  ) throws(MaquetteError) -> Result {
    try self.service(service).content.withLock { (content) throws(MaquetteError) in
      try body(MemorySession(content, self))
    }
  }

  func write<Result: Sendable>(
    _ service: String, committed: @escaping @Sendable (Result) -> Void,
    _ body: @escaping @Sendable (any Session) throws(MaquetteError) -> Result
  ) throws(MaquetteError) -> Result {
    try self.service(service).content.withLock { (content) throws(MaquetteError) in
      let result = try body(MemorySession(content, self))
      content.version.own += 1
      committed(result)
      return result
    }
  }

  func file(_ folder: String, _ name: String) throws(MaquetteError) -> [UInt8]? {
    files.withLock { $0[folder]?.files.first { $0.name == name }?.bytes }
  }

  func keep(_ folder: Folder, of id: DocumentID, in content: MemoryContent) {
    if content.folders[id]?.contains(folder.name) != true {
      content.folders[id, default: []].append(folder.name)
    }
    files.withLock { $0[folder.name, default: MemoryFolder(files: [])].files += folder.files }
  }

  func files(in folder: String) -> [StoredFile] { files.withLock { $0[folder]?.files } ?? [] }

  func drop(_ folder: String, of id: DocumentID, in content: MemoryContent) {
    guard let place = content.folders[id]?.firstIndex(of: folder) else { return }
    content.folders[id]?.remove(at: place)
    if content.folders[id]?.isEmpty == true { content.folders[id] = nil }
    files.withLock { $0[folder] = nil }
  }

  func dropFiles(of id: DocumentID, in content: MemoryContent) {
    guard let folders = content.folders.removeValue(forKey: id) else { return }
    files.withLock { files in
      for folder in folders { files[folder] = nil }
    }
  }
}

struct MemoryFolder: Sendable {
  var files: [StoredFile]
}

final class MemoryService: Sendable {
  let content = Monitor(MemoryContent())
}

/// The documents of one service; touched with its service's lock held only.
final class MemoryContent {
  /// In the order they were created; nil where one was deleted.
  var records: [Record?] = []
  /// For each of them a number that only grows and that it keeps while gaps are closed: where a reader is.
  private(set) var positions: [Int64] = []
  private var lastPosition: Int64 = 0
  var places: [DocumentID: Int] = [:]
  var folders: [DocumentID: [String]] = [:]
  var tallies: [ExactText: Tally] = [:]
  var version = StoreVersion()
  var predictionRun: PredictionRun?

  /// What is known of a dataset without looking at its records.
  struct Tally {
    var count = 0
    /// How many records have so many numbers.
    var widths: [Int: Int] = [:]
  }

  func add(_ record: Record) {
    places[record.id] = records.count
    records.append(record)
    lastPosition += 1
    positions.append(lastPosition)
    tally(record, 1)
  }

  func remove(_ record: Record) {
    guard let place = places.removeValue(forKey: record.id) else { return }
    records[place] = nil
    tally(record, -1)
    if records.count > 64 && places.count < records.count / 2 { closeGaps() }
  }

  func removeAll() {
    records = []
    positions = []
    places = [:]
    tallies = [:]
  }

  /// The first place whose position is greater.
  func place(after position: Int64) -> Int {
    var low = 0
    var high = positions.count
    while low < high {
      let middle = (low + high) / 2
      if positions[middle] > position { high = middle } else { low = middle + 1 }
    }
    return low
  }

  func tally(_ record: Record, _ difference: Int) {
    guard let dataset = record.dataset.map(ExactText.init) else { return }
    tallies[dataset, default: Tally()].count += difference
    if let width = record.features?.width {
      tallies[dataset, default: Tally()].widths[width, default: 0] += difference
    }
  }

  func closeGaps() {
    positions = zip(records, positions).filter { $0.0 != nil }.map(\.1)
    records = records.filter { $0 != nil }
    for (place, record) in records.enumerated() {
      if let record { places[record.id] = place }
    }
  }
}
