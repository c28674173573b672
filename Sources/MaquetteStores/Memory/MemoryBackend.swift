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
