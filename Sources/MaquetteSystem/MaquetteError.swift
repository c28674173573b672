/// What went wrong, where, and what was expected instead: the only error Maquette throws.
public struct MaquetteError: Error, Sendable, Equatable {
  /// What kind of failure this is; the number is the `maquette_status` of the C interface.
  public let code: Code

  /// One sentence for people: what was wrong, where, and what was expected.
  public let message: String

  /// The offending name: a parameter, a kind, a field, a path, a label; empty where there is none.
  public let name: String

  /// What is longer than a person would read is cut: a host may have passed megabytes.
  public init(_ code: Code, _ message: String, name: String = "") {
    self.code = code
    self.message = shortened(message, to: 1000)
    self.name = shortened(name, to: 200)
  }

  /// A kind of failure. New ones may be added; a number is never used again for something else.
  public struct Code: RawRepresentable, Hashable, Sendable {
    public let rawValue: Int32
    public init(rawValue: Int32) { self.rawValue = rawValue }
  }
}

extension MaquetteError.Code {
  /// A handle that is null, was destroyed, or belongs to another kind of object.
  public static let badHandle = Self(rawValue: 1)
  /// An argument that can't be used: a null pointer, a negative size, an impossible combination.
  public static let invalidArgument = Self(rawValue: 2)
  /// A matrix of the wrong shape: another width, rows that don't match the labels, too large.
  public static let badShape = Self(rawValue: 3)
  /// NaN or infinity where a finite number is needed.
  public static let notFinite = Self(rawValue: 4)
  /// Bytes that are not UTF-8.
  public static let badUTF8 = Self(rawValue: 5)
  /// Text that is not JSON, or JSON of another form than expected.
  public static let badJSON = Self(rawValue: 6)
  /// A model kind that does not exist.
  public static let unknownKind = Self(rawValue: 7)
  /// A parameter the model does not have.
  public static let unknownParameter = Self(rawValue: 8)
  /// A parameter of the wrong type or out of its range.
  public static let badParameter = Self(rawValue: 9)
  /// No document, model, file or label of that id or name.
  public static let notFound = Self(rawValue: 10)
  /// The model has not been trained or loaded yet.
  public static let notTrained = Self(rawValue: 11)
  /// A training of this model is running already.
  public static let busy = Self(rawValue: 12)
  /// The time given was over first.
  public static let timeout = Self(rawValue: 13)
  /// The training was cancelled.
  public static let cancelled = Self(rawValue: 14)
  /// A call that would wait for the very callback it is made from.
  public static let reentrant = Self(rawValue: 15)
  /// A call in a forked child process.
  public static let forked = Self(rawValue: 16)
  /// No rows to learn from.
  public static let noRows = Self(rawValue: 17)
  /// Only one label among the rows: nothing to tell apart.
  public static let oneLabel = Self(rawValue: 18)
  /// A file could not be opened, read or written.
  public static let inputOutput = Self(rawValue: 19)
  /// A file that is not a Maquette store.
  public static let notAStore = Self(rawValue: 20)
  /// The disk, or the store, is full; nothing of the operation was written.
  public static let full = Self(rawValue: 21)
  /// Another process kept the store locked for too long.
  public static let locked = Self(rawValue: 22)
  /// The stream, store or subscription has ended.
  public static let closed = Self(rawValue: 23)
  /// The training diverged: its loss became NaN or infinite.
  public static let diverged = Self(rawValue: 24)
  /// Not enough memory for what was asked.
  public static let outOfMemory = Self(rawValue: 25)
  /// A stream whose value only Maquette sets.
  public static let readOnly = Self(rawValue: 26)
  /// Something this version does not do.
  public static let unsupported = Self(rawValue: 27)
  /// A stored model or document whose content is damaged or of an unknown format.
  public static let badFormat = Self(rawValue: 28)
  /// A document of that id exists already.
  public static let conflict = Self(rawValue: 29)
  /// A fault of Maquette's own: please report it.
  public static let `internal` = Self(rawValue: 30)
  /// A stream that keeps no value.
  public static let notHeld = Self(rawValue: 31)
}

extension MaquetteError: CustomStringConvertible {
  public var description: String { message }
}

/// The text in quotes, cut to what fits into a message.
package func quoted(_ text: String) -> String { "\"" + shortened(text, to: 80) + "\"" }

private func shortened(_ text: String, to limit: Int) -> String {
  text.utf8.count <= limit ? text : String(text.prefix(limit)) + "…"
}
