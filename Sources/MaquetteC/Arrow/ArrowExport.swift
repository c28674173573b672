import CMaquette
import Glibc
import MaquetteKernels
import MaquetteFormats
import MaquetteStores
import MaquetteSystem

/// The instances of a dataset as record batches; for one thread at a time, as the interface demands.
final class ArrowExport {
  /// What is under `y`.
  private enum Target {
    case labels
    case numbers(Int)
  }

  private let reader: any BlockReader
  /// Keeps the store open.
  private let dataset: Dataset
  private let target: Target
  private let width: Int
  /// The first block, which was read to know the widths.
  private var first: InstanceTable?
  private var isOver = false
  /// How many rows are still to come: whoever appends them to this very dataset must get to an end.
  private var left: Int
  /// What went wrong last, for the consumer to read.
  private var message: UnsafeMutablePointer<CChar>?

  /// - Throws: ``MaquetteError/Code/badShape``, ``MaquetteError/Code/notFound``; what reading meets.
  init(_ dataset: Dataset) throws(MaquetteError) {
    self.dataset = dataset
    left = dataset.count
    let y = try dataset.items().first()?["y"]
    let hasNumbers = y?.number != nil || y?.array?.first?.number != nil
    reader = try dataset.blocks().makeReader(of: hasNumbers ? .values : .optionalLabel)
    first = try reader.next()
    width = first?.features.columns ?? 0
    target = first?.targets.map { .numbers($0.columns) } ?? .labels
    isOver = first == nil
  }

  deinit { free(message) }

  /// Fills in the stream, which then owns this.
  func move(into stream: UnsafeMutablePointer<ArrowArrayStream>) {
    stream.initialize(
      to: ArrowArrayStream(
        get_schema: { stream, out in
          guard let out, let export = ArrowExport.of(stream) else { return EINVAL }
          export.schema.move(into: out)
          return 0
        },
        get_next: { stream, out in
          var status = EINVAL
          unlessForked {
            if let out, let export = ArrowExport.of(stream) { status = export.next(out) }
          }
          return status
        },
        get_last_error: { stream in UnsafePointer(ArrowExport.of(stream)?.message) },
        release: { stream in
          guard let stream, let data = stream.pointee.private_data else { return }
          stream.pointee.release = nil
          stream.pointee.private_data = nil
          // A forked child has no thread of ours left to close a store.
          unlessForked { Unmanaged<ArrowExport>.fromOpaque(data).release() }
        },
        private_data: Unmanaged.passRetained(self).toOpaque()))
  }

  private static func of(_ stream: UnsafeMutablePointer<ArrowArrayStream>?) -> ArrowExport? {
    guard !Fork.isChild, let data = stream?.pointee.private_data else { return nil }
    return Unmanaged<ArrowExport>.fromOpaque(data).takeUnretainedValue()
  }

  private var schema: ArrowSchemaNode {
    let y =
      switch target {
      case .labels: ArrowSchemaNode("i", "y", isNullable: true, dictionary: ArrowSchemaNode("u", ""))
      case .numbers(1): ArrowSchemaNode("f", "y")
      case .numbers(let width): ArrowSchemaNode("+w:\(width)", "y", children: [ArrowSchemaNode("f", "item")])
      }
    return ArrowSchemaNode(
      "+s", "",
      children: [
        ArrowSchemaNode("u", "id"),
        ArrowSchemaNode("+w:\(width)", "x", children: [ArrowSchemaNode("f", "item")]), y,
      ])
  }

  private func next(_ out: UnsafeMutablePointer<ArrowArray>) -> Int32 {
    // What is not released is not there: the end.
    out.initialize(to: ArrowArray())
    guard !isOver else { return 0 }
    isOver = true
    do throws(MaquetteError) {
      let table = if let first { first } else { try reader.next() }
      first = nil
      guard let table else { return 0 }
      let rows = min(left, table.features.rows)
      try batch(table, rows).move(into: out)
      left -= rows
      isOver = left == 0
      return 0
    } catch {
      free(message)
      message = strdup(error.message)
      return error.code == .outOfMemory ? ENOMEM : EIO
    }
  }

  /// The first rows of a block.
  private func batch(_ table: InstanceTable, _ length: Int) throws(MaquetteError) -> ArrowArrayNode {
    let rows = table.features.rows
    let ids = table.ids.map { ids in (0..<ids.count).map { ids[$0] } } ?? []
    let id = try ArrowArrayNode.texts(ids)
    let x = ArrowArrayNode(length: rows, children: [.floats(table.features)])
    let y: ArrowArrayNode =
      if let targets = table.targets {
        targets.columns == 1
          ? .floats(targets) : ArrowArrayNode(length: rows, children: [.floats(targets)])
      } else {
        try .codes(table.labels)
      }
    return ArrowArrayNode(length: length, children: [id, x, y])
  }
}

/// A part of a schema on its way to a consumer.
final class ArrowSchemaNode {
  private let format: String
  private let name: String
  private let isNullable: Bool
  private let children: [ArrowSchemaNode]
  private let dictionary: ArrowSchemaNode?

  init(
    _ format: String, _ name: String, isNullable: Bool = false, children: [ArrowSchemaNode] = [],
    dictionary: ArrowSchemaNode? = nil
  ) {
    self.format = format
    self.name = name
    self.isNullable = isNullable
    self.children = children
    self.dictionary = dictionary
  }

  /// Fills in the struct; its `release` frees all of it.
  func move(into out: UnsafeMutablePointer<ArrowSchema>) {
    var schema = ArrowSchema()
    schema.format = UnsafePointer(strdup(format))
    schema.name = UnsafePointer(strdup(name))
    schema.flags = isNullable ? Int64(ARROW_FLAG_NULLABLE) : 0
    schema.n_children = Int64(children.count)
    if !children.isEmpty {
      let places = UnsafeMutablePointer<UnsafeMutablePointer<ArrowSchema>?>.allocate(capacity: children.count)
      for (number, child) in children.enumerated() {
        let place = UnsafeMutablePointer<ArrowSchema>.allocate(capacity: 1)
        child.move(into: place)
        (places + number).initialize(to: place)
      }
      schema.children = places
    }
    if let dictionary {
      let place = UnsafeMutablePointer<ArrowSchema>.allocate(capacity: 1)
      dictionary.move(into: place)
      schema.dictionary = place
    }
    schema.release = { schema in
      guard let schema, schema.pointee.release != nil else { return }
      schema.pointee.release = nil
      free(UnsafeMutableRawPointer(mutating: schema.pointee.format))
      free(UnsafeMutableRawPointer(mutating: schema.pointee.name))
      // A child may have been moved away: then it is released by whoever has it.
      for number in 0..<Int(schema.pointee.n_children) {
        guard let child = schema.pointee.children?[number] else { continue }
        child.pointee.release?(child)
        child.deallocate()
      }
      schema.pointee.children?.deallocate()
      if let dictionary = schema.pointee.dictionary {
        dictionary.pointee.release?(dictionary)
        dictionary.deallocate()
      }
    }
    out.initialize(to: schema)
  }
}

/// A part of a record batch on its way to a consumer.
final class ArrowArrayNode {
  private let length: Int
  private let nullCount: Int
  private let buffers: [UnsafeRawPointer?]
  private let children: [ArrowArrayNode]
  private let dictionary: ArrowArrayNode?
  /// What the buffers lie in.
  private let owner: AnyObject?

  private init(
    length: Int, nullCount: Int = 0, buffers: [UnsafeRawPointer?], children: [ArrowArrayNode] = [],
    dictionary: ArrowArrayNode? = nil, owner: AnyObject?
  ) {
    self.length = length
    self.nullCount = nullCount
    self.buffers = buffers
    self.children = children
    self.dictionary = dictionary
    self.owner = owner
  }

  /// A struct, or lists of a fixed size.
  convenience init(length: Int, children: [ArrowArrayNode]) {
    self.init(length: length, buffers: [nil], children: children, owner: nil)
  }

  /// All numbers of a matrix, where they lie.
  static func floats(_ matrix: Matrix) -> ArrowArrayNode {
    let owner = Box(matrix)
    let start = matrix.withUnsafeBufferPointer { UnsafeRawPointer($0.baseAddress) }
    return ArrowArrayNode(length: matrix.rows * matrix.columns, buffers: [nil, start], owner: owner)
  }

  /// - Throws: ``MaquetteError/Code/badShape`` for more text than the type has room for.
  static func texts(_ texts: [String]) throws(MaquetteError) -> ArrowArrayNode {
    var size = 0
    for text in texts { size += text.utf8.count }
    guard size <= Int(Int32.max) else {
      throw MaquetteError(.badShape, "\(size) bytes of text are too much for one record batch")
    }
    let offsets = UnsafeMutablePointer<Int32>.allocate(capacity: texts.count + 1)
    let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, size))
    var end = 0
    offsets[0] = 0
    for (number, text) in texts.enumerated() {
      for byte in text.utf8 {
        bytes[end] = byte
        end += 1
      }
      offsets[number + 1] = Int32(truncatingIfNeeded: end)
    }
    return ArrowArrayNode(
      length: texts.count, buffers: [nil, UnsafeRawPointer(offsets), UnsafeRawPointer(bytes)],
      owner: Memory(offsets, bytes))
  }

  /// Labels as numbers into a dictionary.
  static func codes(_ labels: LabelColumn) throws(MaquetteError) -> ArrowArrayNode {
    let codes = UnsafeMutablePointer<Int32>.allocate(capacity: max(1, labels.count))
    let bits = UnsafeMutablePointer<UInt8>.allocate(capacity: labels.count / 8 + 1)
    bits.initialize(repeating: 0, count: labels.count / 8 + 1)
    let owner = Memory(codes, bits)
    var nulls = 0
    for (row, code) in labels.codes.enumerated() {
      codes[row] = max(0, code)
      if code >= 0 { bits[row / 8] |= 1 << UInt8(row % 8) } else { nulls += 1 }
    }
    return ArrowArrayNode(
      length: labels.count, nullCount: nulls,
      buffers: [nulls == 0 ? nil : UnsafeRawPointer(bits), UnsafeRawPointer(codes)],
      dictionary: try texts(labels.names), owner: owner)
  }

  /// Fills in the struct; its `release` frees all of it.
  func move(into out: UnsafeMutablePointer<ArrowArray>) {
    var array = ArrowArray()
    array.length = Int64(length)
    array.null_count = Int64(nullCount)
    array.n_buffers = Int64(buffers.count)
    let places = UnsafeMutablePointer<UnsafeRawPointer?>.allocate(capacity: buffers.count)
    places.initialize(from: buffers, count: buffers.count)
    array.buffers = places
    array.n_children = Int64(children.count)
    if !children.isEmpty {
      let places = UnsafeMutablePointer<UnsafeMutablePointer<ArrowArray>?>.allocate(capacity: children.count)
      for (number, child) in children.enumerated() {
        let place = UnsafeMutablePointer<ArrowArray>.allocate(capacity: 1)
        child.move(into: place)
        (places + number).initialize(to: place)
      }
      array.children = places
    }
    if let dictionary {
      let place = UnsafeMutablePointer<ArrowArray>.allocate(capacity: 1)
      dictionary.move(into: place)
      array.dictionary = place
    }
    if let owner { array.private_data = Unmanaged.passRetained(owner).toOpaque() }
    array.release = { array in
      guard let array, array.pointee.release != nil else { return }
      array.pointee.release = nil
      for number in 0..<Int(array.pointee.n_children) {
        guard let child = array.pointee.children?[number] else { continue }
        child.pointee.release?(child)
        child.deallocate()
      }
      array.pointee.children?.deallocate()
      if let dictionary = array.pointee.dictionary {
        dictionary.pointee.release?(dictionary)
        dictionary.deallocate()
      }
      array.pointee.buffers?.deallocate()
      if let owner = array.pointee.private_data { Unmanaged<AnyObject>.fromOpaque(owner).release() }
    }
    out.initialize(to: array)
  }

  private final class Box {
    let matrix: Matrix
    init(_ matrix: Matrix) { self.matrix = matrix }
  }

  private final class Memory {
    let first: UnsafeMutablePointer<Int32>
    let second: UnsafeMutablePointer<UInt8>

    init(_ first: UnsafeMutablePointer<Int32>, _ second: UnsafeMutablePointer<UInt8>) {
      self.first = first
      self.second = second
    }

    deinit {
      first.deallocate()
      second.deallocate()
    }
  }
}
