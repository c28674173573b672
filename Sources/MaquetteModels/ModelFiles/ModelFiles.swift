public import MaquetteFormats
public import MaquetteStores
public import MaquetteSystem

/// Files that a model is read from, and the JSON among them.
public struct ModelFiles: Sendable {
  public let files: [StoredFile]
  /// The files that are JSON.
  public let documents: [(name: String, json: JSON)]
  /// What is wrong with the first that looks like JSON and isn't; other files may begin so by chance.
  let damage: MaquetteError?
  /// Where the files lie, with a slash; nil for files in memory.
  private let folder: String?

  /// The most bytes of one file.
  static let mostBytes = 2 << 30
  /// The most bytes of JSON, which takes several times as much memory.
  static let mostJSON = 512 << 20

  /// Files in memory.
  ///
  /// - Throws: ``MaquetteError/Code/invalidArgument`` for none.
  public init(_ files: [StoredFile]) throws(MaquetteError) {
    try self.init(files, in: nil)
  }

  private init(_ files: [StoredFile], in folder: String?) throws(MaquetteError) {
    guard !files.isEmpty else {
      throw MaquetteError(.invalidArgument, "there is no file to read a model from", name: "paths")
    }
    self.files = files
    self.folder = folder
    var documents: [(name: String, json: JSON)] = []
    var damage: MaquetteError?
    for file in files where file.looksLikeJSON {
      do throws(MaquetteError) {
        documents.append((file.name, try file.json()))
      } catch {
        damage = damage ?? error
      }
    }
    self.documents = documents
    self.damage = damage
  }

  /// Files on the disk.
  ///
  /// - Throws: as ``init(_:)``; ``MaquetteError/Code/inputOutput`` for one that can't be read.
  public init(reading paths: [String]) throws(MaquetteError) {
    var files: [StoredFile] = []
    for path in paths {
      files.append(
        StoredFile(name: path.fileName, bytes: try Files.read(path, limit: Self.mostBytes)))
    }
    try self.init(files, in: paths.first?.folder)
  }

  /// What messages call them.
  public var description: String { files.map { quoted($0.name) }.joined(separator: " with ") }

  /// The bytes of a file that another one names: one of those given, else the one that lies beside the first of them.
  ///
  /// - Parameters:
  ///   - path: of which only the file's name counts, so that no file leads out of its folder.
  ///   - isOnly: whether there is no other one to take it for: what was renamed is found then.
  ///   - what: what messages call the file that names it.
  /// - Throws: ``MaquetteError/Code/badFormat`` where there is none.
  func bytes(of path: String, isOnly: Bool, for what: String) throws(MaquetteError) -> [UInt8] {
    let name = path.fileName
    if let file = files.first(where: { $0.name == name }) { return file.bytes }
    let others = files.filter { file in !documents.contains { $0.name == file.name } }
    if isOnly, others.count == 1 { return others[0].bytes }
    if let file = try beside(name) { return file }
    throw MaquetteError(
      .badFormat, "\(what) can't be read without \(quoted(name)), which was not given with it", name: name)
  }

  /// A JSON file of that name, among those given or, if that is asked for, beside the first of them; nil where there is
  /// none.
  func document(_ name: String, beside isSought: Bool) throws(MaquetteError) -> JSON? {
    if let document = documents.first(where: { $0.name == name }) { return document.json }
    guard isSought, let bytes = try beside(name), bytes.count <= Self.mostJSON else { return nil }
    // It was not given: what it is not, it need not be.
    return try? JSON(parsing: bytes, as: quoted(name))
  }

  private func beside(_ name: String) throws(MaquetteError) -> [UInt8]? {
    guard let folder, !name.isEmpty, Files.isFile(folder + name) else { return nil }
    return try Files.read(folder + name, limit: Self.mostBytes)
  }
}

extension StoredFile {
  /// - Throws: ``MaquetteError/Code/badFormat``, or ``MaquetteError/Code/unsupported`` for too much of it.
  fileprivate func json() throws(MaquetteError) -> JSON {
    guard bytes.count <= ModelFiles.mostJSON else {
      throw MaquetteError(
        .unsupported, "\(quoted(name)) has more than \(ModelFiles.mostJSON >> 20) MB of JSON", name: name)
    }
    do throws(MaquetteError) {
      return try JSON(parsing: bytes, as: quoted(name))
    } catch {
      throw MaquetteError(.badFormat, error.message, name: name)
    }
  }

  fileprivate var looksLikeJSON: Bool {
    if name.lowercased().hasSuffix(".json") { return true }
    let first = bytes.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
    return first == UInt8(ascii: "{") || first == UInt8(ascii: "[")
  }
}

extension String {
  /// What follows the last slash.
  var fileName: String {
    utf8.lastIndex(of: UInt8(ascii: "/")).map { String(self[utf8.index(after: $0)...]) } ?? self
  }

  /// The folder of a path, with its slash; nothing where there is none.
  var folder: String {
    utf8.lastIndex(of: UInt8(ascii: "/")).map { String(self[...$0]) } ?? ""
  }

  /// Without that ending, if it has it.
  func without(ending: String) -> String { hasSuffix(ending) ? String(dropLast(ending.count)) : self }
}
