public import MaquetteFormats
public import MaquetteSystem

/// What the columns of comma-separated values are.
public struct CSVOptions: Sendable, Equatable {
  /// A column: by its name in the first record, or by its number from 0; -1 is the last.
  public enum Column: Sendable, Equatable {
    case name(String)
    case number(Int)
  }

  /// Whether the first record names the columns.
  public var hasHeader = true
  /// The character between fields, of ASCII.
  public var separator: Unicode.Scalar = ","
  /// The column of labels, text or not; an empty field is a row without. Nil: the one that is called `y`, if there is one,
  /// unless there are targets.
  public var label: Column?
  /// The columns of numbers to be learnt, instead of labels.
  public var targets: [Column] = []
  /// The columns of features; nil: all others.
  public var features: [Column]?

  public init() {}

  /// Reads `{"header": true, "separator": ",", "label": "species", "targets": [3], "features": ["a", "b"]}`; all may be left
  /// out.
  ///
  /// - Throws: ``MaquetteError/Code/badJSON``, ``MaquetteError/Code/invalidArgument``, naming the member.
  public init(_ json: JSONObject) throws(MaquetteError) {
    for (member, value) in json.members {
      switch (member, value) {
      case ("header", .bool(let header)): hasHeader = header
      case ("separator", .string(let text)):
        guard let scalar = text.unicodeScalars.first, text.unicodeScalars.count == 1, scalar.isASCII,
          !"\"\r\n\0".unicodeScalars.contains(scalar)
        else {
          throw MaquetteError(
            .invalidArgument, "the separator must be one character of ASCII, and no quote or line end",
            name: member)
        }
        separator = scalar
      case ("label", .null): label = nil
      case ("label", _): label = try Self.column(value, member)
      case ("targets", .array(let columns)): targets = try Self.columns(columns, member)
      case ("features", .null): features = nil
      case ("features", .array(let columns)): features = try Self.columns(columns, member)
      case ("header", _), ("separator", _), ("targets", _), ("features", _):
        throw MaquetteError(.badJSON, "'\(member)' can't be \(value.kind)", name: member)
      default:
        throw MaquetteError(
          .invalidArgument,
          "there is no option '\(member)' for CSV: there are header, separator, label, targets and features",
          name: member)
      }
    }
  }

  private static func columns(_ values: [JSON], _ member: String) throws(MaquetteError) -> [Column] {
    var columns: [Column] = []
    for value in values { columns.append(try column(value, member)) }
    return columns
  }

  private static func column(_ value: JSON, _ member: String) throws(MaquetteError) -> Column {
    if let name = value.string { return .name(name) }
    if let number = value.integer { return .number(number) }
    throw MaquetteError(
      .badJSON, "'\(member)' must name columns by strings or whole numbers, not by \(value.kind)",
      name: member)
  }
}

/// The columns of one file.
struct CSVColumns {
  let names: [String]
  let label: Int?
  let targets: [Int]
  let features: [Int]

  /// - Parameter first: the first record: the names, or values like the others'.
  /// - Throws: ``MaquetteError/Code/notFound`` for a column that isn't there, ``MaquetteError/Code/invalidArgument`` for one
  ///   that is used twice, ``MaquetteError/Code/badShape`` where none is left for the features.
  init(_ options: CSVOptions, _ first: CSVRecord, _ what: String) throws(MaquetteError) {
    var names: [String] = []
    if options.hasHeader {
      for field in 0..<first.count {
        guard let name = first.text(field) else {
          throw MaquetteError(.badUTF8, "the first line of \(what) is not valid UTF-8", name: what)
        }
        names.append(name)
      }
    }
    let (known, count) = (names, first.count)
    func place(_ column: CSVOptions.Column) throws(MaquetteError) -> Int {
      let place: Int?
      let description: String
      switch column {
      case .name(let name):
        place = known.firstIndex(of: name)
        description = quoted(name)
      case .number(let number):
        place = (-count..<count).contains(number) ? (number < 0 ? number + count : number) : nil
        description = String(number)
      }
      guard let place else {
        throw MaquetteError(.notFound, "\(what) has no column \(description)", name: description)
      }
      return place
    }
    targets = try options.targets.map { (column) throws(MaquetteError) in try place(column) }
    if let column = options.label {
      label = try place(column)
    } else {
      label = targets.isEmpty ? names.firstIndex(of: "y") : nil
    }
    let used = Set(targets + (label.map { [$0] } ?? []))
    if let columns = options.features {
      features = try columns.map { (column) throws(MaquetteError) in try place(column) }
    } else {
      features = (0..<first.count).filter { !used.contains($0) }
    }
    guard label == nil || targets.isEmpty else {
      throw MaquetteError(
        .invalidArgument, "the rows of \(what) can have a label or targets, not both", name: "targets")
    }
    guard Set(features).union(used).count == features.count + targets.count + (label == nil ? 0 : 1) else {
      throw MaquetteError(.invalidArgument, "a column of \(what) is used twice", name: "features")
    }
    guard !features.isEmpty else {
      throw MaquetteError(.badShape, "\(what) has no column left for the features", name: what)
    }
    self.names = names
  }

  func name(_ column: Int) -> String {
    names.indices.contains(column) ? "column \(quoted(names[column]))" : "column \(column)"
  }
}
