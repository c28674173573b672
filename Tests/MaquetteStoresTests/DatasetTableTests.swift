import MaquetteFormats
import MaquetteKernels
import MaquetteSystem
import TestSupport
import Testing

@testable import MaquetteStores

/// The instances of a dataset as numbers, in the store's memory or the caller's.
@Suite("Instances as numbers") struct DatasetTableTests {
  private struct Reading {
    var rows: [Float]
    var labels: LabelColumn
  }

  /// Reads into memory of our own, behind which nothing may be written.
  private func read(_ dataset: Dataset, _ rows: Int, _ columns: Int) throws -> Reading {
    let memory = try FloatBuffer(zeros: rows * columns + 1)
    let labels = try dataset.read(
      rows: rows, columns: columns, into: FloatBuffer(borrowing: memory.pointer, count: rows * columns))
    #expect(memory.pointer[rows * columns] == 0)
    return Reading(rows: (0..<rows * columns).map { memory.pointer[$0] }, labels: labels)
  }

  @Test("are read into the caller's memory as into a table, kept or not", arguments: StoreKind.allCases)
  func reading(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    let empty = try read(dataset, 0, 0)
    #expect(try dataset.shape() == (0, 0))
    #expect(empty.rows.isEmpty && empty.labels.codes.isEmpty)
    try dataset.append(counting(100, columns: 3), labels: LabelColumn((0..<100).map { "label \($0 % 7)" }))
    _ = try dataset.create(["x": [7, 8, 9]])
    for isKept in [false, true] {
      if isKept { _ = try dataset.table() }
      #expect(try dataset.shape() == (101, 3))
      let reading = try read(dataset, 101, 3)
      let table = try Dataset("d", in: test.store).table()
      #expect(try Matrix(rows: 101, columns: 3, reading.rows) == table.features)
      #expect(reading.labels == table.labels)
    }
    _ = try dataset.create(["x": [1, 1, 1], "y": "new"])
    let later = try read(dataset, 102, 3)
    #expect(later.rows.suffix(6) == [7, 8, 9, 1, 1, 1] && later.labels.names.last == "new")
  }

  @Test("have labels of whatever form, or none", arguments: StoreKind.allCases)
  func labels(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    let labels: [JSON?] = [
      "a", "", "label 12", "label 21", 2.5, ["k": 1], true, nil, "a", ["k": 1], [1, "b"], [1, 2],
    ]
    for (number, label) in labels.enumerated() {
      var document: JSONObject = ["x": [JSON(number)]]
      document["y"] = label
      _ = try dataset.create(document)
    }
    let expected = labels.map { label in label?.string ?? label?.description }
    for reading in [
      try read(dataset, labels.count, 1).labels, try Dataset("d", in: test.store).table().labels,
    ] {
      #expect(reading.codes.map { $0 < 0 ? nil : reading.names[Int($0)] } == expected)
    }
  }

  @Test("are refused where the memory is for others", arguments: StoreKind.allCases)
  func otherShape(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    try dataset.append(counting(4, columns: 3), labels: LabelColumn(["a", "b", "c", "d"]))
    for (rows, columns) in [(3, 4), (4, 2), (5, 3), (0, 0), (0, 3), (12, 1)] {
      let error = try #require(failure { _ = try read(dataset, rows, columns) })
      #expect(error.code == .badShape && error.name == "features")
      #expect(error.message == "features is \(rows) × \(columns); the dataset is 4 × 3")
    }
  }

  @Test("are refused where one has other features, and it is named", arguments: StoreKind.allCases)
  func otherWidth(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    _ = try dataset.create(["x": [1, 2], "y": "a"])
    let odd = try dataset.create(["y": "b"])
    #expect(try dataset.shape() == (2, 2))
    let error = try #require(failure { _ = try read(dataset, 2, 2) })
    #expect(error.code == .badShape && error.message.contains(odd.id))
  }

  @Test func `are counted anew in a file that somebody changed by hand`() throws {
    let test = try TestStore(.sqlite)
    let dataset = try Dataset("d", in: test.store)
    try dataset.append(counting(4, columns: 3), labels: LabelColumn(["a", "b", "c", "d"]))
    let path = String(test.store.location.dropFirst("sqlite:".count))
    try SQLiteConnection(path).execute("DELETE FROM \"instances-d\" WHERE y = 'b'")
    #expect(failure { _ = try read(dataset, 4, 3) }?.code == .badShape)
    #expect(try dataset.shape() == (3, 3))
    #expect(try read(dataset, 3, 3).labels.names == ["a", "c", "d"])
  }
}
