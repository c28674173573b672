import Glibc
import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteSystem
import TestSupport
import Testing

/// Rows that are kept as nested arrays, and as bytes.
@Suite struct RowLayoutTests {
  /// Images of whole numbers, each as wide as the shape says.
  private func images(_ rows: Int, _ columns: Int) throws -> Matrix {
    try Matrix(
      rows: rows, columns: columns, (0..<rows * columns).map { Float(($0 * 37 + $0 / columns) % 256) })
  }

  @Test(
    "images come back with their shape, and as a matrix, bytes or not", arguments: StoreKind.allCases,
    [true, false])
  func shapes(_ kind: StoreKind, _ isBytes: Bool) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    let rows = try images(5, 12)
    let layout = RowLayout(shape: [3, 2, 2], isBytes: isBytes)
    try dataset.append(rows, labels: LabelColumn(["a", "b", "a", "b", "a"]), layout: layout)
    let instance = try dataset.find().data[0]
    #expect(instance["x"] == [[[0, 37], [74, 111]], [[148, 185], [222, 3]], [[40, 77], [114, 151]]])
    #expect(try dataset.table().features == rows)
    #expect(try dataset.table().labels.codes == [0, 1, 0, 1, 0])
    // What else changes leaves the numbers as they are.
    let patched = try dataset.patch(instance.id, with: ["y": "c"])
    #expect(patched["x"] == instance["x"])
    #expect(try dataset.get(instance.id)["x"] == instance["x"])
    // Floats may stand beside them, of the same width.
    _ = try dataset.create(["x": .array((0..<12).map { .number(Double($0) + 0.5) })])
    #expect(failure { _ = try dataset.create(["x": [1, 2, 3]]) }?.code == .badShape)
    #expect(try dataset.table().features.rows == 6)
    #expect(try dataset.table().features[5, 11] == 11.5)
    var blocks: [Float] = []
    let reader = try dataset.blocks(rows: 4).makeReader(of: .optionalLabel)
    while let block = try reader.next() {
      for row in 0..<block.features.rows { blocks += (0..<12).map { block.features[row, $0] } }
    }
    #expect(blocks.count == 72 && Array(blocks[0..<12]) == (0..<12).map { rows[0, $0] })
  }

  @Test("numbers to be learnt stand beside bytes, too", arguments: StoreKind.allCases)
  func targets(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    let rows = try images(3, 4)
    try dataset.append(rows, targets: Matrix([[1, 2], [3, 4], [5, 6]]), layout: RowLayout(isBytes: true))
    #expect(try dataset.table(of: .values).features == rows)
    #expect(try dataset.table(of: .values).targets == Matrix([[1, 2], [3, 4], [5, 6]]))
  }

  @Test("what is no byte, or does not fit the shape, is refused, and nothing is stored")
  func refused() throws {
    let dataset = try Dataset("d", in: DataStore("memory:"))
    let labels = LabelColumn(["a"])
    for odd in [-1, 256, 0.5, 1e9] as [Float] {
      let rows = try Matrix([[1, odd]])
      let error = failure { try dataset.append(rows, labels: labels, layout: RowLayout(isBytes: true)) }
      #expect(error?.code == .invalidArgument)
    }
    for shape in [
      [], [3], [2, 2], [-1, -2], [0], [.max, .max], [.max, 2], Array(repeating: 1, count: 40) + [2],
    ] {
      let rows = try Matrix([[1, 2]])
      #expect(
        failure { try dataset.append(rows, labels: labels, layout: RowLayout(shape: shape)) }?.code
          == .badShape)
    }
    #expect(dataset.count == 0)
  }

  @Test("a file holds a byte for each number of an image, and opens again")
  func onDisk() throws {
    let directory = TemporaryDirectory()
    func size(_ isBytes: Bool) throws -> Int {
      let path = directory.path("\(isBytes).db")
      do {
        let dataset = try Dataset("d", in: DataStore("sqlite:" + path))
        let labels = try LabelColumn(names: ["a"], codes: Array(repeating: 0, count: 200))
        try dataset.append(
          images(200, 64 * 64), labels: labels, layout: RowLayout(shape: [64, 64], isBytes: isBytes))
        // One by one too.
        let page = try dataset.find().data
        _ = try dataset.replace(page[0].id, with: page[1])
      }
      let again = try Dataset("d", in: DataStore("sqlite:" + path))
      #expect(try again.table().features.columns == 4096)
      #expect(try again.find().data[2]["x"]?.array?.count == 64)
      var about = stat()
      #expect(stat(path, &about) == 0)
      return Int(about.st_size)
    }
    let (bytes, floats) = (try size(true), try size(false))
    #expect(Double(bytes) < 0.35 * Double(floats), "\(bytes) and \(floats)")
  }

  @Test("the features of a file that was changed by hand are damaged, not misread")
  func damaged() throws {
    let directory = TemporaryDirectory()
    let store = try DataStore("sqlite:" + directory.path("d.db"))
    let dataset = try Dataset("d", in: store)
    for layout in [
      #"{"dtype":"u8","shape":[3]}"#, #"{"dtype":"u9","shape":[4]}"#, #"{"shape":[4]}"#, "{", "[2,1]",
    ] {
      try dataset.clear()
      try dataset.append(images(2, 4), labels: LabelColumn(["a", "b"]), layout: RowLayout(isBytes: true))
      try store.execute("UPDATE \"instances-d\" SET shape = '\(layout)'")
      #expect(failure { _ = try dataset.find() }?.code == .badFormat, "\(layout)")
    }
  }
}
