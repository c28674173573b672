import MaquetteFormats
import MaquetteKernels
import MaquetteSystem

/// Rows of instances on their way from a statement into matrices, without making a record of each.
struct PostgreSQLCollector {
  private let request: BlockRequest
  private let capacity: Int
  private let width: Int
  private let targetWidth: Int
  private let features: FloatBuffer
  private let targets: FloatBuffer?
  private var labels: LabelInterner
  private var truth: TrueValuesBuilder?
  private var codes: [Int32] = []
  private var ids: [DocumentID] = []
  private var dates: [Int64] = []
  private var position: Int64
  private(set) var count = 0

  var isFull: Bool { count == capacity }

  /// The columns that ``add(_:_:)`` reads.
  static func columns(_ target: TargetKind) -> String {
    "place, id, \"updatedAt\", x, shape, "
      + (target == .none
        ? "NULL::text, NULL::float8, NULL::bytea, NULL::text" : "y, \"yNumber\", \"yNumbers\", fields")
  }

  private enum Column {
    static let place = 0
    static let id = 1
    static let updatedAt = 2
    static let x = 3
    static let shape = 4
    static let y = 5
    static let yNumber = 6
    static let yNumbers = 7
    static let fields = 8
  }

  /// - Parameters:
  ///   - rows: the most there can be.
  ///   - targetWidth: where values are asked for.
  init(_ request: BlockRequest, rows: Int, width: Int, targetWidth: Int) throws(MaquetteError) {
    self.request = request
    self.width = width
    self.targetWidth = targetWidth
    capacity = rows
    labels = request.labels
    position = request.position
    features = try FloatBuffer(unwritten: try Self.size(rows, width))
    targets = request.target == .values ? try FloatBuffer(unwritten: try Self.size(rows, targetWidth)) : nil
    if request.keepsTruth { truth = TrueValuesBuilder() }
    ids.reserveCapacity(rows)
    dates.reserveCapacity(rows)
    if targets == nil { codes.reserveCapacity(rows) }
  }

  private static func size(_ rows: Int, _ width: Int) throws(MaquetteError) -> Int {
    let (size, overflow) = rows.multipliedReportingOverflow(by: width)
    guard !overflow else {
      throw MaquetteError(.outOfMemory, "\(rows) rows of \(width) numbers are too much")
    }
    return size
  }

  /// Adds a row; false where it can't be used.
  mutating func add(_ result: PostgreSQLResult, _ row: Int) throws(MaquetteError) -> Bool {
    let x = result.bytes(row, Column.x)
    // Of numbers that are kept as bytes the form is an object.
    let isBytes = result.bytes(row, Column.shape).first == UInt8(ascii: "{")
    guard x.count == width &* (isBytes ? 1 : 4), width > 0, let source = x.baseAddress, !isFull,
      let id = DocumentID(bytes: result.bytes(row, Column.id))
    else { return false }
    if let targets {
      guard try copyTargets(result, row, to: targets.pointer + count &* targetWidth) else { return false }
    } else if truth != nil {
      try keepTruth(result, row)
    } else {
      codes.append(try code(result, row))
    }
    let target = features.pointer + count &* width
    if isBytes {
      for column in 0..<width { target[column] = Float(x[column]) }
    } else {
      UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: x.count)
    }
    ids.append(id)
    dates.append(try result.integer(row, Column.updatedAt))
    position = try result.integer(row, Column.place)
    count &+= 1
    return true
  }

  /// `y` where it is among the fields, being neither text nor number.
  private func otherY(_ result: PostgreSQLResult, _ row: Int) throws(MaquetteError) -> JSON? {
    result.isNull(row, Column.fields) ? nil : try JSON(parsing: Array(result.bytes(row, Column.fields)))["y"]
  }

  private func copyTargets(
    _ result: PostgreSQLResult, _ row: Int, to target: UnsafeMutablePointer<Float>
  ) throws(MaquetteError) -> Bool {
    if !result.isNull(row, Column.yNumber) {
      guard targetWidth == 1 else { return false }
      target.pointee = Float(try result.number(row, Column.yNumber))
    } else if !result.isNull(row, Column.yNumbers) {
      let numbers = result.bytes(row, Column.yNumbers)
      guard numbers.count == targetWidth &* 4, let source = numbers.baseAddress else { return false }
      UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: numbers.count)
    } else {
      guard result.isNull(row, Column.y),
        let numbers = try otherY(result, row).flatMap({ Record.numbers($0) }),
        numbers.count == targetWidth
      else { return false }
      target.update(from: numbers, count: numbers.count)
    }
    return Floats.allFinite(target, count: targetWidth)
  }

  private mutating func code(_ result: PostgreSQLResult, _ row: Int) throws(MaquetteError) -> Int32 {
    if !result.isNull(row, Column.y) { return try textCode(result, row) }
    if !result.isNull(row, Column.yNumber) {
      return try labels.code(JSON.number(try result.number(row, Column.yNumber)).description)
    }
    if !result.isNull(row, Column.yNumbers) {
      return try labels.code(
        Label.numbers(SQLiteSession.floats(result.bytes(row, Column.yNumbers))).json.description)
    }
    guard let y = try otherY(result, row), !y.isNull else { return -1 }
    return try labels.code(y.description)
  }

  private mutating func textCode(_ result: PostgreSQLResult, _ row: Int) throws(MaquetteError) -> Int32 {
    let bytes = result.bytes(row, Column.y)
    // Almost never; see PostgreSQLText.
    if bytes.contains(1) { return try labels.code(try result.text(row, Column.y) ?? "") }
    return try labels.code(bytes)
  }

  private mutating func keepTruth(_ result: PostgreSQLResult, _ row: Int) throws(MaquetteError) {
    if !result.isNull(row, Column.y) {
      let code = try textCode(result, row)
      truth?.add(code: code)
    } else if !result.isNull(row, Column.yNumber) {
      truth?.add(try result.number(row, Column.yNumber))
    } else if !result.isNull(row, Column.yNumbers) {
      truth?.add(.label(.numbers(SQLiteSession.floats(result.bytes(row, Column.yNumbers)))))
    } else if let y = try otherY(result, row) {
      truth?.add(.json(y))
    } else {
      truth?.add(code: -1)
    }
  }

  /// The rows that were added.
  func block(isIdentified: Bool) throws(MaquetteError) -> Block {
    var next = request
    next.position = position
    next.labels = labels
    if count > 0 {
      next.width = width
      next.targetWidth = targets == nil ? nil : targetWidth
    }
    let table = InstanceTable(
      features: try Matrix(rows: count, columns: width, sharing: features),
      labels: targets == nil && truth == nil ? labels.column(codes) : .none(count),
      targets: try targets.map { (targets) throws(MaquetteError) in
        try Matrix(rows: count, columns: targetWidth, sharing: targets)
      }, ids: isIdentified ? InstanceIDs(ids, updatedAt: dates) : nil, truth: truth?.values(labels))
    return Block(table: table, next: next)
  }
}
