import Glibc

/// The PostgreSQL server that `make test` has started.
public enum PostgreSQLTesting {
  /// Where it is; nil when the tests are run by hand, without one.
  public static let location: String? = getenv("MAQUETTE_TEST_POSTGRES").map { String(cString: $0) }

  public static let reason = "there is no server: run `make test`, or `tools/with-postgres.sh swift test`"

  /// The location of a store with tables of its own; empty without a server.
  public static func freshLocation() -> String {
    guard let location else { return "" }
    return inSchema(location)
  }

  /// The location with a schema that nobody else has.
  public static func inSchema(_ location: String) -> String {
    let schema = "test_" + String(UInt64.random(in: 0...UInt64.max), radix: 16)
    return location + (location.contains("?") ? "&" : "?") + "schema=" + schema
  }

  /// What a location says about its schema.
  public static func schema(of location: String) -> String {
    String(location.split(separator: "schema=").last?.prefix { $0 != "&" } ?? "")
  }
}

/// A server of a test's own, which may be stopped and started. Gone with the last reference to this.
public final class PostgreSQLServer: Sendable {
  private let directory: TemporaryDirectory
  /// `postgresql://…`, with the password.
  public let location: String

  public init() {
    directory = TemporaryDirectory()
    location =
      Self.run("create", directory.path).split(whereSeparator: \.isNewline).last.map { String($0) } ?? ""
  }

  /// Lets it die as in a crash.
  public func stop() { _ = Self.run("stop", directory.path) }
  public func start() { _ = Self.run("start", directory.path) }
  /// Lets it say nothing any more, until ``resume()``.
  public func pause() { _ = Self.run("pause", directory.path) }
  public func resume() { _ = Self.run("resume", directory.path) }

  deinit {
    _ = Self.run("remove", directory.path)
  }

  private static func run(_ command: String, _ directory: String) -> String {
    let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    guard let pipe = popen("'\(root)/tools/postgres.sh' \(command) '\(directory)'", "r") else { return "" }
    defer { pclose(pipe) }
    var text: [CChar] = []
    while case let byte = fgetc(pipe), byte != EOF { text.append(CChar(truncatingIfNeeded: byte)) }
    return String(decoding: text.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
