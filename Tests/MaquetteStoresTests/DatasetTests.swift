import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import TestSupport
import Testing

/// What every store must do with instances.
@Suite struct DatasetTests {
  @Test(
    "a dataset's service is its name in kebab case",
    arguments: [
      ("digits", "instances-digits"), ("TrainingSet_One", "instances-training-set-one"),
      ("my  data set", "instances-my-data-set"), ("run2Fast", "instances-run2fast"), ("ABC", "instances-abc"),
      ("a__b", "instances-a-b"), ("été", "instances-été"),
    ])
  func serviceName(_ name: String, _ expected: String) throws {
    let dataset = try Dataset(name, in: DataStore("memory:"))
    #expect(dataset.serviceName == expected)
    #expect(dataset.name == name)
  }

  @Test("appended rows come back as documents, as a table, and counted", arguments: StoreKind.allCases)
  func append(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("digits", in: test.store)
    let features = try Matrix([[1, 2.5, -3], [0.1, 0, 4e38.nextDown.isFinite ? 3e38 : 0]])
    try dataset.append(features, labels: LabelColumn(names: ["b", "unused", "a"], codes: [2, -1]))
    #expect(dataset.count == 2)
    let page = try dataset.find()
    #expect(page.total == 2)
    #expect(page.data[0]["x"] == [1, 2.5, -3])
    #expect(page.data[0]["y"] == "a")
    #expect(page.data[0]["datasetName"] == "digits")
    #expect(page.data[1]["y"] == nil)
    #expect(page.data[1]["x"]?.array?[0] == .number(Double(Float(0.1))))
    let table = try dataset.table()
    #expect(table.features == features)
    #expect(table.labels == (try LabelColumn(names: ["a"], codes: [0, -1])))
  }

  @Test(
    "rows without labels that fit, of no rows, or not finite are refused, and nothing is stored",
    arguments: StoreKind.allCases)
  func refused(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    #expect(failure { try dataset.append(counting(2), labels: LabelColumn(["a"])) }?.code == .badShape)
    #expect(failure { try dataset.append(counting(0), labels: LabelColumn([])) }?.code == .noRows)
    #expect(
      failure { try dataset.append(counting(2, columns: 0), labels: LabelColumn(["a", "b"])) }?.code
        == .badShape)
    for odd in [Float.nan, .infinity, -.infinity] {
      var values = [Float](repeating: 1, count: 9 * 11)
      values[7 * 11 + 4] = odd
      let error = try #require(
        failure {
          try dataset.append(
            Matrix(rows: 9, columns: 11, values), labels: LabelColumn([String](repeating: "a", count: 9)))
        })
      #expect(error.code == .notFinite)
      #expect(error.message.contains("row 7, column 4"))
    }
    #expect(dataset.count == 0)
  }

  @Test(
    "rows of another width are refused with both widths, until the dataset is cleared",
    arguments: StoreKind.allCases)
  func widths(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    try dataset.append(counting(2), labels: LabelColumn(["a", "b"]))
    let error = try #require(
      failure { try dataset.append(counting(1, columns: 5), labels: LabelColumn(["a"])) })
    #expect(error.code == .badShape)
    #expect(error.message.contains("3") && error.message.contains("5"))
    #expect(failure { _ = try dataset.create(["x": [1, 2]]) }?.code == .badShape)
    _ = try dataset.create(["x": "an image"])
    // Another dataset of the same service has its own width.
    let other = try Dataset("D", in: test.store)
    #expect(other.serviceName == dataset.serviceName)
    try other.append(counting(1, columns: 5), labels: LabelColumn(["a"]))
    try dataset.clear()
    try dataset.append(counting(1, columns: 5), labels: LabelColumn(["a"]))
    #expect(try dataset.table().features.columns == 5)
    #expect(other.count == 1)
  }

  @Test("the only row may change its width, one of several may not", arguments: StoreKind.allCases)
  func widthOfReplacement(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    let first = try dataset.create(["x": [1, 2]])
    #expect(try dataset.replace(first.id, with: ["x": [1, 2, 3]])["x"] == [1, 2, 3])
    _ = try dataset.create(["x": [4, 5, 6]])
    #expect(failure { _ = try dataset.replace(first.id, with: ["x": [1]]) }?.code == .badShape)
    #expect(try dataset.get(first.id)["x"] == [1, 2, 3])
  }

  @Test(
    "nested features keep their shape in documents and are flat in the table", arguments: StoreKind.allCases)
  func nested(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    let document = try dataset.create([
      "x": [[1, 2], [3, 4], [5, 6]], "y": "a", "thumbnail": "data:image/jpeg;base64,AA==",
    ])
    #expect(document["x"] == [[1, 2], [3, 4], [5, 6]])
    #expect(try dataset.get(document.id) == document)
    #expect(try dataset.table().features == Matrix([[1, 2, 3, 4, 5, 6]]))
  }

  @Test("numbers no 32-bit float holds are refused", arguments: StoreKind.allCases)
  func tooLarge(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    let error = try #require(failure { _ = try dataset.create(["x": [1, 1e300]]) })
    #expect(error.code == .notFinite)
    #expect(error.message.contains("value 1"))
    #expect(dataset.count == 0)
  }

  @Test(
    "an x that is no row of numbers is kept, and named when a table is asked for",
    arguments: StoreKind.allCases,
    [
      #"{"x": "data:"}"#, #"{"x": {"a": 1}}"#, #"{"x": [[1, 2], [3]]}"#, #"{"x": [1, null]}"#, #"{"x": []}"#,
      #"{"x": 5}"#, "{}",
    ])
  func notNumbers(_ kind: StoreKind, _ text: String) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    let given = try JSONObject(text)
    let odd = try dataset.create(given)
    #expect(odd["x"] == given["x"])
    #expect(failure { _ = try dataset.table() }?.name == odd.id)
    _ = try dataset.create(["x": [1, 2]])
    let error = try #require(failure { _ = try dataset.table() })
    #expect(error.code == .badShape)
    #expect(error.message.contains(odd.id))
    _ = try dataset.remove(odd.id)
    #expect(try dataset.table().features.rows == 1)
  }

  @Test("labels of other types are named as JSON writes them", arguments: StoreKind.allCases)
  func labels(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    for y in ["b", 3, 2.5, true, nil, [0, 1], "b", 3, "true", ""] as [JSON] {
      _ = try dataset.create(["x": [1], "y": y])
    }
    _ = try dataset.create(["x": [1]])
    let labels = try dataset.table().labels
    #expect(labels.names == ["b", "3", "2.5", "true", "[0,1]", ""])
    #expect(labels.codes == [0, 1, 2, 3, -1, 4, 0, 1, 3, 5, -1])
  }

  @Test("thousands of different labels are told apart", arguments: StoreKind.allCases)
  func manyLabels(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    let names = (0..<3000).map { "label \($0 % 2500)" }
    try dataset.append(counting(3000, columns: 1), labels: LabelColumn(names))
    #expect(try dataset.table().labels == LabelColumn(names))
  }

  @Test("fault 11: distinct sees every instance, the first seen first", arguments: StoreKind.allCases)
  func fault11(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    let names = (0..<1500).map { "label \($0)" }
    try dataset.append(counting(1500, columns: 1), labels: LabelColumn(names + []))
    _ = try dataset.create(["x": [0], "y": "label 3", "split": "test"])
    _ = try dataset.create(["x": [0], "y": 4, "split": nil])
    #expect(try dataset.distinct("y") == names.map { .string($0) } + [4])
    #expect(try dataset.distinct("split") == ["test", nil])
    #expect(try dataset.distinct("missing") == [])
  }

  @Test("fault 9: a dataset can be cleared, on every store", arguments: StoreKind.allCases)
  func fault9(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    try dataset.append(counting(300), labels: LabelColumn([String](repeating: "a", count: 300)))
    _ = try test.store.service(dataset.serviceName).create(["datasetName": "other"])
    let seen = Seen<JSON>()
    dataset.$count.observe { seen.add(JSON($0.value)) }
    dataset.$changes.observe { seen.add($0.value.json) }
    try dataset.clear()
    try dataset.clear()
    #expect(
      seen.values == [
        300, [["level": "dataset", "type": "created"]], 0, [["level": "dataset", "type": "cleared"]],
      ])
    #expect(dataset.count == 0)
    #expect(try dataset.find().data == [])
    #expect(try dataset.table().features.rows == 0)
    #expect(try test.store.service(dataset.serviceName).find().total == 1)
  }

  @Test("a cleared dataset takes the files of its instances along", arguments: StoreKind.allCases)
  func clearFiles(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    let service = try test.store.service(dataset.serviceName)
    let document = try service.create(["datasetName": "d"], files: [StoredFile(name: "a", bytes: [1])])
    let path = try #require(document["files"]?.array?.first?.array?.last?.string)
    try dataset.clear()
    #expect(failure { _ = try service.file(at: path) }?.code == .notFound)
  }

  @Test("an instance of another dataset of the service is out of reach", arguments: StoreKind.allCases)
  func scope(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let ours = try Dataset("my data", in: test.store)
    let theirs = try Dataset("my_data", in: test.store)
    #expect(ours.serviceName == theirs.serviceName)
    let instance = try theirs.create(["x": [1], "datasetName": "my data"])
    #expect(instance["datasetName"] == "my_data")
    #expect(failure { _ = try ours.get(instance.id) }?.code == .notFound)
    #expect(failure { _ = try ours.remove(instance.id) }?.code == .notFound)
    #expect(failure { _ = try ours.replace(instance.id, with: [:]) }?.code == .notFound)
    #expect(try ours.find().total == 0)
    #expect(try ours.find(query(#"{"id": "\#(instance.id)"}"#)).total == 0)
    #expect(ours.count == 0)
    #expect(theirs.count == 1)
  }

  @Test("the count is told before the change, and a bulk of rows is one batch", arguments: StoreKind.allCases)
  func changes(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    let seen = Seen<String>()
    dataset.$count.observe { seen.add("count \($0.value)") }
    dataset.$changes.observe { event in
      let kinds = event.value.map { "\($0.level.rawValue) \($0.type.rawValue)" }
      seen.add("\(kinds.count) \(Set(kinds).sorted().joined())")
    }
    try dataset.append(counting(100), labels: LabelColumn([String](repeating: "a", count: 100)))
    let instance = try dataset.create(["x": [1, 2, 3]])
    _ = try dataset.replace(instance.id, with: ["x": [1, 2, 4]])
    _ = try dataset.remove(instance.id)
    #expect(
      seen.values == [
        "count 0", "1 dataset created", "count 100", "100 instance created", "count 101",
        "1 instance created",
        "count 101", "1 instance updated", "count 100", "1 instance removed",
      ])
  }

  @Test("a change carries the instance, made when it is asked for", arguments: StoreKind.allCases)
  func changeData(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    let seen = Seen<[DatasetChange]>()
    dataset.$changes.observe { seen.add($0.value) }
    try dataset.append(counting(2), labels: LabelColumn(["a", "b"]))
    let stored = try dataset.find().data
    let batch = try #require(seen.values.last)
    #expect(batch.map(\.data) == stored)
    #expect(batch[1].json == ["level": "instance", "type": "created", "data": .object(stored[1])])
    _ = try dataset.remove(stored[0].id)
    #expect(seen.values.last?.first?.data == stored[0])
  }

  @Test("two datasets of one name see each other's changes at once", arguments: StoreKind.allCases)
  func twoObjects(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let first = try Dataset("d", in: test.store)
    let second = try Dataset("d", in: test.store)
    let unconcerned = try Dataset("D", in: test.store)
    let seen = Seen<Int>()
    second.$count.observe { seen.add($0.value) }
    unconcerned.$count.observe { seen.add(-1 - $0.value) }
    let before = try second.table()
    #expect(before.features.rows == 0)
    try first.append(counting(2), labels: LabelColumn(["a", "b"]))
    #expect(seen.values == [0, -1, 2])
    #expect(try second.table().features.rows == 2)
    #expect(second.count == 2)
  }

  @Test(
    "an instance given to another dataset leaves one and comes to the other", arguments: StoreKind.allCases)
  func moved(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let old = try Dataset("my data", in: test.store)
    let new = try Dataset("my_data", in: test.store)
    let instance = try old.create(["x": [1]])
    let seen = Seen<String>()
    old.$changes.observe { seen.add("old \($0.value[0].type.rawValue)") }
    new.$changes.observe { seen.add("new \($0.value[0].type.rawValue)") }
    _ = try test.store.service(old.serviceName).replace(
      instance.id, with: ["x": [1], "datasetName": "my_data"])
    #expect(seen.values == ["old created", "new created", "old removed", "new created"])
    #expect(old.$count.value == 0 && new.$count.value == 1)
    #expect(old.count == 0 && new.count == 1)
  }

  @Test("the table is kept until an instance changes", arguments: StoreKind.allCases)
  func cached(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    try dataset.append(counting(5), labels: LabelColumn(["a", "b", "a", "b", "c"]))
    func address() throws -> Int {
      try dataset.table().features.withUnsafeBufferPointer { Int(bitPattern: $0.baseAddress) }
    }
    let kept = try dataset.table()
    let first = try address()
    #expect(try address() == first)
    let instance = try dataset.create(["x": [1, 2, 3], "y": "a"])
    #expect(try address() != first)
    #expect(try dataset.table().labels.codes == [0, 1, 0, 1, 2, 0])
    _ = try dataset.replace(instance.id, with: ["x": [1, 2, 3], "y": "c"])
    #expect(try dataset.table().labels.codes == [0, 1, 0, 1, 2, 2])
    _ = try dataset.remove(dataset.find().data[0].id)
    #expect(try dataset.table().labels == LabelColumn(["b", "a", "b", "c", "c"]))
    #expect(kept.features.rows == 5)
  }

  @Test("a dataset keeps its store open", arguments: StoreKind.allCases)
  func keepsStore(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    func make() throws -> Dataset { try Dataset("d", in: test.another()) }
    let dataset = try make()
    _ = try dataset.create(["x": [1]])
    #expect(dataset.count == 1)
  }

  @Test("a label column codes its labels in the order they appear, and checks given codes")
  func labelColumn() throws {
    let column = LabelColumn(["b", "a", "b"])
    #expect(column.names == ["b", "a"])
    #expect(column.codes == [0, 1, 0])
    #expect(column[1] == "a")
    #expect(try LabelColumn(names: ["a"], codes: [-1])[0] == nil)
    for codes in [[1], [-2], [Int32.min], [Int32.max]] as [[Int32]] {
      #expect(failure { _ = try LabelColumn(names: ["a"], codes: codes) }?.code == .invalidArgument)
    }
    #expect(failure { _ = try LabelColumn(names: ["a", "a"], codes: []) }?.name == "a")
  }
}
