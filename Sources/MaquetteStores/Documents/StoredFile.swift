import MaquetteFormats
import MaquetteSystem

/// A file that is stored with a document.
public struct StoredFile: Sendable, Equatable {
  /// What it is called among the document's files, e.g. `model.json`.
  public let name: String
  public let bytes: [UInt8]

  public init(name: String, bytes: [UInt8]) {
    self.name = name
    self.bytes = bytes
  }
}

/// Where the files of one document are kept.
struct Folder: Sendable {
  let name: String
  let files: [StoredFile]

  /// A new folder for the files; nil for no files.
  ///
  /// - Throws: ``MaquetteError/Code/invalidArgument`` for a name that can't be part of a path, or comes twice.
  init?(_ files: [StoredFile]) throws(MaquetteError) {
    guard !files.isEmpty else { return nil }
    var seen: Set<String> = []
    for file in files {
      guard !file.name.isEmpty, !file.name.utf8.contains(where: { $0 == 0 || $0 == UInt8(ascii: "/") }) else {
        throw MaquetteError(
          .invalidArgument,
          "'\(file.name)' can't be the name of a file: it must not be empty or hold '/' or NUL",
          name: file.name)
      }
      guard seen.insert(file.name).inserted else {
        throw MaquetteError(
          .invalidArgument, "two files of one document are called '\(file.name)'", name: file.name)
      }
    }
    name = DocumentID.make().text
    self.files = files
  }

  /// A folder of that name with one file; both come from the library itself.
  init(name: String, _ file: StoredFile) {
    self.name = name
    files = [file]
  }

  /// What the document says about its files: `[["model.json", "<folder>/model.json"], …]`.
  var json: JSON {
    .array(files.map { .array([.string($0.name), .string("\(name)/\($0.name)")]) })
  }

  /// The folder and the file that a path names; nil unless it has that form.
  static func split(_ path: String) -> (folder: String, name: String)? {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { return nil }
    return (String(parts[0]), String(parts[1]))
  }

  /// Whether a document's `files` still names something in the folder of the stored document's `files`.
  static func isShared(_ old: JSON?, _ new: JSON?) -> Bool {
    guard let old, !paths(old).isEmpty else { return false }
    return !Set(paths(old)).isDisjoint(with: paths(new))
  }

  private static func paths(_ files: JSON?) -> [String] {
    files?.array?.compactMap { $0.array?.last?.string } ?? []
  }
}
