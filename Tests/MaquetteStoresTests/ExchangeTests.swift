import Glibc
import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import TestSupport
import Testing

/// Datasets that are written into files, read from them, and split.
@Suite struct ExchangeTests {
  private let directory = TemporaryDirectory()

  private func write(_ text: String, _ name: String = "given.json") throws -> String {
    let path = directory.path(name)
    let file = try #require(fopen(path, "w"))
    #expect(fwrite(text, 1, text.utf8.count, file) == text.utf8.count)
    fclose(file)
    return path
  }

  private func plain(_ instance: JSONObject) -> JSONObject {
    var rest = instance
    for member in ["id", "createdAt", "updatedAt", "datasetName"] { rest[member] = nil }
    return rest
  }

  // MARK: Marcelle's JSON

  @Test(
    "fault 10: a download has all instances, not a page, and an upload brings them back",
    arguments: StoreKind.allCases)
  func allInstances(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    try dataset.append(counting(2500), labels: LabelColumn((0..<2500).map { "label \($0 % 7)" }))
    _ = try dataset.create([
      "x": [1, 2, 3], "y": nil, "note": "a \"quote\" and ünïcode", "deep": ["a": [nil, true]],
    ])
    let path = directory.path("all.json")
    #expect(try dataset.download(to: path) == 2501)
    let copy = try Dataset("copy", in: test.store)
    #expect(try copy.upload(from: path) == 2501)
    #expect(try copy.items().array().map { plain($0) } == dataset.items().array().map { plain($0) })
    #expect(try copy.table().features == dataset.table().features)
    #expect(try copy.table().labels == dataset.table().labels)
    // Fault 8: it counts them, and finds them.
    #expect(copy.count == 2501)
    #expect(try copy.find(query(#"{"y": "label 3", "$limit": 0}"#)).total == 357)
    #expect(try copy.find().data.allSatisfy { $0["datasetName"] == "copy" })

    let text = try dataset.downloaded(matching: query(#"{"note": {"$ne": null}}"#))
    let parsed = try JSON(parsing: text)
    #expect(parsed["marcelleMeta"] == ["type": "dataset"])
    #expect(parsed["instances"]?.array?.count == 1)
    #expect(try copy.upload(text) == 1)
  }

  @Test("what Marcelle wrote is read: ids and names are dropped, images stay strings")
  func marcelle() throws {
    let dataset = try Dataset("new", in: DataStore("memory:"))
    let id = "5f0000000000000000000000"
    let path = try write(
      """
      {"instances": [
        {"id": "\(id)", "datasetName": "old", "x": [1, 2.5], "y": "a", "thumbnail": "data:image/jpeg;base64,AA==",
         "createdAt": "2021-01-01T00:00:00.000Z", "updatedAt": "2021-01-01T00:00:00.000Z"},
        {"id": "\(id)", "x": "data:image/jpeg;base64,AA==", "y": 3, "s": "a ] } \\\\ \\" , ["}
      ], "other": [{"instances": [1]}], "marcelleMeta": {"type": "dataset"}}

      """)
    #expect(try dataset.upload(from: path) == 2)
    let instances = try dataset.find().data
    #expect(instances.allSatisfy { $0.id != id && $0["datasetName"] == "new" })
    #expect(instances[0]["x"] == [1, 2.5])
    #expect(instances[1]["x"] == "data:image/jpeg;base64,AA==")
    #expect(instances[1]["s"] == #"a ] } \ " , ["#)
    #expect(instances[0]["createdAt"]?.string ?? "" > "2022")
    for empty in [#"{"instances":[]}"#, #" { "marcelleMeta" : {"type":"dataset"} , "instances" : [ ] } "#] {
      #expect(try dataset.upload(Array(empty.utf8)) == 0)
    }
  }

  @Test(
    "what is no dataset, or holds an instance that can't be, adds nothing and says where",
    arguments: [
      ("", "object", MaquetteError.Code.badFormat), ("[]", "object", .badFormat),
      ("{}", "instances", .badFormat),
      (#"{"instances": {}}"#, "array", .badFormat), (#"{"instances": [1]}"#, "instance 0", .badFormat),
      (#"{"instances": [{"y": 1}"#, "follow instance 0", .badFormat),
      (#"{"instances": [{"y": 1} {"y": 2}]}"#, "follow instance 0", .badFormat),
      (#"{"instances": [{"y": 1}, {"y": }]}"#, "instance 1", .badJSON),
      (#"{"instances": [{"y": 1}, {"y": "open"#, "instance 1", .badJSON),
      (#"{"instances": [{"y": 1}, {"y": "\"#, "instance 1", .badJSON),
      (#"{"instances": [{"y": 1}]"#, "follow", .badFormat),
      (#"{"instances": [{"y": 1}]} x"#, "follows", .badFormat),
      (#"{"marcelleMeta": {"type": "model"}, "instances": []}"#, "something else", .badFormat),
      (#"{"instances": [{"x": [1, 2]}, {"id": "q", "x": [1]}]}"#, "instance 1 (q)", .badShape),
      (#"{"instances": [{"x": [1, 2]}, {"x": [1e39, 1]}]}"#, "instance 1", .notFinite),
      (#"{"instances": [{"a": 1}], 7: 1}"#, "names", .badFormat),
    ])
  func refused(_ text: String, _ words: String, _ code: MaquetteError.Code) throws {
    let dataset = try Dataset("d", in: DataStore("memory:"))
    for source in ["memory", "file"] {
      let error = try #require(
        failure {
          if source == "file" {
            _ = try dataset.upload(from: write(text))
          } else {
            _ = try dataset.upload(Array(text.utf8))
          }
        })
      #expect(error.code == code, "\(error.message)")
      #expect(error.message.contains(words), "\(error.message)")
    }
    #expect(dataset.count == 0)
  }

  @Test(
    "random bytes, and a file that is cut off or changed anywhere, are an error or a dataset, and no more")
  func damaged() throws {
    var random = Random(seed: 5)
    let whole = Array(
      #"{"marcelleMeta":{"type":"dataset"},"instances":[{"x":[1,2],"y":"a\n"},{"x":[3,4],"s":{"t":[null]}}]}"#
        .utf8)
    for round in 0..<3000 {
      var bytes = whole
      switch round % 3 {
      case 0: bytes.removeLast(Int.random(in: 1..<whole.count, using: &random))
      case 1:
        bytes[Int.random(in: 0..<whole.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      default:
        bytes.insert(
          UInt8.random(in: 0...255, using: &random), at: Int.random(in: 0..<whole.count, using: &random))
      }
      let dataset = try Dataset("d", in: DataStore("memory:"))
      let error = failure { _ = try dataset.upload(bytes) }
      #expect((error == nil) == (dataset.count == 2), "\(String(decoding: bytes, as: UTF8.self))")
      if round % 3 == 0 { #expect(error != nil) }
    }
  }

  @Test("a file that can't be read or written is an error that names it, and leaves no other behind")
  func files() throws {
    let dataset = try Dataset("d", in: DataStore("memory:"))
    _ = try dataset.create(["x": [1]])
    for path in ["/nowhere/a.json", "/tmp", "/dev/zero"] {
      let error = try #require(failure { try dataset.upload(from: path) })
      #expect(error.code == .inputOutput && error.message.contains(path))
    }
    #expect(failure { try dataset.download(to: "/nowhere/a.json") }?.code == .inputOutput)
    #expect(failure { try dataset.download(to: "") }?.code == .invalidArgument)
    #expect(failure { try dataset.upload(from: "a\0b") }?.code == .invalidArgument)
    #expect(failure { try dataset.download(to: "/dev/full/x") }?.code == .inputOutput)
    #expect(failure { try dataset.download(to: directory.path("")) } != nil)
    #expect(dataset.count == 1)
  }

  @Test("uploading tells of every instance, a block at a time")
  func events() throws {
    let dataset = try Dataset("d", in: DataStore("memory:"))
    let batches = Seen<Int>()
    dataset.$changes.observe { if $0.value[0].level == .instance { batches.add($0.value.count) } }
    let text = #"{"instances": ["# + repeatElement(#"{"x": [1]}"#, count: 2500).joined(separator: ",") + "]}"
    #expect(try dataset.upload(Array(text.utf8)) == 2500)
    #expect(batches.values == [1024, 1024, 452])
  }

  // MARK: Splitting

  @Test(
    "a split gives every instance to one part, the same share of every label", arguments: StoreKind.allCases)
  func stratified(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    try dataset.append(
      counting(3000, columns: 1), labels: LabelColumn((0..<3000).map { $0 % 10 == 0 ? "rare" : "often" }))
    let (train, rest) = (try Dataset("train", in: test.store), try Dataset("test", in: test.store))
    let counts = try dataset.split(DatasetSplit(share: 0.8), into: train, rest)
    #expect(counts == (2400, 600))
    #expect(try train.count(query(#"{"y": "rare"}"#)) == 240)
    #expect(try rest.count(query(#"{"y": "rare"}"#)) == 60)
    let (first, second) = (try train.table().features, try rest.table().features)
    let values = (0..<first.rows).map { first[$0, 0] }
    #expect(values == values.sorted())
    #expect(Set(values + (0..<second.rows).map { second[$0, 0] }).count == 3000)
    #expect(values != (0..<2400).map { Float($0) })
    #expect(dataset.count == 3000)
    #expect(try train.find().data.allSatisfy { $0["datasetName"] == "train" })
  }

  @Test("the same seed draws the same instances, another others")
  func seeds() throws {
    let store = try DataStore("memory:")
    let dataset = try Dataset("d", in: store)
    try dataset.append(counting(200, columns: 1), labels: LabelColumn((0..<200).map { "\($0 % 2)" }))
    var drawn: [[Float]] = []
    for (round, seed) in [7, 7, 8].enumerated() {
      let (first, second) = (try Dataset("a\(round)", in: store), try Dataset("b\(round)", in: store))
      var split = DatasetSplit(share: 0.5)
      split.seed = UInt64(seed)
      try dataset.split(split, into: first, second)
      let features = try first.table().features
      drawn.append((0..<features.rows).map { features[$0, 0] })
    }
    #expect(drawn[0] == drawn[1])
    #expect(drawn[0] != drawn[2])
  }

  @Test(
    "groups stay together, and the parts come as near to the share as they can", arguments: StoreKind.allCases
  )
  func grouped(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    _ = try dataset.create((0..<300).map { ["x": [JSON($0)], "who": ["name": JSON($0 % 17)]] })
    _ = try dataset.create((0..<10).map { ["x": [JSON($0)]] })
    var split = DatasetSplit(share: 0.7)
    split.group = "who.name"
    let (first, second) = (try Dataset("a", in: test.store), try Dataset("b", in: test.store))
    let counts = try dataset.split(split, into: first, second)
    #expect(counts.first + counts.second == 310)
    #expect(abs(counts.first - 217) <= 9)
    let names = (try first.distinct("who.name"), try second.distinct("who.name"))
    #expect(names.0.count + names.1.count == 17)
    #expect(names.0.allSatisfy { !names.1.contains($0) })
  }

  @Test("what can't be split is refused, and both parts stay empty")
  func refusedSplits() throws {
    let store = try DataStore("memory:")
    let dataset = try Dataset("d", in: store)
    let (first, second) = (try Dataset("a", in: store), try Dataset("b", in: store))
    _ = try dataset.create(["x": [1], "g": 1])
    #expect(failure { try dataset.split(DatasetSplit(share: 0.5), into: first, second) }?.code == .noRows)
    _ = try dataset.create(["x": [2], "g": 1])
    for share in [0, 1, -1, 2, Double.nan] {
      #expect(
        failure { try dataset.split(DatasetSplit(share: share), into: first, second) }?.code
          == .invalidArgument)
    }
    var grouped = DatasetSplit(share: 0.5)
    grouped.group = "g"
    #expect(failure { try dataset.split(grouped, into: first, second) }?.code == .noRows)
    #expect(
      failure { try dataset.split(DatasetSplit(share: 0.5), into: first, first) }?.code == .invalidArgument)
    #expect(
      failure { try dataset.split(DatasetSplit(share: 0.5), into: dataset, first) }?.code == .invalidArgument)
    #expect(first.count == 0 && second.count == 0)
    #expect(try dataset.split(DatasetSplit(share: 0.5), into: first, second) == (1, 1))
    #expect(
      failure { try dataset.split(DatasetSplit(share: 0.5), into: first, second) }?.code == .invalidArgument)
  }
}
