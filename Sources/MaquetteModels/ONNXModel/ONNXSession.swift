import MaquetteFormats
import MaquetteKernels
import MaquetteSystem

/// A model in ONNX Runtime: rows in, the numbers of one output out. Any number of threads may run it at once.
final class ONNXSession: @unchecked Sendable {  // a session of ONNX Runtime may be shared
  /// The input, of which the first dimension is the rows.
  struct Input {
    let name: String
    let type: ONNX.ElementType
    /// Of a row.
    let shape: [Int64]
    /// How many rows are taken at once; nil: any number.
    let batch: Int?
    let features: Int
  }

  let file: [UInt8]
  let description: ONNX.Model
  let input: Input
  private let library: ONNXRuntimeLibrary
  private let session: ONNXRuntimeLibrary.Handle

  /// The most rows and the most features that are handed over at once: so much of intermediate results is held.
  private static let rowsAtOnce = 1024
  private static let featuresAtOnce = 1 << 24
  /// The most features of a row.
  private static let mostFeatures = 1 << 26

  /// - Parameter file: an ONNX file with its weights inside.
  /// - Throws: ``MaquetteError/Code/badFormat`` for a file that can't be read or run; ``MaquetteError/Code/unsupported``
  ///   where ONNX Runtime is not installed, or the model does not take rows of numbers.
  init(_ file: [UInt8]) throws(MaquetteError) {
    self.file = file
    description = try ONNX.Model(parsing: file)
    library = try ONNXRuntimeLibrary.load()
    input = try Self.input(of: description.graph)
    let library = library
    var options: ONNXRuntimeLibrary.Handle?
    try library.check(library.makeOptions(&options), .outOfMemory, "ONNX Runtime has no options")
    defer { library.freeOptions(options) }
    let threads = Int32(clamping: Workers.limit)
    try library.check(
      library.setThreads(options, threads), .internal, "ONNX Runtime takes no \(threads) threads")
    var session: ONNXRuntimeLibrary.Handle?
    let status = withSignalsBlocked {
      file.withUnsafeBytes {
        library.makeSession(library.environment, $0.baseAddress, $0.count, options, &session)
      }
    }
    try library.check(status, .badFormat, "ONNX Runtime can't read the model")
    guard let session else { throw MaquetteError(.internal, "ONNX Runtime made no session") }
    self.session = session
  }

  deinit { library.freeSession(session) }

  private static func input(of graph: ONNX.Graph) throws(MaquetteError) -> Input {
    let constants = Set(graph.initializers.map(\.name))
    let inputs = graph.inputs.filter { !constants.contains($0.name) }
    guard inputs.count == 1, let value = inputs.first else {
      throw MaquetteError(
        .unsupported,
        "the model takes \(inputs.count) inputs (\(inputs.map(\.name).joined(separator: ", "))); an onnx-model gives it one: rows"
      )
    }
    func refusal(_ reason: String) -> MaquetteError {
      MaquetteError(.unsupported, "the model's input \(quoted(value.name)) \(reason)", name: value.name)
    }
    guard let type = value.type, type == .float || type == .double else {
      throw refusal(
        "is of \(value.type.map { "\($0)s" } ?? "no numbers"); an onnx-model gives floats or doubles")
    }
    guard let shape = value.shape, let first = shape.first else {
      throw refusal("has no shape; its first dimension must be the rows")
    }
    var batch: Int?
    if case .size(let size) = first, size > 0 { batch = size }
    guard batch ?? 1 == 1 else {
      throw refusal("takes \(batch ?? 0) rows at once; export it for one, or for any number")
    }
    var features = 1
    var sizes: [Int64] = []
    for dimension in shape.dropFirst() {
      guard case .size(let size) = dimension, size > 0, size <= Int32.max else {
        throw refusal("takes rows of any width; export it with a number of features")
      }
      let (product, overflow) = features.multipliedReportingOverflow(by: size)
      guard !overflow, product <= mostFeatures else {
        throw refusal("takes rows of more features than can be")
      }
      features = product
      sizes.append(Int64(size))
    }
    return Input(name: value.name, type: type, shape: sizes, batch: batch, features: features)
  }

  /// The outputs that are of floats or doubles.
  var outputs: [String] {
    description.graph.outputs.filter { $0.type == .float || $0.type == .double }.map(\.name)
  }

  // MARK: Running

  /// How many numbers an output gives for a row, found by running a row of zeros.
  ///
  /// - Throws: ``MaquetteError/Code/badFormat`` where it can't be run.
  func width(of output: String) throws(MaquetteError) -> Int {
    let zeros = try FloatBuffer(zeros: input.features)
    var width = 0
    try run(zeros.pointer, rows: 1, output) { width = $0.count }
    guard width > 0 else {
      throw MaquetteError(.unsupported, "the model's output \(quoted(output)) gives no numbers", name: output)
    }
    return width
  }

  /// Writes `width` numbers for each of `count` rows.
  func predict(
    _ rows: UnsafePointer<Float>, count: Int, _ output: String, width: Int,
    into result: UnsafeMutablePointer<Float>
  ) throws(MaquetteError) {
    let step = input.batch ?? min(Self.rowsAtOnce, max(1, Self.featuresAtOnce / input.features))
    for first in stride(from: 0, to: count, by: step) {
      let taken = min(step, count - first)
      var found = 0
      try run(rows + first * input.features, rows: taken, output) { numbers in
        found = numbers.count
        guard found == taken * width else { return }
        for place in 0..<found { result[first * width + place] = numbers[place] }
      }
      guard found == taken * width else {
        throw MaquetteError(
          .unsupported,
          "the model's output \(quoted(output)) gives \(found) numbers for \(taken) rows, not \(width) for each",
          name: output)
      }
    }
  }

  private func run(
    _ rows: UnsafePointer<Float>, rows count: Int, _ output: String, _ take: (Numbers) -> Void
  ) throws(MaquetteError) {
    let elements = count * input.features
    let wide = input.type == .double ? try FloatBuffer(unwritten: 2 * elements) : nil
    defer { withExtendedLifetime(wide) {} }
    // Not written to by anybody else.
    let data = UnsafeMutableRawPointer(wide?.pointer ?? UnsafeMutablePointer(mutating: rows))
    if wide != nil {
      for place in 0..<elements {
        data.storeBytes(of: Double(rows[place]), toByteOffset: place * 8, as: Double.self)
      }
    }
    let size = elements * (wide == nil ? 4 : 8)
    let shape = [Int64(count)] + input.shape
    var (given, made): (ONNXRuntimeLibrary.Handle?, ONNXRuntimeLibrary.Handle?)
    try library.check(
      library.makeTensor(library.memory, data, size, shape, shape.count, input.type.rawValue, &given),
      .internal,
      "ONNX Runtime takes no rows")
    defer { library.freeValue(given) }
    let status = input.name.withCString { from in
      output.withCString { to in
        withUnsafePointer(to: from as UnsafePointer<CChar>?) { from in
          withUnsafePointer(to: to as UnsafePointer<CChar>?) { to in
            withUnsafePointer(to: given) { library.run(session, nil, from, $0, 1, to, 1, &made) }
          }
        }
      }
    }
    try library.check(status, .badFormat, "ONNX Runtime can't run the model")
    defer { library.freeValue(made) }
    take(try numbers(of: made, output))
  }

  /// The numbers of a tensor of ONNX Runtime, valid as long as it is.
  struct Numbers {
    fileprivate let data: UnsafeRawPointer?
    fileprivate let isDouble: Bool
    let count: Int

    subscript(place: Int) -> Float {
      guard let data else { return 0 }
      return isDouble
        ? Float(data.load(fromByteOffset: place * 8, as: Double.self))
        : data.load(fromByteOffset: place * 4, as: Float.self)
    }
  }

  private func numbers(of value: ONNXRuntimeLibrary.Handle?, _ output: String) throws(MaquetteError)
    -> Numbers
  {
    func check(_ status: ONNXRuntimeLibrary.Handle?) throws(MaquetteError) {
      try library.check(status, .badFormat, "the model's output \(quoted(output)) can't be read")
    }
    var isTensor: Int32 = 0
    try check(library.isTensor(value, &isTensor))
    var shape: ONNXRuntimeLibrary.Handle?
    if isTensor != 0 { try check(library.tensorShape(value, &shape)) }
    defer { library.freeShape(shape) }
    var (type, count): (Int32, Int) = (0, 0)
    if isTensor != 0 {
      try check(library.elementType(shape, &type))
      try check(library.elementCount(shape, &count))
    }
    guard [ONNX.ElementType.float.rawValue, ONNX.ElementType.double.rawValue].contains(type) else {
      throw MaquetteError(.badFormat, "the model's output \(quoted(output)) gives no floats", name: output)
    }
    var data: UnsafeMutableRawPointer?
    try check(library.tensorData(value, &data))
    return Numbers(
      data: UnsafeRawPointer(data), isDouble: type == ONNX.ElementType.double.rawValue, count: count)
  }
}
