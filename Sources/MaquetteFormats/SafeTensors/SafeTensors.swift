public import MaquetteSystem

/// Named arrays of numbers and a few words about them in one file: Maquette's own container, readable by everything
/// that reads safetensors.
public struct SafeTensors: Sendable, Equatable {
  public struct Tensor: Sendable, Equatable {
    /// `F32`, `F64` or `I32`.
    public var dtype: String
    public var shape: [Int]
    /// Little-endian, row-major.
    public var bytes: [UInt8]

    public init(_ values: some Sequence<Float>, shape: [Int]) {
      dtype = "F32"
      self.shape = shape
      bytes = [UInt8](littleEndian: values)
    }

    public init(doubles values: [Double], shape: [Int]) {
      dtype = "F64"
      self.shape = shape
      bytes = []
      bytes.reserveCapacity(values.count * 8)
      for value in values { bytes.append(littleEndian: value.bitPattern) }
    }

    public init(_ values: [Int32], shape: [Int]) {
      dtype = "I32"
      self.shape = shape
      bytes = []
      bytes.reserveCapacity(values.count * 4)
      for value in values { bytes.append(littleEndian: value) }
    }

    fileprivate init(dtype: String, shape: [Int], bytes: [UInt8]) {
      self.dtype = dtype
      self.shape = shape
      self.bytes = bytes
    }

    /// The numbers of an `F32` tensor; nil of another.
    public var floats: [Float]? { dtype == "F32" ? bytes.floats : nil }

    /// The numbers of an `F64` tensor; nil of another.
    public var doubles: [Double]? {
      guard dtype == "F64" else { return nil }
      return (0..<(bytes.count / 8)).map { Double(bitPattern: bytes.integer(at: 8 * $0, as: UInt64.self)) }
    }

    /// The numbers of an `I32` tensor; nil of another.
    public var integers: [Int32]? {
      dtype == "I32" ? (0..<(bytes.count / 4)).map { bytes.integer(at: 4 * $0, as: Int32.self) } : nil
    }
  }

  public var tensors: [(name: String, tensor: Tensor)]
  public var metadata: [(name: String, value: String)]

  public init(tensors: [(name: String, tensor: Tensor)], metadata: [(name: String, value: String)] = []) {
    self.tensors = tensors
    self.metadata = metadata
  }

  public subscript(name: String) -> Tensor? { tensors.first { $0.name == name }?.tensor }

  public static func == (left: SafeTensors, right: SafeTensors) -> Bool {
    left.tensors.elementsEqual(right.tensors) { $0.name == $1.name && $0.tensor == $1.tensor }
      && left.metadata.elementsEqual(right.metadata) { $0 == $1 }
  }

  // MARK: Writing

  /// The file.
  public var bytes: [UInt8] {
    var header: [(String, JSON)] = []
    if !metadata.isEmpty {
      header.append(("__metadata__", .object(JSONObject(metadata.map { ($0.name, .string($0.value)) }))))
    }
    var offset = 0
    for (name, tensor) in tensors {
      let end = offset + tensor.bytes.count
      header.append(
        (
          name,
          [
            "dtype": .string(tensor.dtype), "shape": .array(tensor.shape.map { JSON($0) }),
            "data_offsets": [JSON(offset), JSON(end)],
          ]
        ))
      offset = end
    }
    var headerBytes = JSON.object(JSONObject(header)).bytes
    while headerBytes.count % 8 != 0 { headerBytes.append(UInt8(ascii: " ")) }
    var output: [UInt8] = []
    output.reserveCapacity(8 + headerBytes.count + offset)
    output.append(littleEndian: UInt64(headerBytes.count))
    output.append(contentsOf: headerBytes)
    for (_, tensor) in tensors { output.append(contentsOf: tensor.bytes) }
    return output
  }

  // MARK: Reading

  /// Whether this begins as such a file does: with the length of the header, which is a JSON object.
  public static func recognizes(_ bytes: [UInt8]) -> Bool {
    bytes.count > 8 && bytes[8] == UInt8(ascii: "{")
      && bytes.integer(at: 0, as: UInt64.self) <= UInt64(bytes.count - 8)
  }

  /// Reads a file; `what` names it in messages.
  ///
  /// - Throws: ``MaquetteError/Code/badFormat`` with what is damaged.
  public init(parsing bytes: [UInt8], as what: String) throws(MaquetteError) {
    func damaged(_ reason: String) -> MaquetteError {
      MaquetteError(.badFormat, "\(what) can't be read: \(reason)", name: what)
    }
    guard bytes.count >= 8, let headerSize = Int(exactly: bytes.integer(at: 0, as: UInt64.self)),
      headerSize <= bytes.count - 8
    else { throw damaged("it has \(bytes.count) bytes, too few for its header") }
    let header: JSONObject
    do throws(MaquetteError) {
      guard let object = try JSON(parsing: Array(bytes[8..<(8 + headerSize)]), as: "the header").object else {
        throw damaged("its header is no object")
      }
      header = object
    } catch {
      throw damaged(error.message)
    }
    let data = bytes[(8 + headerSize)...]
    tensors = []
    metadata = []
    var spans: [(start: Int, end: Int)] = []
    for (name, value) in header.members {
      if name == "__metadata__" {
        metadata = (value.object?.members ?? []).compactMap { member in
          member.value.string.map { (member.name, $0) }
        }
        continue
      }
      guard let dtype = value["dtype"]?.string, let dimensions = value["shape"]?.array,
        let offsets = value["data_offsets"]?.array, offsets.count == 2,
        let start = offsets[0].integer, let end = offsets[1].integer, start >= 0, start <= end,
        end <= data.count
      else { throw damaged("\(name) has no dtype, shape and data_offsets inside the file") }
      guard let elementSize = ["F32": 4, "F64": 8, "I32": 4][dtype] else {
        throw damaged("\(name) is of dtype \(dtype), not F32, F64 or I32")
      }
      guard let shape = TensorShape(dimensions, elementSize: elementSize) else {
        throw damaged("the shape of \(name) must be whole numbers")
      }
      guard shape.bytes == end - start else {
        throw damaged("\(name) has \(end - start) bytes where its shape needs \(shape.bytes)")
      }
      spans.append((start, end))
      tensors.append((name, Tensor(dtype: dtype, shape: shape.dimensions, bytes: [])))
    }
    // Each byte belongs to one tensor: many that share them would become more memory than the file is.
    var covered = 0
    for place in spans.indices.sorted(by: { spans[$0] < spans[$1] }) {
      guard spans[place].start == covered else {
        throw damaged(
          "\(tensors[place].name) begins at byte \(spans[place].start) of the data, not at \(covered)")
      }
      covered = spans[place].end
    }
    guard covered == data.count else {
      throw damaged("it has \(data.count) bytes of data, its header tells of \(covered)")
    }
    for (place, span) in spans.enumerated() {
      tensors[place].tensor.bytes = Array(
        data[(data.startIndex + span.start)..<(data.startIndex + span.end)])
    }
  }
}
