import CMaquette
import Glibc
import MaquetteKernels
import MaquetteStores
import MaquetteSystem

/// A host's matrix, checked: borrowed for the call.
struct MatrixView {
  let data: UnsafeMutableRawPointer?
  let rows: Int
  let columns: Int
  let rowStride: Int
  let columnStride: Int
  let type: Element

  enum Element: Int32 {
    case float32 = 0, float64, uint8, int32, int64

    var size: Int {
      switch self {
      case .uint8: 1
      case .float32, .int32: 4
      case .float64, .int64: 8
      }
    }
  }

  /// - Throws: ``MaquetteError/Code/invalidArgument`` for a null pointer, a size, a type or flags that can't be;
  ///   ``MaquetteError/Code/badShape`` for a negative shape or one that no memory can hold.
  init(_ matrix: UnsafePointer<maquette_matrix>?, _ name: String) throws(MaquetteError) {
    let matrix = try required(matrix, name)
    try checkSize(matrix.pointee.struct_size, of: matrix, name)
    let view = matrix.pointee
    guard let type = Element(rawValue: view.dtype) else {
      throw MaquetteError(
        .invalidArgument, "\(name).dtype is \(view.dtype); it must be MAQUETTE_F32 to MAQUETTE_I64 (0 to 4)",
        name: name)
    }
    guard view.flags == 0 else {
      throw MaquetteError(.invalidArgument, "\(name).flags is \(view.flags); it must be 0", name: name)
    }
    guard (0...Int64(Int32.max)).contains(view.rows), (0...Int64(Int32.max)).contains(view.cols) else {
      throw MaquetteError(
        .badShape,
        "\(name) has \(view.rows) rows and \(view.cols) columns; both must be from 0 to 2147483647",
        name: name)
    }
    rows = Int(view.rows)
    columns = Int(view.cols)
    self.type = type
    columnStride = view.col_stride == 0 ? type.size : Int(view.col_stride)
    rowStride = view.row_stride == 0 ? columns * type.size : Int(view.row_stride)
    guard Self.fits(rowStride, rows), Self.fits(columnStride, columns) else {
      throw MaquetteError(
        .badShape,
        "\(name) has strides of \(rowStride) and \(columnStride) bytes, which reach beyond every memory",
        name: name)
    }
    guard view.data != nil || rows == 0 || columns == 0 else {
      throw MaquetteError(
        .invalidArgument, "\(name).data is NULL for \(rows) rows and \(columns) columns", name: name)
    }
    data = view.data
  }

  private static func fits(_ stride: Int, _ count: Int) -> Bool {
    let (product, overflow) = stride.multipliedReportingOverflow(by: count)
    return !overflow && product.magnitude < 1 << 62
  }

  /// The memory itself, if it is dense 32-bit floats where a float may lie.
  var dense: UnsafeMutablePointer<Float>? {
    guard type == .float32, columnStride == 4, rowStride == 4 * columns || rows <= 1, let data,
      UInt(bitPattern: data) % 4 == 0
    else { return nil }
    return data.assumingMemoryBound(to: Float.self)
  }

  /// Copies the numbers as floats, row after row.
  func read(into floats: UnsafeMutablePointer<Float>) { read(0..<rows, into: floats) }

  /// Copies the numbers of some of the rows, row after row, to where all of them would begin.
  private func read(_ rows: Range<Int>, into floats: UnsafeMutablePointer<Float>) {
    guard let data else { return }
    if let dense {
      let (start, count) = (rows.lowerBound * columns, rows.count * columns)
      (floats + start).update(from: dense + start, count: count)
      return
    }
    switch type {
    case .float32: copy(rows, data, floats) { $0.loadUnaligned(as: Float.self) }
    case .float64: copy(rows, data, floats) { Float($0.loadUnaligned(as: Double.self)) }
    case .uint8: copy(rows, data, floats) { Float($0.loadUnaligned(as: UInt8.self)) }
    case .int32: copy(rows, data, floats) { Float($0.loadUnaligned(as: Int32.self)) }
    case .int64: copy(rows, data, floats) { Float($0.loadUnaligned(as: Int64.self)) }
    }
  }

  @inline(__always)
  private func copy(
    _ rows: Range<Int>, _ data: UnsafeMutableRawPointer, _ floats: UnsafeMutablePointer<Float>,
    _ load: (UnsafeRawPointer) -> Float
  ) {
    for row in rows {
      let source = UnsafeRawPointer(data + row * rowStride)
      let target = floats + row * columns
      for column in 0..<columns { target[column] = load(source + column * columnStride) }
    }
  }

  /// Writes floats, which lie row after row, as the host's type.
  func write(from floats: UnsafePointer<Float>) {
    guard let data else { return }
    if let dense {
      Floats.copy(floats, to: dense, count: rows * columns)
      return
    }
    for row in 0..<rows {
      let target = data + row * rowStride
      let source = floats + row * columns
      if type == .float32 {
        for column in 0..<columns {
          (target + column * columnStride).storeBytes(of: source[column], as: Float.self)
        }
      } else {
        for column in 0..<columns {
          (target + column * columnStride).storeBytes(of: Double(source[column]), as: Double.self)
        }
      }
    }
  }

  /// - Throws: ``MaquetteError/Code/invalidArgument`` unless the matrix can hold answers.
  func requireWritable(_ name: String) throws(MaquetteError) {
    guard type == .float32 || type == .float64 else {
      throw MaquetteError(
        .invalidArgument, "\(name).dtype must be MAQUETTE_F32 or MAQUETTE_F64 to be written to", name: name)
    }
  }

  /// A copy of the numbers; many are shared among the workers, since memory that nobody has touched yet costs more than
  /// the copying.
  ///
  /// - Throws: ``MaquetteError/Code/badShape`` for rows without columns, ``MaquetteError/Code/outOfMemory``.
  func matrix(_ name: String) throws(MaquetteError) -> Matrix {
    guard columns > 0 || rows == 0 else {
      throw MaquetteError(.badShape, "\(name) has \(rows) rows and no columns", name: name)
    }
    // Every number is written: zeros before would cost as much as the copy.
    let numbers = try FloatBuffer(unwritten: rows * columns)
    nonisolated(unsafe) let view = self
    try Workers.forEachBlock(of: max(1, FloatBuffer.numbersOfLargePage / max(1, columns)), rows: rows) {
      (block) throws(MaquetteError) in view.read(block, into: numbers.pointer)
    }
    return try Matrix(rows: rows, columns: columns, sharing: numbers)
  }
}

extension MatrixView {
  /// The numbers with all their digits, row after row.
  ///
  /// - Throws: ``MaquetteError/Code/badShape`` for rows without columns, ``MaquetteError/Code/outOfMemory``.
  func doubles(_ name: String) throws(MaquetteError) -> [Double] {
    guard columns > 0 || rows == 0 else {
      throw MaquetteError(.badShape, "\(name) has \(rows) rows and no columns", name: name)
    }
    let (count, overflow) = rows.multipliedReportingOverflow(by: columns)
    guard let data, count > 0 else { return [] }
    // An array that finds no memory would end the process.
    let probe = overflow || count >= 1 << 48 ? nil : malloc(count * MemoryLayout<Double>.size)
    guard probe != nil else {
      throw MaquetteError(.outOfMemory, "not enough memory for \(rows) × \(columns) numbers", name: name)
    }
    free(probe)
    var numbers = [Double](repeating: 0, count: count)
    for row in 0..<rows {
      for column in 0..<columns {
        let place = UnsafeRawPointer(data + row * rowStride + column * columnStride)
        numbers[row * columns + column] =
          switch type {
          case .float32: Double(place.loadUnaligned(as: Float.self))
          case .float64: place.loadUnaligned(as: Double.self)
          case .uint8: Double(place.loadUnaligned(as: UInt8.self))
          case .int32: Double(place.loadUnaligned(as: Int32.self))
          case .int64: Double(place.loadUnaligned(as: Int64.self))
          }
      }
    }
    return numbers
  }
}

/// Gives a host a matrix: its shape where the host has no memory yet, else its numbers.
///
/// - Throws: ``MaquetteError/Code/invalidArgument``; ``MaquetteError/Code/badShape`` for memory of another shape.
func write(
  _ matrix: Matrix, to host: UnsafeMutablePointer<maquette_matrix>?, _ name: String
) throws(MaquetteError) {
  let host = try required(host, name)
  try checkSize(host.pointee.struct_size, of: host, name)
  guard host.pointee.data != nil else {
    host.pointee.rows = Int64(matrix.rows)
    host.pointee.cols = Int64(matrix.columns)
    return
  }
  let view = try MatrixView(host, name)
  try view.requireWritable(name)
  guard view.rows == matrix.rows, view.columns == matrix.columns else {
    throw MaquetteError(
      .badShape, "\(name) is \(view.rows) × \(view.columns); \(matrix.rows) × \(matrix.columns) is needed",
      name: name)
  }
  matrix.withUnsafeBufferPointer { if let values = $0.baseAddress { view.write(from: values) } }
}

/// A host's labels, one for each row.
///
/// - Parameter allowsNone: whether NULL stands for a row without a label.
/// - Throws: ``MaquetteError/Code/badUTF8``, ``MaquetteError/Code/invalidArgument``.
func labelColumn(
  _ labels: UnsafePointer<UnsafePointer<CChar>?>?, count: Int, _ name: String, allowsNone: Bool
) throws(MaquetteError) -> LabelColumn {
  guard let labels else {
    guard allowsNone || count == 0 else {
      throw MaquetteError(.invalidArgument, "\(name) is NULL; it must have a label for each row", name: name)
    }
    return try LabelColumn(names: [], codes: [Int32](repeating: -1, count: count))
  }
  func text(_ label: UnsafePointer<CChar>, _ row: Int) throws(MaquetteError) -> String {
    guard let text = String(validatingCString: label) else {
      throw MaquetteError(.badUTF8, "\(name)[\(row)] is not valid UTF-8", name: name)
    }
    return text
  }
  // One at a time, as instances come that somebody makes.
  if count == 1, let label = labels[0] { return try LabelColumn(names: [try text(label, 0)], codes: [0]) }
  var names: [String] = []
  var codes = [Int32](repeating: -1, count: count)
  var codeOfName: [String: Int32] = [:]
  // Hosts pass the same few pointers again and again: then hardly a string is read twice. Of those that share a slot the
  // last is known.
  let slots = count < 256 ? 1 : 256
  var known = [(label: UnsafePointer<CChar>?, code: Int32)](repeating: (nil, -1), count: slots)
  for row in 0..<count {
    guard let label = labels[row] else {
      guard allowsNone else {
        throw MaquetteError(.invalidArgument, "\(name)[\(row)] is NULL; every row needs a label", name: name)
      }
      continue
    }
    // Strings of their own begin at multiples of 16, usually.
    let slot = Int(
      truncatingIfNeeded: (UInt(bitPattern: label) >> 4 ^ UInt(bitPattern: label) << 4) & UInt(slots - 1))
    if known[slot].label == label {
      codes[row] = known[slot].code
      continue
    }
    let text = try text(label, row)
    let code: Int32
    if let present = codeOfName[text] {
      code = present
    } else {
      code = Int32(names.count)
      codeOfName[text] = code
      names.append(text)
    }
    codes[row] = code
    known[slot] = (label, code)
  }
  return try LabelColumn(names: names, codes: codes)
}
