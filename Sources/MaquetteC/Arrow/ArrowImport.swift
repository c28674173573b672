import CMaquette
import MaquetteKernels
import MaquetteStores
import MaquetteSystem

/// A host's stream of record batches, taken over: released when this goes.
final class ArrowImport {
  private var stream: ArrowArrayStream
  private var columns: [(name: String, type: ArrowType)] = []
  private var features: [Int] = []
  private var targets: [Int] = []
  private var label: Int?
  /// How many rows were read.
  private(set) var count = 0

  /// Takes the stream over.
  ///
  /// - Throws: ``MaquetteError/Code/invalidArgument`` for one that was released.
  init(_ stream: UnsafeMutablePointer<ArrowArrayStream>) throws(MaquetteError) {
    self.stream = stream.pointee
    stream.pointee.release = nil
    guard self.stream.release != nil, self.stream.get_schema != nil, self.stream.get_next != nil else {
      throw MaquetteError(.invalidArgument, "the Arrow stream was released already", name: "stream")
    }
  }

  deinit { stream.release?(&stream) }

  private func failure(_ what: String, _ code: Int32) -> MaquetteError {
    // Some add where in their program it happened, line by line.
    let message = stream.get_last_error?(&stream).flatMap { String(validatingCString: $0) }?
      .split(separator: "\n").first.map(String.init)
    let stored = count == 0 ? "" : " behind \(count) rows, which were stored"
    return MaquetteError(
      .inputOutput,
      "the Arrow stream gave no \(what)\(stored) (error \(code)): \(message ?? "it does not say why")",
      name: "stream")
  }

  /// Adds all rows to a dataset, each batch in one transaction.
  ///
  /// - Throws: ``MaquetteError/Code/badFormat``, ``MaquetteError/Code/notFound``, ``MaquetteError/Code/inputOutput``,
  ///   ``MaquetteError/Code/badUTF8``; what appending throws.
  func add(to dataset: Dataset, _ options: CSVOptions) throws(MaquetteError) {
    try readSchema(options)
    while true {
      var batch = ArrowArray()
      let code = stream.get_next?(&stream, &batch) ?? 0
      guard code == 0 else { throw failure("record batch", code) }
      guard batch.release != nil else { return }
      defer { batch.release?(&batch) }
      do throws(MaquetteError) {
        try add(batch, to: dataset)
      } catch {
        throw count == 0
          ? error
          : MaquetteError(
            error.code, "\(error.message) (\(count) rows of the Arrow stream were stored before)",
            name: error.name)
      }
    }
  }

  // MARK: Columns

  private func readSchema(_ options: CSVOptions) throws(MaquetteError) {
    var schema = ArrowSchema()
    let code = stream.get_schema?(&stream, &schema) ?? 0
    guard code == 0 else { throw failure("schema", code) }
    defer { schema.release?(&schema) }
    let format = schema.format.flatMap { String(validatingCString: $0) } ?? ""
    guard format == "+s", (0...1_000_000).contains(schema.n_children) else {
      throw MaquetteError(
        .badFormat,
        "the Arrow stream gives arrays of the format '\(format.prefix(40))', and no record batches",
        name: "stream")
    }
    for number in 0..<Int(schema.n_children) {
      guard let child = schema.children?[number]?.pointee else {
        throw MaquetteError(
          .badFormat, "the Arrow stream lacks the schema of column \(number)", name: "stream")
      }
      columns.append((child.name.flatMap { String(validatingCString: $0) } ?? "", ArrowType(child)))
    }
    try choose(options)
  }

  private func place(_ column: CSVOptions.Column) throws(MaquetteError) -> Int {
    let place: Int?
    let description: String
    switch column {
    case .name(let name):
      place = columns.firstIndex { $0.name == name }
      description = quoted(name)
    case .number(let number):
      place =
        (-columns.count..<columns.count).contains(number)
        ? (number < 0 ? number + columns.count : number) : nil
      description = String(number)
    }
    guard let place else {
      throw MaquetteError(.notFound, "the Arrow stream has no column \(description)", name: description)
    }
    return place
  }

  /// Which columns are what.
  private func choose(_ options: CSVOptions) throws(MaquetteError) {
    targets = try options.targets.map { (column) throws(MaquetteError) in try place(column) }
    label = try options.label.map { (column) throws(MaquetteError) in try place(column) }
    if label == nil, targets.isEmpty, let y = columns.firstIndex(where: { $0.name == "y" }) {
      let type = columns[y].type
      if type.isList || type.number.map({ !$0.isWhole && $0 != .boolean }) ?? false {
        targets = [y]
      } else {
        label = y
      }
    }
    let used = Set(targets + (label.map { [$0] } ?? []))
    if let chosen = options.features {
      features = try chosen.map { (column) throws(MaquetteError) in try place(column) }
    } else if let x = columns.firstIndex(where: { $0.name == "x" && $0.type.isList }), !used.contains(x) {
      features = [x]
    } else {
      features = columns.indices.filter { place in
        guard case .number = columns[place].type else { return false }
        return !used.contains(place)
      }
    }
    guard label == nil || targets.isEmpty else {
      throw MaquetteError(.invalidArgument, "rows can have a label or targets, not both", name: "targets")
    }
    guard Set(features).union(used).count == features.count + targets.count + (label == nil ? 0 : 1) else {
      throw MaquetteError(.invalidArgument, "a column of the Arrow stream is used twice", name: "features")
    }
    guard !features.isEmpty else {
      throw MaquetteError(
        .badShape, "the Arrow stream has no column of numbers left for the features", name: "stream")
    }
    for place in features + targets where columns[place].type.number == nil {
      throw wrongType(place, "numbers, or lists of them, are needed")
    }
    for chosen in [features, targets] where chosen.count > 1 {
      for place in chosen where columns[place].type.isList {
        throw wrongType(place, "beside other columns it must hold single numbers")
      }
    }
    if let label {
      switch columns[label].type {
      case .text, .dictionary, .number(.boolean): break
      case .number(let number) where number.isWhole: break
      default: throw wrongType(label, "a label is a text, a whole number or a boolean")
      }
    }
  }

  private func name(_ place: Int) -> String { "column \(quoted(columns[place].name))" }

  private func wrongType(_ place: Int, _ needed: String) -> MaquetteError {
    MaquetteError(
      .badFormat, "\(name(place)) holds \(columns[place].type.description): \(needed)",
      name: columns[place].name)
  }

  // MARK: Rows

  private func add(_ batch: ArrowArray, to dataset: Dataset) throws(MaquetteError) {
    let root = try withUnsafePointer(to: batch) { (batch) throws(MaquetteError) in
      try ArrowView(batch, "the record batch", buffers: 1)
    }
    if let row = root.firstNull(0..<root.length) {
      throw MaquetteError(
        .badFormat, "row \(count + row) of the Arrow stream is null as a whole", name: "stream")
    }
    let rows = root.length
    guard rows > 0 else { return }
    let matrix = try numbers(features, root, rows)
    let isBytes = features.allSatisfy { columns[$0].type.number == .uint8 }
    let layout = RowLayout(isBytes: isBytes)
    if targets.isEmpty {
      try dataset.append(matrix, labels: try labels(root, rows), layout: layout)
    } else {
      try dataset.append(matrix, targets: try numbers(targets, root, rows), layout: layout)
    }
    count += rows
  }

  private func null(_ row: Int, _ place: Int) -> MaquetteError {
    MaquetteError(
      .badFormat,
      "row \(count + row) of the Arrow stream, \(name(place)): it is null, and a number is needed",
      name: columns[place].name)
  }

  /// The numbers of some columns, or of one column of lists.
  private func numbers(_ places: [Int], _ root: ArrowView, _ rows: Int) throws(MaquetteError) -> Matrix {
    if let place = places.first, columns[place].type.isList { return try lists(place, root, rows) }
    let width = places.count
    // All is looked at before memory is taken for it: a batch may claim any number of rows.
    var views: [(type: ArrowNumber, start: UnsafeRawPointer, offset: Int)] = []
    for place in places {
      guard case .number(let type) = columns[place].type else { throw wrongType(place, "numbers are needed") }
      let view = try root.child(place, name(place), buffers: 2, length: root.offset + rows)
      if let row = view.firstNull(root.offset..<root.offset + rows) { throw null(row - root.offset, place) }
      views.append((type, try view.buffer(1), view.offset + root.offset))
    }
    return try Matrix(rows: rows, columns: width) { (buffer) throws(MaquetteError) in
      guard let out = buffer.baseAddress else { return }
      for (column, view) in views.enumerated() {
        view.type.read(view.start, offset: view.offset, count: rows, into: out + column, stride: width)
      }
    }
  }

  private func lists(_ place: Int, _ root: ArrowView, _ rows: Int) throws(MaquetteError) -> Matrix {
    guard let type = columns[place].type.number else { throw wrongType(place, "numbers are needed") }
    let first = root.offset
    let view = try root.child(place, name(place), buffers: 1, length: first + rows)
    if let row = view.firstNull(first..<first + rows) { throw null(row - first, place) }
    let start: Int
    let width: Int
    switch columns[place].type {
    case .fixedList(let fixed, _):
      width = fixed
      let (product, overflow) = (view.offset + first).multipliedReportingOverflow(by: fixed)
      guard !overflow else { throw view.malformed("is too long") }
      start = product
    case .list(let size, _):
      let offsets = try view.buffer(1)
      func end(_ number: Int) -> Int {
        let place = view.offset + first + number
        return size == 4
          ? Int(offsets.loadUnaligned(fromByteOffset: place * 4, as: Int32.self))
          : Int(offsets.loadUnaligned(fromByteOffset: place * 8, as: Int64.self))
      }
      start = end(0)
      let (length, overflow) = end(1).subtractingReportingOverflow(start)
      guard !overflow, start >= 0, length >= 0 else { throw view.malformed("has offsets that do not grow") }
      width = length
      for row in 0..<rows {
        let (length, overflow) = end(row + 1).subtractingReportingOverflow(end(row))
        guard !overflow, length == width else {
          throw MaquetteError(
            .badShape,
            "row \(count + row) of the Arrow stream, \(name(place)): it has \(length) numbers, others have \(width)",
            name: columns[place].name)
        }
      }
    default: throw wrongType(place, "lists of numbers are needed")
    }
    let (size, overflow) = width.multipliedReportingOverflow(by: rows)
    let (end, isTooLong) = start.addingReportingOverflow(size)
    guard !overflow, !isTooLong else { throw view.malformed("is too long") }
    let values = try view.child(0, name(place), buffers: 2, length: end)
    if width > 0, let odd = values.firstNull(start..<end) { throw null((odd - start) / width, place) }
    return try Matrix(rows: rows, columns: width) { (buffer) throws(MaquetteError) in
      guard let out = buffer.baseAddress, size > 0 else { return }
      type.read(try values.buffer(1), offset: values.offset + start, count: size, into: out, stride: 1)
    }
  }

  private func labels(_ root: ArrowView, _ rows: Int) throws(MaquetteError) -> LabelColumn {
    guard let place = label else {
      return try LabelColumn(names: [], codes: [Int32](repeating: -1, count: rows))
    }
    let first = root.offset
    let view = try root.child(place, name(place), buffers: 2, length: first + rows)
    var names: [String] = []
    var codes = [Int32](repeating: -1, count: rows)
    var known: [String: Int32] = [:]
    func code(_ text: String) -> Int32 {
      if let code = known[text] { return code }
      let code = Int32(truncatingIfNeeded: names.count)
      known[text] = code
      names.append(text)
      return code
    }
    switch columns[place].type {
    case .text(let type):
      for row in 0..<rows where view.isValid(first + row) {
        codes[row] = code(try view.text(first + row, type))
      }
    case .dictionary(let index, let type):
      let texts = try ArrowView(view.array.dictionary, name(place), buffers: 2)
      let indices = try view.buffer(1)
      // Each text is read once.
      var codeOfIndex: [Int: Int32] = [:]
      for row in 0..<rows where view.isValid(first + row) {
        guard let number = index.whole(indices, at: view.offset + first + row), number >= 0,
          number < texts.length
        else { throw view.malformed("has an index beyond its dictionary") }
        if let code = codeOfIndex[number] {
          codes[row] = code
        } else if texts.isValid(number) {
          let made = code(try texts.text(number, type))
          codeOfIndex[number] = made
          codes[row] = made
        }
      }
    case .number(let type):
      let numbers = try view.buffer(1)
      for row in 0..<rows where view.isValid(first + row) {
        guard let number = type.whole(numbers, at: view.offset + first + row) else {
          throw view.malformed("has a label that no 64 bits hold")
        }
        codes[row] = code(type == .boolean ? (number == 1 ? "true" : "false") : String(number))
      }
    default: throw wrongType(place, "a label is a text, a whole number or a boolean")
    }
    return try LabelColumn(names: names, codes: codes)
  }
}
