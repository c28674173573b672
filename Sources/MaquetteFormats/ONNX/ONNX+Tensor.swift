package import MaquetteSystem

extension ONNX {
  /// Numbers or texts of any shape.
  package struct Tensor: Sendable, Equatable {
    package var name: String
    package var type: ElementType
    /// Empty for a single element.
    package var shape: [Int]
    /// The numbers, little-endian, row-major.
    package var raw: ArraySlice<UInt8>
    package var texts: [String] = []
    /// Whether the numbers are in a file of their own.
    package var isExternal = false

    init(name: String = "", type: ElementType = .init(rawValue: 0), shape: [Int] = [], raw: [UInt8] = []) {
      self.name = name
      self.type = type
      self.shape = shape
      self.raw = raw[...]
    }

    /// - Parameter shape: of as many elements as there are values.
    package init(_ name: String, _ values: some Sequence<Float>, shape: [Int]) {
      self.init(name: name, type: .float, shape: shape, raw: [UInt8](littleEndian: values))
    }

    package init(_ name: String, doubles values: [Double], shape: [Int]) {
      var raw: [UInt8] = []
      for value in values { raw.append(littleEndian: value.bitPattern) }
      self.init(name: name, type: .double, shape: shape, raw: raw)
    }

    package init(_ name: String, integers values: [Int64], shape: [Int]) {
      var raw: [UInt8] = []
      for value in values { raw.append(littleEndian: value) }
      self.init(name: name, type: .int64, shape: shape, raw: raw)
    }
  }
}

extension ONNX.Tensor {
  /// How many elements the shape has.
  ///
  /// - Throws: ``MaquetteError/Code/badFormat`` unless there are as many.
  package func count() throws(MaquetteError) -> Int {
    guard !isExternal else {
      throw MaquetteError(
        .unsupported,
        "the numbers of \(quoted(name)) are in a file beside the ONNX file; save the model with its weights inside",
        name: name)
    }
    var count = 1
    for size in shape {
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      guard size >= 0, !overflow else { throw damaged("has the impossible shape \(shape)") }
      count = product
    }
    let found = type == .string ? texts.count : type.size.map { raw.count / $0 }
    guard let found else { throw damaged("is of the type \(type), which is not read") }
    guard found == count, type == .string || raw.count == count * (type.size ?? 1) else {
      throw damaged("has \(found) elements where its shape \(shape) needs \(count)")
    }
    return count
  }

  /// The numbers, of whatever type they are, as doubles.
  ///
  /// - Throws: ``MaquetteError/Code/badFormat`` for texts, or another number of elements than the shape has.
  package func doubles() throws(MaquetteError) -> [Double] {
    let count = try count()
    switch type {
    case .float: return raw.floats.map { Double($0) }
    case .double:
      return (0..<count).map { Double(bitPattern: raw.integer(at: 8 * $0, as: UInt64.self)) }
    case .float16:
      return (0..<count).map { Self.double(half: raw.integer(at: 2 * $0, as: UInt16.self)) }
    case .int64: return (0..<count).map { Double(raw.integer(at: 8 * $0, as: Int64.self)) }
    case .int32: return (0..<count).map { Double(raw.integer(at: 4 * $0, as: Int32.self)) }
    case .int8: return raw.map { Double(Int8(bitPattern: $0)) }
    case .uint8, .bool: return raw.map { Double($0) }
    default: throw damaged("must hold numbers, not \(type)s")
    }
  }

  /// The numbers, of whatever type they are, as floats.
  ///
  /// - Throws: as ``doubles()``.
  package func floats() throws(MaquetteError) -> [Float] {
    guard type == .float else { return try doubles().map { Float($0) } }
    _ = try count()
    return raw.floats
  }

  /// The whole numbers.
  ///
  /// - Throws: ``MaquetteError/Code/badFormat`` for anything else, or another number of elements than the shape has.
  package func integers() throws(MaquetteError) -> [Int64] {
    let count = try count()
    switch type {
    case .int64: return (0..<count).map { raw.integer(at: 8 * $0, as: Int64.self) }
    case .int32: return (0..<count).map { Int64(raw.integer(at: 4 * $0, as: Int32.self)) }
    case .int8: return raw.map { Int64(Int8(bitPattern: $0)) }
    case .uint8, .bool: return raw.map { Int64($0) }
    default: throw damaged("must hold whole numbers, not \(type)s")
    }
  }

  private func damaged(_ what: String) -> MaquetteError {
    MaquetteError(.badFormat, "the ONNX file can't be read: the tensor \(quoted(name)) \(what)", name: name)
  }

  /// IEEE 754 binary16, which Swift has as a type on some machines only.
  private static func double(half bits: UInt16) -> Double {
    let magnitude =
      switch (Int(bits >> 10 & 0x1f), Double(bits & 0x3ff)) {
      case (0, let fraction): fraction * 0x1p-24
      case (31, 0): Double.infinity
      case (31, _): Double.nan
      case (let exponent, let fraction):
        Double(sign: .plus, exponent: exponent - 25, significand: 1024 + fraction)
      }
    return bits >> 15 == 1 ? -magnitude : magnitude
  }
}
