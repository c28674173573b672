import MaquetteFormats
import MaquetteKernels
public import MaquetteSystem

/// Datasets as comma-separated values.
extension Dataset {
  /// Adds an instance for each record of a file of comma-separated values (RFC 4180), in bounded memory.
  ///
  /// The file is checked to its end first, so that one that can't be used adds nothing; then a block of rows at a time is
  /// stored, each in one transaction.
  ///
  /// - Returns: how many instances were added.
  /// - Throws: ``MaquetteError/Code/badFormat``, ``MaquetteError/Code/notFinite``, ``MaquetteError/Code/badUTF8`` with the
  ///   line and the column; ``MaquetteError/Code/notFound`` for a column that isn't there; ``MaquetteError/Code/badShape``
  ///   where the instances have another width; ``MaquetteError/Code/inputOutput``; what writing meets.
  @discardableResult
  public func importCSV(from path: String, _ options: CSVOptions = CSVOptions()) throws(MaquetteError) -> Int
  {
    try importCSV(.file(path), options)
  }

  /// Adds an instance for each record of a text; see ``importCSV(from:_:)``.
  @discardableResult
  public func importCSV(_ text: [UInt8], _ options: CSVOptions = CSVOptions()) throws(MaquetteError) -> Int {
    try importCSV(.bytes(text), options)
  }

  private func importCSV(_ source: ByteSource, _ options: CSVOptions) throws(MaquetteError) -> Int {
    var checking = try CSVRows(source, options)
    let name = name
    let present = try service.read { (session) throws(MaquetteError) in try session.width(name, except: nil) }
    if let present, let width = checking.width, present != width {
      throw Service.wrongWidth(name, present, width)
    }
    var total = 0
    while let rows = try checking.next() { total += rows.features.rows }
    var reading = try CSVRows(source, options)
    var count = 0
    while let rows = try reading.next() {
      do throws(MaquetteError) {
        if let targets = rows.targets {
          try append(rows.features, targets: targets)
        } else {
          try append(rows.features, labels: rows.labels)
        }
      } catch {
        throw MaquetteError(
          error.code,
          "\(error.message) (\(count) of \(total) rows of \(source.description) were stored before)",
          name: error.name)
      }
      count += rows.features.rows
    }
    return count
  }

  /// Writes all instances into a file of comma-separated values, in bounded memory. What was there is replaced when the new
  /// one is complete.
  ///
  /// There is a column for each feature, `x0` and so on, and `y`: a label or a number; where the first instance has an array
  /// of numbers, `y0` and so on. Other members are not written.
  ///
  /// - Parameters:
  ///   - names: of the features; nil: `x0` and so on.
  ///   - hasHeader: whether the first record names the columns.
  /// - Returns: how many instances were written.
  /// - Throws: ``MaquetteError/Code/badShape`` for an instance without features, or names that are too few or too many;
  ///   ``MaquetteError/Code/notFound`` for one without numbers where the first has some; ``MaquetteError/Code/inputOutput``,
  ///   ``MaquetteError/Code/full``; what reading meets.
  @discardableResult
  public func exportCSV(
    to path: String, names: [String]? = nil, hasHeader: Bool = true, separator: Unicode.Scalar = ","
  ) throws(MaquetteError) -> Int {
    let first = try find(Query()).data.first
    let isArray = first?["y"]?.array?.first?.number != nil
    let reader = try blocks().makeReader(of: isArray ? .values : .optionalLabel)
    let file = try WrittenFile(path)
    let comma = UInt8(truncatingIfNeeded: separator.value)
    var count = 0
    var isFirst = true
    while let table = try reader.next() {
      if isFirst {
        let columns = names ?? (0..<table.features.columns).map { "x\($0)" }
        guard columns.count == table.features.columns else {
          throw MaquetteError(
            .badShape, "\(columns.count) names can't be those of \(table.features.columns) features",
            name: "names"
          )
        }
        let targets = table.targets.map { targets in (0..<targets.columns).map { "y\($0)" } } ?? ["y"]
        if hasHeader {
          let fields = (columns + targets).map { csvField($0, separator: comma) }
          try file.write(fields.joined(separator: [comma]))
          try file.write([0x0D, 0x0A])
        }
        isFirst = false
      }
      try write(table, comma, to: file)
      count += table.features.rows
    }
    try file.finish()
    return count
  }

  private func write(_ table: InstanceTable, _ comma: UInt8, to file: WrittenFile) throws(MaquetteError) {
    var line: [UInt8] = []
    for row in 0..<table.features.rows {
      line.removeAll(keepingCapacity: true)
      for column in 0..<table.features.columns {
        line.append(contentsOf: table.features[row, column].description.utf8)
        line.append(comma)
      }
      if let targets = table.targets {
        for column in 0..<targets.columns {
          if column > 0 { line.append(comma) }
          line.append(contentsOf: targets[row, column].description.utf8)
        }
      } else if let label = table.labels[row] {
        line.append(contentsOf: csvField(label, separator: comma))
      }
      line.append(contentsOf: [0x0D, 0x0A])
      try file.write(line)
    }
  }
}

/// The rows of comma-separated values, a block of them at a time.
private struct CSVRows: ~Copyable {
  private var reader: CSVReader
  private let what: String
  private let columns: CSVColumns?
  private let fieldCount: Int
  private var record: CSVRecord
  /// Whether the record in hand is a row that was not given yet.
  private var isWaiting: Bool

  private static let blockNumbers = 1 << 20

  init(_ source: ByteSource, _ options: CSVOptions) throws(MaquetteError) {
    let what = source.description
    var reader = CSVReader(
      what, separator: UInt8(truncatingIfNeeded: options.separator.value), read: try source.open())
    var record = CSVRecord()
    let hasFirst = try reader.next(&record)
    columns = hasFirst ? try CSVColumns(options, record, what) : nil
    fieldCount = record.count
    isWaiting = hasFirst && !options.hasHeader
    self.what = what
    self.record = record
    self.reader = reader
  }

  /// How many features a row has; nil where there is no record at all.
  var width: Int? { columns?.features.count }

  /// The next rows; nil behind the last.
  mutating func next() throws(MaquetteError) -> InstanceTable? {
    guard let columns else { return nil }
    let width = columns.features.count
    let most = max(1, min(8192, Self.blockNumbers / width))
    var features: [Float] = []
    var targets: [Float] = []
    var labels = LabelInterner()
    var codes: [Int32] = []
    var count = 0
    while count < most {
      if !isWaiting { guard try reader.next(&record) else { break } }
      isWaiting = false
      guard record.count == fieldCount else {
        throw MaquetteError(
          .badFormat,
          "line \(record.line) of \(what) has \(record.count) fields, the first has \(fieldCount)", name: what
        )
      }
      for column in columns.features { features.append(try number(column, columns)) }
      for column in columns.targets { targets.append(try number(column, columns)) }
      if let column = columns.label {
        guard let text = record.text(column) else {
          throw MaquetteError(
            .badUTF8, "line \(record.line) of \(what), \(columns.name(column)): it is not valid UTF-8",
            name: what)
        }
        codes.append(text.isEmpty ? -1 : try labels.code(text))
      } else {
        codes.append(-1)
      }
      count += 1
    }
    guard count > 0 else { return nil }
    let matrix = try Matrix(rows: count, columns: width, features)
    guard !columns.targets.isEmpty else {
      return InstanceTable(features: matrix, labels: labels.column(codes))
    }
    return InstanceTable(
      features: matrix, targets: try Matrix(rows: count, columns: columns.targets.count, targets))
  }

  private func number(_ column: Int, _ columns: CSVColumns) throws(MaquetteError) -> Float {
    guard let number = record.number(column) else {
      throw MaquetteError(
        .badFormat,
        "line \(record.line) of \(what), \(columns.name(column)): \(quoted(record.text(column) ?? "…")) is no number",
        name: what)
    }
    guard number.isFinite else {
      throw MaquetteError(
        .notFinite,
        "line \(record.line) of \(what), \(columns.name(column)): \(quoted(record.text(column) ?? "…")) is no finite 32-bit number",
        name: what)
    }
    return number
  }
}
