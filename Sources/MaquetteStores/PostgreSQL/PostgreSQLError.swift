import MaquetteSystem

/// PostgreSQL's five-letter codes in Maquette's terms; the code stays in the message.
enum PostgreSQLError {
  /// - Parameters:
  ///   - state: the SQLSTATE; empty where the client itself has failed.
  ///   - action: "read", "write to", "open", …
  static func make(_ state: String, _ words: String, _ action: String, _ location: String) -> MaquetteError {
    let reason = words.split(whereSeparator: \.isNewline).joined(separator: " ")
    let code = state.isEmpty ? "" : " (PostgreSQL code \(state))"
    return MaquetteError(kind(state), "could not \(action) '\(location)': \(reason)\(code)", name: location)
  }

  private static func kind(_ state: String) -> MaquetteError.Code {
    switch state {
    // disk_full; the documents are too many or too large for one table, page or message.
    case "53100", "54000": .full
    case "53200": .outOfMemory
    // lock_not_available, serialization_failure, deadlock_detected.
    case "55P03", "40001", "40P01": .locked
    // query_canceled: by statement_timeout, or by an administrator.
    case "57014": .timeout
    // unique_violation.
    case "23505": .conflict
    // program_limit_exceeded and what is too long for a type.
    case "22001", "22026", "54001", "54011", "54023": .invalidArgument
    // character_not_in_repertoire, untranslatable_character.
    case "22021", "22P05": .badUTF8
    // data_corrupted, index_corrupted.
    case "XX001", "XX002": .badFormat
    case "0A000": .unsupported
    // undefined_table, undefined_column, invalid_schema_name: somebody took the tables away.
    case "42P01", "42703", "3F000": .inputOutput
    // Connections (08), authorization (28), no such database (3D), read-only (25006), no privilege (42501), too many
    // connections (53300), a server that stops or starts (57P), and all that the client itself meets.
    default: .inputOutput
    }
  }

  /// Whether the server has undone the transaction because of others, so that it may simply be tried again.
  static func isTransient(_ state: String) -> Bool { state == "40001" || state == "40P01" }

  /// Whether what was to be made is there already: another process was faster.
  static func isMade(_ state: String) -> Bool {
    // unique_violation (of a catalogue), duplicate_table, duplicate_schema, duplicate_object, tuple concurrently updated.
    ["23505", "42P07", "42P06", "42710", "XX000"].contains(state)
  }
}
