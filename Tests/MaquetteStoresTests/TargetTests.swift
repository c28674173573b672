import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import TestSupport
import Testing

/// What every store must do with numbers that are to be learnt.
@Suite struct TargetTests {
  @Test("appended targets come back as documents and as a matrix", arguments: StoreKind.allCases, [1, 3])
  func append(_ kind: StoreKind, _ width: Int) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    let targets = try Matrix(rows: 4, columns: width, (0..<4 * width).map { Float($0) / 8 - 0.3 })
    try dataset.append(counting(4), targets: targets)
    let table = try dataset.table(of: .values)
    #expect(try table.features == counting(4))
    #expect(table.targets == targets)
    #expect(table.labels.codes == [-1, -1, -1, -1])
    let expected = (0..<4).map { row in targets[row: row].map { JSON(Double($0)) } }
    #expect(try dataset.find().data.map { $0["y"] } == expected.map { width == 1 ? $0[0] : .array($0) })
    #expect(try dataset.table(of: .none).targets == nil)
    #expect(
      try dataset.table().labels.names == expected.map { (width == 1 ? $0[0] : .array($0)).description })
  }

  @Test(
    "a number, an array of one and a matrix of one column are the same target", arguments: StoreKind.allCases)
  func scalars(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    _ = try dataset.create(["x": [1], "y": 0.1])
    _ = try dataset.create(["x": [2], "y": [0.1]])
    try dataset.append(Matrix([[3]]), targets: Matrix([[0.1]]))
    _ = try dataset.create(["x": [4], "y": 7])
    #expect(try dataset.table(of: .values).targets == Matrix([[0.1], [0.1], [0.1], [7]]))
  }

  @Test("arrays under y are read whether they came as JSON or as a matrix", arguments: StoreKind.allCases)
  func arrays(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    let given = try dataset.create(["x": [1], "y": [0.1, -2]])
    try dataset.append(Matrix([[3]]), targets: Matrix([[5, 6]]))
    #expect(try dataset.table(of: .values).targets == Matrix([[0.1, -2], [5, 6]]))
    #expect(try dataset.get(given.id)["y"] == [0.1, -2])
    // A query finds an element of either.
    #expect(try dataset.find(query(#"{"y": 6}"#)).total == 1)
    #expect(try dataset.find(query(#"{"y": -2}"#)).total == 1)
    // An instance that goes through JSON stays what it was.
    let appended = try dataset.find().data[1]
    _ = try dataset.replace(appended.id, with: appended)
    #expect(try dataset.table(of: .values).targets == Matrix([[0.1, -2], [5, 6]]))
  }

  @Test(
    "a y that is no row of numbers is named with its instance", arguments: StoreKind.allCases,
    [
      ("\"a\"", MaquetteError.Code.badShape, "numbers are needed"), ("true", .badShape, "numbers are needed"),
      ("[1, \"a\"]", .badShape, "numbers are needed"), ("[[1, 2]]", .badShape, "numbers are needed"),
      ("[]", .badShape, "numbers are needed"), ("{}", .badShape, "numbers are needed"),
      ("null", .notFound, "has no y"), ("[1, 2, 3]", .badShape, "targets of mixed width"),
      ("5", .badShape, "targets of mixed width"), ("[1, 1e300]", .notFinite, "32-bit"),
    ])
  func unusable(_ kind: StoreKind, _ odd: (y: String, code: MaquetteError.Code, words: String)) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    _ = try dataset.create(["x": [1, 2], "y": [1, 2]])
    _ = try dataset.create(["x": [1, 2], "y": [1, 2]])
    let instance = try dataset.create(["x": [1, 2], "y": JSON(parsing: odd.y)])
    _ = try dataset.create(["x": [1, 2], "y": [1, 2]])
    let error = try #require(failure { _ = try dataset.table(of: .values) })
    #expect(error.code == odd.code)
    #expect(error.name == instance.id)
    #expect(error.message.contains(odd.words))
    #expect(try dataset.table(of: .none).features.rows == 4)
    #expect(try dataset.table(of: .optionalLabel).features.rows == 4)
  }

  @Test("an instance without y is an error for values, and for nothing else", arguments: StoreKind.allCases)
  func missing(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    let instance = try dataset.create(["x": [1, 2]])
    #expect(failure { _ = try dataset.table(of: .values) }?.name == instance.id)
    #expect(try dataset.table(of: .none).labels.codes == [-1])
    #expect(try dataset.table(of: .optionalLabel).labels.codes == [-1])
    #expect(try dataset.table(of: .label).targets == nil)
  }

  @Test(
    "targets that do not fit, or are not finite, are refused, and nothing is stored",
    arguments: StoreKind.allCases)
  func refused(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    #expect(failure { try dataset.append(counting(2), targets: counting(3)) }?.code == .badShape)
    #expect(failure { try dataset.append(counting(2), targets: counting(2, columns: 0)) }?.code == .badShape)
    #expect(failure { try dataset.append(counting(0), targets: counting(0)) }?.code == .noRows)
    let error = try #require(
      failure { try dataset.append(counting(2), targets: Matrix([[1, 2], [3, .infinity]])) })
    #expect(error.code == .notFinite && error.message.contains("target row 1, column 1"))
    #expect(dataset.count == 0)
  }

  @Test("the table of each kind is kept until an instance changes", arguments: StoreKind.allCases)
  func cached(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    try dataset.append(counting(5), targets: counting(5, columns: 2))
    func address(_ target: TargetKind) throws -> Int {
      try dataset.table(of: target).features.withUnsafeBufferPointer { Int(bitPattern: $0.baseAddress) }
    }
    let kept = try TargetKind.allCases.map { ($0, try dataset.table(of: $0), try address($0)) }
    for (target, _, place) in kept { #expect(try address(target) == place) }
    #expect(try address(.label) == address(.optionalLabel))
    try dataset.append(counting(1), targets: Matrix([[8, 9]]))
    for target in TargetKind.allCases { #expect(try dataset.table(of: target).features.rows == 6) }
    #expect(try dataset.table(of: .values).targets?[row: 5] == [8, 9])
    #expect(kept.allSatisfy { $0.1.features.rows == 5 })
  }

  @Test(
    "an empty dataset has a table of no rows for every kind", arguments: StoreKind.allCases,
    TargetKind.allCases)
  func empty(_ kind: StoreKind, _ target: TargetKind) throws {
    let test = try TestStore(kind)
    let table = try Dataset("d", in: test.store).table(of: target)
    #expect(table.features.rows == 0 && table.labels.count == 0)
    #expect((table.targets != nil) == (target == .values))
  }

  @Test("a change carries the targets of the instance", arguments: StoreKind.allCases)
  func changes(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    let seen = Seen<[DatasetChange]>()
    dataset.$changes.observe { seen.add($0.value) }
    try dataset.append(counting(2), targets: Matrix([[1, 2], [3, 4]]))
    #expect(seen.values.last?.map(\.data) == (try dataset.find().data))
  }
}
