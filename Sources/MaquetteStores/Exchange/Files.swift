import Glibc
package import MaquetteSystem

/// Bytes that can be read from the front as often as needed.
enum ByteSource: Sendable {
  case file(String)
  case bytes([UInt8])

  /// What it is called in messages.
  var description: String {
    switch self {
    case .file(let path): quoted(path)
    case .bytes: "the text"
    }
  }

  /// What gives the bytes, some at a time, and none at the end.
  ///
  /// - Throws: ``MaquetteError/Code/inputOutput`` for a file that can't be read, or is none; so does what is returned.
  func open() throws(MaquetteError) -> () throws(MaquetteError) -> [UInt8] {
    switch self {
    case .bytes(let bytes):
      var left = bytes
      return { () throws(MaquetteError) in
        defer { left = [] }
        return left
      }
    case .file(let path):
      let file = try ReadFile(path)
      return { () throws(MaquetteError) in try file.read() }
    }
  }
}

/// A file that is read from the front.
private final class ReadFile {
  private let path: String
  private let descriptor: Int32
  private static let pieceBytes = 1 << 18

  init(_ path: String) throws(MaquetteError) {
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw MaquetteError(.invalidArgument, "\(quoted(path)) can't be the path of a file", name: "path")
    }
    self.path = path
    // Without waiting: what is a pipe is told apart afterwards.
    descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw failure("open", path, errno) }
    var about = stat()
    guard fstat(descriptor, &about) == 0, about.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw MaquetteError(.inputOutput, "\(quoted(path)) is no regular file", name: path)
    }
  }

  deinit { close(descriptor) }

  func read() throws(MaquetteError) -> [UInt8] {
    var code: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: Self.pieceBytes) { buffer, count in
      var got = -1
      repeat {
        got = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
      } while got < 0 && errno == EINTR
      code = got < 0 ? errno : 0
      count = max(0, got)
    }
    guard code == 0 else { throw failure("read", path, code) }
    return bytes
  }
}

/// Files that are read and written as a whole.
package enum Files {
  /// Whether there is a folder at the path.
  package static func isFolder(_ path: String) -> Bool { isThere(path, S_IFDIR) }

  /// Whether there is a regular file at the path.
  package static func isFile(_ path: String) -> Bool { isThere(path, S_IFREG) }

  private static func isThere(_ path: String, _ kind: mode_t) -> Bool {
    var about = stat()
    return !path.utf8.contains(0) && stat(path, &about) == 0 && about.st_mode & S_IFMT == kind
  }

  /// All bytes of a file.
  ///
  /// - Throws: ``MaquetteError/Code/inputOutput`` for a file that can't be read, or is none;
  ///   ``MaquetteError/Code/unsupported`` for one of more than `limit` bytes.
  package static func read(_ path: String, limit: Int) throws(MaquetteError) -> [UInt8] {
    let file = try ReadFile(path)
    var bytes: [UInt8] = []
    while true {
      let piece = try file.read()
      if piece.isEmpty { return bytes }
      bytes += piece
      guard bytes.count <= limit else {
        throw MaquetteError(
          .unsupported, "\(quoted(path)) has more than \(limit >> 20) MB, which are not read at once",
          name: path)
      }
    }
  }

  /// Writes files, and puts them in their places when all are complete, the last of them first.
  ///
  /// - Throws: ``MaquetteError/Code/inputOutput``, ``MaquetteError/Code/full``; what was there before is there still.
  package static func write(_ files: [(path: String, bytes: [UInt8])]) throws(MaquetteError) {
    var written: [WrittenFile] = []
    for (path, bytes) in files {
      let file = try WrittenFile(path)
      try file.write(bytes)
      try file.complete()
      written.append(file)
    }
    for file in written.reversed() { try file.finish() }
  }
}

/// A file that is written beside the place where it is to be, and put there when it is complete: whoever reads there finds
/// what was there before, or all of the new one.
final class WrittenFile {
  private let path: String
  private let temporary: String
  private let descriptor: Int32
  private var buffer: [UInt8] = []
  private var isFinished = false
  private static let bufferBytes = 1 << 18

  /// - Throws: ``MaquetteError/Code/inputOutput``, ``MaquetteError/Code/full``; so does all that writes.
  init(_ path: String) throws(MaquetteError) {
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw MaquetteError(.invalidArgument, "\(quoted(path)) can't be the path of a file", name: "path")
    }
    self.path = path
    temporary = path + "." + DocumentID.make().text + ".part"
    descriptor = Glibc.open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw failure("write", path, errno) }
  }

  deinit {
    close(descriptor)
    if !isFinished { unlink(temporary) }
  }

  func write(_ bytes: some Sequence<UInt8>) throws(MaquetteError) {
    buffer.append(contentsOf: bytes)
    if buffer.count >= Self.bufferBytes { try flush() }
  }

  private func flush() throws(MaquetteError) {
    var written = 0
    while written < buffer.count {
      let count = buffer.withUnsafeBytes { bytes in
        Glibc.write(descriptor, bytes.baseAddress.map { $0 + written }, bytes.count - written)
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw failure("write", path, errno) }
      written += count
    }
    buffer.removeAll(keepingCapacity: true)
  }

  /// Sees to it that all of it is on the disk.
  func complete() throws(MaquetteError) {
    try flush()
    guard fsync(descriptor) == 0 else { throw failure("write", path, errno) }
  }

  /// Puts the file in its place.
  func finish() throws(MaquetteError) {
    try complete()
    guard rename(temporary, path) == 0 else { throw failure("write", path, errno) }
    isFinished = true
  }
}

private func failure(_ verb: String, _ path: String, _ code: Int32) -> MaquetteError {
  MaquetteError(
    code == ENOSPC || code == EDQUOT ? .full : .inputOutput,
    "could not \(verb) \(quoted(path)): \(describe(errno: code))", name: path)
}
