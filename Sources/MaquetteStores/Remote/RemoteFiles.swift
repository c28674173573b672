import MaquetteFormats
import MaquetteSystem

/// Files of documents, in a service of their own on the server.
///
/// A Marcelle backend takes files of TensorFlow.js models, and pictures and sounds as assets, but nothing else. All other
/// files, the safetensors of our models among them, are documents here: pieces of 48 kB in base64, which stay below the
/// 100 kB that servers take at once, and which nobody reads who lists the models they belong to.
struct RemoteFiles {
  static let service = "maquette-files"
  /// The service whose files the server takes itself.
  static let uploadService = "tfjs-models"

  private static let pieceBytes = 48 << 10

  let client: FeathersClient
  let ids: RemoteIDs
  let service: RemoteService

  /// Adds the files of a folder.
  ///
  /// - Parameter owner: the service whose document they belong to.
  func insert(_ folder: Folder, owner: String) throws(MaquetteError) {
    for file in folder.files {
      let pieces = max(1, (file.bytes.count + Self.pieceBytes - 1) / Self.pieceBytes)
      for piece in 0..<pieces {
        let bytes = file.bytes[min(piece * Self.pieceBytes, file.bytes.count)...].prefix(Self.pieceBytes)
        let document: JSONObject = [
          "folder": .string(folder.name), "owner": .string(owner), "name": .string(file.name),
          "piece": JSON(piece),
          "pieces": JSON(pieces), "data": .string(Base64.text(bytes)),
        ]
        _ = try service.spaced { () throws(MaquetteError) in try client.create(Self.service, document) }
      }
    }
  }

  /// The files of a folder, in the order they were added.
  func files(in folder: String) throws(MaquetteError) -> [StoredFile] {
    var query = QueryString()
    query.add("folder", folder)
    return try read(query) { _ in true }
  }

  func file(_ folder: String, _ name: String) throws(MaquetteError) -> [UInt8]? {
    var query = QueryString()
    query.add("folder", folder)
    if ServerFilter.isPlain(name) { query.add("name", name) }
    return try read(query) { $0 == name }.first?.bytes
  }

  private func read(_ query: QueryString, _ isWanted: (String) -> Bool) throws(MaquetteError) -> [StoredFile]
  {
    var names: [String] = []
    var pieces: [String: [Int: [UInt8]]] = [:]
    var counts: [String: Int] = [:]
    try walk(query) { (document) throws(MaquetteError) in
      guard let name = document["name"]?.string, let piece = document["piece"]?.integer,
        let count = document["pieces"]?.integer, let data = document["data"]?.string,
        let bytes = Base64.bytes(data)
      else {
        throw MaquetteError(.badFormat, "a piece of a stored file is damaged", name: Self.service)
      }
      guard isWanted(name) else { return }
      if pieces[name] == nil { names.append(name) }
      pieces[name, default: [:]][piece] = bytes
      counts[name] = count
    }
    var files: [StoredFile] = []
    for name in names {
      let found = pieces[name] ?? [:]
      var bytes: [UInt8] = []
      for piece in 0..<max(found.count, min(counts[name] ?? 0, found.count + 1)) {
        guard let part = found[piece] else {
          throw MaquetteError(.badFormat, "the stored file '\(name)' lacks a piece", name: name)
        }
        bytes += part
      }
      files.append(StoredFile(name: name, bytes: bytes))
    }
    return files
  }

  /// Deletes folders with all they hold.
  func delete(_ folders: [String]) throws(MaquetteError) {
    // More elements than 20 a server's parser may take for an object.
    for start in stride(from: 0, to: folders.count, by: 20) {
      var query = QueryString()
      for folder in folders[start...].prefix(20) { query.add(["folder", "$in", ""], folder) }
      try deleteAll(query)
    }
  }

  /// Deletes the files of all documents of a service.
  func deleteAll(owner: String) throws(MaquetteError) {
    var query = QueryString()
    query.add("owner", owner)
    try deleteAll(query)
  }

  private func deleteAll(_ query: QueryString) throws(MaquetteError) {
    var query = query
    query.add("$select", ["_id"])
    let all = query
    _ = try service.spaced { () throws(MaquetteError) in try client.removeAll(Self.service, all) }
  }

  /// Whether any document of a service has files here.
  func hasAny(owner: String) throws(MaquetteError) -> Bool {
    var query = QueryString()
    query.add("owner", owner)
    query.add("$limit", "0")
    return try client.find(Self.service, query).total > 0
  }

  /// The names of the folders of a service's documents that begin so, in the order of names.
  func folders(beginning prefix: String, owner: String) throws(MaquetteError) -> [String] {
    var query = QueryString()
    query.add("owner", owner)
    query.add("$select", ["folder"])
    var names: Set<String> = []
    try walk(query) { document in
      if let name = document["folder"]?.string, name.hasPrefix(prefix) { names.insert(name) }
    }
    return names.sorted()
  }

  private func walk(
    _ query: QueryString, _ body: (JSONObject) throws(MaquetteError) -> Void
  ) throws(MaquetteError) {
    var pages = PageWalk(client, Self.service, query)
    while let documents = try pages.next() {
      for document in documents { try body(document) }
    }
  }
}
