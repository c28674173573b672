import MaquetteFormats
import MaquetteKernels
import MaquetteSystem

extension PostgreSQLSession {
  func insert(_ rows: BulkRows) throws(MaquetteError) {
    let dataset = Array(PostgreSQLText.encoded(rows.dataset).utf8)
    let labels = encodedLabels(rows.targets)
    let width = rows.features.columns
    let layout = rows.layout
    let form = Features.layoutText(layout.shape ?? [width], isBytes: layout.isBytes).map { Array($0.utf8) }
    let first = nextPlace
    let sql = """
      COPY \(table.name)(
        place, id, "datasetName", y, "yNumber", "yNumbers", "createdAt", "updatedAt", shape, x)
      FROM STDIN (FORMAT binary)
      """
    let connection = connection
    try rows.features.withUnsafeBufferPointer { (numbers) throws(MaquetteError) in
      let numbers = UnsafeRawBufferPointer(numbers)
      try PostgreSQLRows.copy(connection, sql, rows: rows.ids.count) { row, block in
        block.appendRow(columns: 10)
        block.append(column: first + Int64(row))
        block.append(column: rows.ids[row])
        block.append(column: dataset)
        Self.append(rows.targets, labels, row, &block)
        block.append(column: rows.date)
        block.append(column: rows.date)
        if let form { block.append(column: form) } else { block.appendNull() }
        let row = UnsafeRawBufferPointer(rebasing: numbers[row &* width &* 4..<(row &+ 1) &* width &* 4])
        if layout.isBytes {
          block.append(column: row.bindMemory(to: Float.self).map { UInt8($0) })
        } else {
          block.append(column: row)
        }
      }
    }
    nextPlace += Int64(rows.ids.count)
    try note(rows.ids.count, in: rows.dataset)
    memory.tallies[ExactText(rows.dataset), default: .init()].width = .some(width)
  }

  private func encodedLabels(_ targets: BulkTargets) -> [[UInt8]] {
    guard case .labels(let labels) = targets else { return [] }
    return labels.names.map { Array(PostgreSQLText.encoded($0).utf8) }
  }

  /// Appends `y`, `yNumber` and `yNumbers`.
  private static func append(_ targets: BulkTargets, _ labels: [[UInt8]], _ row: Int, _ block: inout [UInt8])
  {
    switch targets {
    case .labels(let column):
      let code = Int(column.codes[row])
      if code < 0 { block.appendNull() } else { block.append(column: labels[code]) }
      block.appendNull()
      block.appendNull()
    case .values(let values) where values.columns == 1:
      block.appendNull()
      block.append(column: Double(values[row, 0]))
      block.appendNull()
    case .values(let values):
      block.appendNull()
      block.appendNull()
      values[row: row].withUnsafeBytes { block.append(column: $0) }
    }
  }

  // MARK: Predictions

  func insert(_ predictions: BulkPredictions) throws(MaquetteError) {
    let truth = predictions.truth
    let texts = truth.labels.names.map { Array(PostgreSQLText.encoded($0).utf8) }
    let width = predictions.values.columns
    let first = nextPlace
    let sql = """
      COPY \(table.name)(place, id, y, "yNumber", "yNumbers", "createdAt", "updatedAt", x, prediction)
      FROM STDIN (FORMAT binary)
      """
    let connection = connection
    try predictions.values.withUnsafeBufferPointer { (values) throws(MaquetteError) in
      let values = UnsafeRawBufferPointer(values)
      try PostgreSQLRows.copy(connection, sql, rows: predictions.count) { row, block in
        block.appendRow(columns: 9)
        block.append(column: first + Int64(row))
        block.append(column: predictions.ids[row])
        let code = Int(truth.labels.codes[row])
        let (label, other): (Label?, JSON?) = code >= -1 ? (nil, nil) : truth.parts(row)
        if code >= 0 { block.append(column: texts[code]) } else { Self.appendText(label, &block) }
        Self.appendNumbers(label, &block)
        block.append(column: predictions.date)
        block.append(column: predictions.date)
        block.append(
          column: UnsafeRawBufferPointer(rebasing: values[row &* width &* 4..<(row &+ 1) &* width &* 4]))
        Self.append(predictions.instance(row), other, &block)
      }
    }
    nextPlace += Int64(predictions.count)
    try note(predictions.count, in: nil)
  }

  private static func appendText(_ label: Label?, _ block: inout [UInt8]) {
    if case .text(let text) = label {
      block.append(column: Array(PostgreSQLText.encoded(text).utf8))
    } else {
      block.appendNull()
    }
  }

  private static func appendNumbers(_ label: Label?, _ block: inout [UInt8]) {
    if case .number(let number) = label { block.append(column: number) } else { block.appendNull() }
    if case .numbers(let numbers) = label {
      numbers.withUnsafeBytes { block.append(column: $0) }
    } else {
      block.appendNull()
    }
  }

  private static func append(_ instance: PredictedInstance, _ other: JSON?, _ block: inout [UInt8]) {
    let rest = other?.bytes ?? []
    block.append(bigEndian: Int32(truncatingIfNeeded: PredictedInstance.bytes + rest.count))
    withUnsafeTemporaryAllocation(byteCount: PredictedInstance.bytes, alignment: 8) { bytes in
      if let start = bytes.baseAddress { instance.write(to: start) }
      block.append(contentsOf: bytes)
    }
    block += rest
  }
}
