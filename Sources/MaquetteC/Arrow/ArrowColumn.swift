import CMaquette
import MaquetteSystem

/// What a column of a host's record batches holds, read from its format.
indirect enum ArrowType {
  case number(ArrowNumber)
  case text(ArrowText)
  /// Indices into texts.
  case dictionary(ArrowNumber, ArrowText)
  /// Lists of numbers: all of so many, or of any length with offsets of 4 or 8 bytes.
  case fixedList(Int, ArrowNumber)
  case list(offsetBytes: Int, ArrowNumber)
  case other(String)

  init(_ schema: ArrowSchema) {
    let format = schema.format.flatMap { String(validatingCString: $0) } ?? ""
    self = .other(format)
    if let index = ArrowNumber(format) {
      guard let dictionary = schema.dictionary else {
        self = .number(index)
        return
      }
      guard let text = ArrowText(dictionary.pointee), index.isWhole else { return }
      self = .dictionary(index, text)
    } else if let text = ArrowText(schema), schema.dictionary == nil {
      self = .text(text)
    } else if schema.n_children == 1, let child = schema.children?[0]?.pointee, child.dictionary == nil,
      let number = child.format.flatMap({ String(validatingCString: $0) }).flatMap({ ArrowNumber($0) })
    {
      switch format {
      case "+l": self = .list(offsetBytes: 4, number)
      case "+L": self = .list(offsetBytes: 8, number)
      case _ where format.hasPrefix("+w:"):
        if let width = Int(format.dropFirst(3)), width >= 0 { self = .fixedList(width, number) }
      default: break
      }
    }
  }

  /// What it is called in messages.
  var description: String {
    switch self {
    case .number(.boolean): "booleans"
    case .number: "numbers"
    case .text, .dictionary: "texts"
    case .fixedList, .list: "lists of numbers"
    case .other(let format): "something of the format '\(format.prefix(40))'"
    }
  }

  var isList: Bool {
    switch self {
    case .fixedList, .list: true
    default: false
    }
  }

  /// The type of its numbers, or of those in its lists.
  var number: ArrowNumber? {
    switch self {
    case .number(let number), .fixedList(_, let number), .list(_, let number): number
    default: nil
    }
  }
}

/// The types of numbers, by their letters.
enum ArrowNumber: String {
  case boolean = "b"
  case int8 = "c"
  case uint8 = "C"
  case int16 = "s"
  case uint16 = "S"
  case int32 = "i"
  case uint32 = "I"
  case int64 = "l"
  case uint64 = "L"
  case half = "e"
  case float = "f"
  case double = "g"

  init?(_ letter: String) { self.init(rawValue: letter) }

  var isWhole: Bool {
    switch self {
    case .boolean, .half, .float, .double: false
    default: true
    }
  }

  /// Reads numbers that lie one after the other.
  ///
  /// - Parameters:
  ///   - start: of the first of the buffer, of which the first `offset` are passed over.
  ///   - stride: from one to the next in `out`.
  func read(
    _ start: UnsafeRawPointer, offset: Int, count: Int, into out: UnsafeMutablePointer<Float>, stride: Int
  ) {
    @inline(__always)
    func copy<Number>(_ type: Number.Type, _ convert: (Number) -> Float) {
      let source = start + offset * MemoryLayout<Number>.size
      for place in 0..<count {
        out[place * stride] = convert(
          source.loadUnaligned(fromByteOffset: place * MemoryLayout<Number>.size, as: Number.self))
      }
    }
    switch self {
    case .boolean:
      for place in 0..<count { out[place * stride] = ArrowBits.isSet(start, offset + place) ? 1 : 0 }
    case .int8: copy(Int8.self) { Float($0) }
    case .uint8: copy(UInt8.self) { Float($0) }
    case .int16: copy(Int16.self) { Float($0) }
    case .uint16: copy(UInt16.self) { Float($0) }
    case .int32: copy(Int32.self) { Float($0) }
    case .uint32: copy(UInt32.self) { Float($0) }
    case .int64: copy(Int64.self) { Float($0) }
    case .uint64: copy(UInt64.self) { Float($0) }
    case .half: copy(UInt16.self) { Self.float(half: $0) }
    case .float: copy(Float.self) { $0 }
    case .double: copy(Double.self) { Float($0) }
    }
  }

  /// One whole number, or a boolean as 0 or 1.
  func whole(_ start: UnsafeRawPointer, at place: Int) -> Int? {
    func load<Number: FixedWidthInteger>(_ type: Number.Type) -> Int? {
      Int(exactly: start.loadUnaligned(fromByteOffset: place * MemoryLayout<Number>.size, as: Number.self))
    }
    switch self {
    case .boolean: return ArrowBits.isSet(start, place) ? 1 : 0
    case .int8: return load(Int8.self)
    case .uint8: return load(UInt8.self)
    case .int16: return load(Int16.self)
    case .uint16: return load(UInt16.self)
    case .int32: return load(Int32.self)
    case .uint32: return load(UInt32.self)
    case .int64: return load(Int64.self)
    case .uint64: return load(UInt64.self)
    case .half, .float, .double: return nil
    }
  }

  /// The number of 16 bits (IEEE 754), which not every processor knows.
  private static func float(half: UInt16) -> Float {
    let sign: UInt32 = UInt32(half >> 15) << 31
    let exponent = UInt32(half >> 10) & 31
    let fraction = UInt32(half) & 1023
    switch exponent {
    case 0: return (sign == 0 ? 1 : -1) * Float(fraction) * 0x1p-24
    case 31: return Float(bitPattern: sign | 0x7F80_0000 | fraction << 13)
    default: return Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13)
    }
  }
}

/// How texts lie in memory.
enum ArrowText: Equatable {
  /// All in one buffer, with offsets of 4 or 8 bytes.
  case offsets(bytes: Int)
  /// Each with a view of 16 bytes: short ones in it, long ones in one of several buffers.
  case views

  init?(_ schema: ArrowSchema) {
    switch schema.format.flatMap({ String(validatingCString: $0) }) {
    case "u": self = .offsets(bytes: 4)
    case "U": self = .offsets(bytes: 8)
    case "vu": self = .views
    default: return nil
    }
  }
}

/// Bits of a buffer, the lowest of each byte first.
enum ArrowBits {
  static func isSet(_ bits: UnsafeRawPointer, _ place: Int) -> Bool {
    bits.load(fromByteOffset: place / 8, as: UInt8.self) >> UInt8(place % 8) & 1 == 1
  }
}

/// An array of a host's, looked at with the checks that its description allows. The memory itself is taken on trust, as the
/// interface demands.
struct ArrowView {
  let array: ArrowArray
  let length: Int
  let offset: Int
  /// What the column is called in messages.
  let name: String

  /// - Parameter buffers: how many it must have at least.
  /// - Throws: ``MaquetteError/Code/badFormat``.
  init(_ array: UnsafePointer<ArrowArray>?, _ name: String, buffers: Int) throws(MaquetteError) {
    guard let array = array?.pointee else { throw Self.malformed(name, "is missing") }
    guard let length = Int(exactly: array.length), let offset = Int(exactly: array.offset), length >= 0,
      offset >= 0, length <= Int(Int32.max) * 64, offset <= Int(Int32.max) * 64
    else {
      throw Self.malformed(name, "has the length \(array.length) and the offset \(array.offset)")
    }
    guard array.n_buffers >= Int64(buffers), array.n_buffers < 1 << 20, array.buffers != nil else {
      throw Self.malformed(name, "has \(array.n_buffers) buffers, and not \(buffers)")
    }
    self.array = array
    self.length = length
    self.offset = offset
    self.name = name
  }

  private static func malformed(_ name: String, _ reason: String) -> MaquetteError {
    MaquetteError(.badFormat, "\(name) \(reason): that is no Arrow array", name: name)
  }

  func malformed(_ reason: String) -> MaquetteError { Self.malformed(name, reason) }

  /// A buffer that must be there where there is anything to read.
  func buffer(_ number: Int) throws(MaquetteError) -> UnsafeRawPointer {
    guard Int64(number) < array.n_buffers, let buffer = array.buffers?[number] else {
      throw malformed("lacks buffer \(number)")
    }
    return buffer
  }

  /// Whether the element of that place, counted without the offset, is there.
  func isValid(_ place: Int) -> Bool {
    guard array.null_count != 0, let bits = array.buffers?[0] else { return true }
    return ArrowBits.isSet(bits, offset + place)
  }

  /// The first null of a range; nil where there is none.
  func firstNull(_ range: Range<Int>) -> Int? {
    guard array.null_count != 0, array.buffers?[0] != nil else { return nil }
    return range.first { !isValid($0) }
  }

  /// An array inside of this one, which must be so long.
  func child(_ number: Int, _ name: String, buffers: Int, length: Int) throws(MaquetteError) -> ArrowView {
    guard Int64(number) < array.n_children, let child = array.children?[number] else {
      throw malformed("lacks column \(number)")
    }
    let view = try ArrowView(child, name, buffers: buffers)
    guard view.length >= length else {
      throw view.malformed("has \(view.length) elements, and not \(length)")
    }
    return view
  }

  /// One text, of a place counted without the offset.
  ///
  /// - Throws: ``MaquetteError/Code/badUTF8``, ``MaquetteError/Code/badFormat``.
  func text(_ place: Int, _ type: ArrowText) throws(MaquetteError) -> String {
    let index = offset + place
    let bytes: UnsafeRawBufferPointer
    switch type {
    case .offsets(let size):
      let offsets = try buffer(1)
      func end(_ number: Int) -> Int {
        size == 4
          ? Int(offsets.loadUnaligned(fromByteOffset: number * 4, as: Int32.self))
          : Int(offsets.loadUnaligned(fromByteOffset: number * 8, as: Int64.self))
      }
      let (start, stop) = (end(index), end(index + 1))
      guard start >= 0, stop >= start else { throw malformed("has offsets that do not grow") }
      bytes = UnsafeRawBufferPointer(
        start: stop == start ? nil : try buffer(2) + start, count: stop - start)
    case .views:
      let view = try buffer(1) + index * 16
      let count = Int(view.loadUnaligned(as: Int32.self))
      guard count >= 0 else { throw malformed("has a text of \(count) bytes") }
      if count <= 12 {
        bytes = UnsafeRawBufferPointer(start: view + 4, count: count)
      } else {
        let number = Int(view.loadUnaligned(fromByteOffset: 8, as: Int32.self))
        let start = Int(view.loadUnaligned(fromByteOffset: 12, as: Int32.self))
        guard number >= 0, start >= 0 else { throw malformed("has a view that leads nowhere") }
        bytes = UnsafeRawBufferPointer(start: try buffer(2 + number) + start, count: count)
      }
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw MaquetteError(.badUTF8, "\(name) holds a text that is not valid UTF-8", name: name)
    }
    return text
  }
}
