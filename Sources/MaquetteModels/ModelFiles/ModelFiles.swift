public import MaquetteFormats
public import MaquetteStores
public import MaquetteSystem

/// Files that a model is read from, and the JSON among them.
public struct ModelFiles: Sendable {
  public let files: [StoredFile]
  /// The files that are JSON, by their names, or the only file, by its first character.
  public let documents: [(name: String, json: JSON)]

  /// The most bytes of one file.
  static let mostBytes = 2 << 30
  /// The most bytes of JSON, which takes several times as much memory.
  static let mostJSON = 512 << 20

  /// Files in memory.
  ///
  /// - Throws: ``MaquetteError/Code/invalidArgument`` for none; ``MaquetteError/Code/badFormat`` for JSON that is none;
  ///   ``MaquetteError/Code/unsupported`` for too much of it.
  public init(_ files: [StoredFile]) throws(MaquetteError) {
    guard !files.isEmpty else {
      throw MaquetteError(.invalidArgument, "there is no file to read a model from", name: "paths")
    }
    self.files = files
    var documents: [(name: String, json: JSON)] = []
    for file in files
    where file.name.lowercased().hasSuffix(".json") || files.count == 1 && file.looksLikeJSON {
      guard file.bytes.count <= Self.mostJSON else {
        throw MaquetteError(
          .unsupported, "\(quoted(file.name)) has more than \(Self.mostJSON >> 20) MB of JSON",
          name: file.name)
      }
      do throws(MaquetteError) {
        documents.append((file.name, try JSON(parsing: file.bytes, as: quoted(file.name))))
      } catch {
        throw MaquetteError(.badFormat, error.message, name: file.name)
      }
    }
    self.documents = documents
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
    try self.init(files)
  }

  /// What messages call them.
  public var description: String { files.map { quoted($0.name) }.joined(separator: " with ") }
}

extension StoredFile {
  fileprivate var looksLikeJSON: Bool {
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
