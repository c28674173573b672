import MaquetteSystem

/// Where a store is, taken apart.
enum Location: Equatable {
  case memory
  case sqlite(path: String, SQLiteOptions)
  case postgreSQL(PostgreSQLOptions)
  case remote(RemoteOptions)

  /// - Throws: ``MaquetteError/Code/unsupported`` for another scheme, ``MaquetteError/Code/invalidArgument`` for what is
  ///   no location at all; both say what is possible.
  init(_ text: String) throws(MaquetteError) {
    if text == "memory:" {
      self = .memory
      return
    }
    if text.hasPrefix("postgresql://") || text.hasPrefix("postgres://") {
      self = .postgreSQL(try PostgreSQLOptions(text))
      return
    }
    if text.hasPrefix("http://") || text.hasPrefix("https://") {
      self = .remote(try RemoteOptions(text))
      return
    }
    guard text.hasPrefix("sqlite:") else {
      let scheme = text.prefix { $0.isLetter || $0.isNumber || $0 == "+" }
      let hasScheme = !scheme.isEmpty && text.dropFirst(scheme.count).first == ":"
      throw MaquetteError(
        hasScheme ? .unsupported : .invalidArgument,
        "\(quoted(text)) is no location of a store here: it must be \"memory:\", \"sqlite:PATH\", "
          + "\"postgresql://HOST/DATABASE\" or \"http://HOST:PORT/PATH\"",
        name: text)
    }
    let rest = text.dropFirst("sqlite:".count)
    let path = String(rest.prefix { $0 != "?" })
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw MaquetteError(.invalidArgument, "'\(text)' names no file: it must be 'sqlite:PATH'", name: text)
    }
    var options = SQLiteOptions()
    for option in rest.dropFirst(path.count + 1).split(separator: "&") {
      try options.set(String(option))
    }
    self = .sqlite(path: path, options)
  }
}

struct SQLiteOptions: Equatable, Sendable {
  /// Whether what was acknowledged survives a loss of power; otherwise only a crash of the process.
  var isSynchronousFull = true
  /// Milliseconds to wait for another process that writes.
  var timeout: Int32 = 5000
  /// How thoroughly the file is looked through when it is opened.
  var check = Check.none

  enum Check { case none, quick, full }

  /// What every service that is opened has indices for.
  var indices: [IndexedField] = []

  fileprivate mutating func set(_ option: String) throws(MaquetteError) {
    let parts = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    switch (parts.first, parts.last) {
    case ("synchronous", "full"): isSynchronousFull = true
    case ("synchronous", "normal"): isSynchronousFull = false
    case ("check", "quick"): check = .quick
    case ("check", "full"): check = .full
    case ("index", let fields?) where parts.count == 2:
      for field in fields.split(separator: ",") { indices.append(try IndexedField(String(field))) }
    case ("timeout", let value?) where (Int32(value) ?? -1) >= 0: timeout = Int32(value) ?? timeout
    default:
      throw MaquetteError(
        .invalidArgument,
        "'\(option)' is no option of a SQLite store: there are synchronous=full, synchronous=normal, check=quick, "
          + "check=full, timeout=MILLISECONDS and index=FIELDS", name: parts.first ?? option)
    }
  }
}
