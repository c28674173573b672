import MaquetteFormats
import MaquetteSystem

/// The numbers of one instance: flat, with the shape they had as nested arrays.
struct Features: Sendable, Equatable {
  let values: [Float]
  /// Whether a store in a file keeps each value in one byte: then all are whole numbers from 0 to 255.
  let isBytes: Bool

  /// The lengths of arrays that are nested; empty for a single array, which needs no memory for it.
  private let nesting: [Int]

  /// The lengths of the nested arrays, from the outside in; their product is the number of values, at least 1.
  var shape: [Int] { nesting.isEmpty ? [values.count] : nesting }

  /// How many numbers a row of the dataset has.
  var width: Int { values.count }

  /// Reads a rectangular array of numbers, nested at will; nil for JSON of any other form.
  ///
  /// - Throws: ``MaquetteError/Code/notFinite`` for a number that no 32-bit float holds.
  init?(_ json: JSON, of id: @autoclosure () -> String) throws(MaquetteError) {
    var shape: [Int] = []
    var level = json
    while case .array(let elements) = level {
      guard let first = elements.first else { return nil }
      shape.append(elements.count)
      level = first
    }
    guard !shape.isEmpty, case .number = level else { return nil }
    var values: [Float] = []
    guard Self.collect(json, shape[...], into: &values) else { return nil }
    if let odd = values.firstIndex(where: { !$0.isFinite }) {
      throw MaquetteError(
        .notFinite,
        "value \(odd) of the x of instance \(id()) is not a finite 32-bit number: features must lie within ±3.4e38",
        name: "x")
    }
    self.init(shape: shape, values: values)
  }

  /// - Parameter shape: nil for a single array.
  init(shape: [Int]?, values: [Float], isBytes: Bool = false) {
    nesting = shape.map { $0.count > 1 ? $0 : [] } ?? []
    self.values = values
    self.isBytes = isBytes
  }

  private static func collect(_ json: JSON, _ shape: ArraySlice<Int>, into values: inout [Float]) -> Bool {
    guard let length = shape.first else {
      guard case .number(let value) = json else { return false }
      values.append(Float(value))
      return true
    }
    guard case .array(let elements) = json, elements.count == length else { return false }
    return elements.allSatisfy { collect($0, shape.dropFirst(), into: &values) }
  }

  /// The numbers as the nested arrays they came from.
  var json: JSON {
    if nesting.isEmpty { return .array(values.map { .number(Double($0)) }) }
    var place = 0
    func build(_ shape: ArraySlice<Int>) -> JSON {
      guard let length = shape.first else {
        defer { place += 1 }
        return place < values.count ? .number(Double(values[place])) : .null
      }
      return .array((0..<length).map { _ in build(shape.dropFirst()) })
    }
    return build(shape[...])
  }

  /// Writes ``json``.
  func write(to text: inout JSONWriter) {
    if nesting.isEmpty { return text.write(values) }
    var place = 0
    func add(_ shape: ArraySlice<Int>) {
      guard let length = shape.first else {
        text.write(place < values.count ? .number(Double(values[place])) : .null)
        place += 1
        return
      }
      text.beginArray()
      for _ in 0..<length { add(shape.dropFirst()) }
      text.endArray()
    }
    add(shape[...])
  }
}

extension Features {
  /// Reads a shape as ``layoutText`` gives it for floats; nil unless it fits `count` numbers.
  private static func shape(_ text: String?, count: Int) -> [Int]? {
    guard let text else { return [count] }
    return shape((try? JSON(parsing: text))?.array, count: count)
  }

  private static func shape(_ lengths: [JSON]?, count: Int) -> [Int]? {
    guard let lengths, !lengths.isEmpty, lengths.count <= 256 else {
      return nil
    }
    var shape: [Int] = []
    var product = 1
    for length in lengths {
      guard let length = length.integer, length > 0 else { return nil }
      let (next, overflow) = product.multipliedReportingOverflow(by: length)
      guard !overflow else { return nil }
      product = next
      shape.append(length)
    }
    return product == count ? shape : nil
  }
}

// MARK: In files

extension Features {
  /// The numbers as a file keeps them: 4 bytes each, or 1.
  var bytes: [UInt8] {
    isBytes ? values.map { UInt8(min(max($0, 0), 255)) } : values.withUnsafeBytes { Array($0) }
  }

  /// The form of ``bytes``: nil for a flat row of floats; the shape; or `{"dtype":"u8","shape":[…]}`.
  var layoutText: String? { Self.layoutText(shape, isBytes: isBytes) }

  static func layoutText(_ shape: [Int], isBytes: Bool) -> String? {
    guard isBytes || shape.count > 1 else { return nil }
    let lengths = JSON.array(shape.map { JSON($0) })
    return (isBytes ? ["dtype": "u8", "shape": lengths] : lengths).description
  }

  /// Reads what ``bytes`` and ``layoutText`` gave; nil for anything else.
  init?(_ bytes: UnsafeRawBufferPointer, layout: String?) {
    guard bytes.count > 0 else { return nil }
    if let layout, let object = (try? JSON(parsing: layout))?.object {
      guard object["dtype"] == "u8", let shape = Self.shape(object["shape"]?.array, count: bytes.count) else {
        return nil
      }
      self.init(shape: shape, values: bytes.map { Float($0) }, isBytes: true)
      return
    }
    guard bytes.count % 4 == 0, let shape = Self.shape(layout, count: bytes.count / 4) else { return nil }
    self.init(shape: shape, values: SQLiteSession.floats(bytes))
  }
}
