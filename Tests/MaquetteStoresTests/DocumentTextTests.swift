import MaquetteFormats
import MaquetteKernels
import MaquetteStreams
import MaquetteSystem
import TestSupport
import Testing

@testable import MaquetteStores

/// What is written without a tree of JSON, against what the tree says.
@Suite struct `The text of documents and events` {
  private func text(_ write: (inout JSONWriter) throws -> Void) rethrows -> String {
    var writer = JSONWriter()
    try write(&writer)
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  private func check(_ service: Service, _ query: Query = Query()) throws {
    let texts = service.texts(query)
    var isThere = true
    for document in try service.items(query).array() {
      let written = try text { isThere = try texts.writeNext(to: &$0) }
      #expect(written == JSON.object(document).description)
      #expect(isThere)
    }
    let rest = try text { isThere = try texts.writeNext(to: &$0) }
    #expect(rest == "" && !isThere)
  }

  @Test(arguments: StoreKind.allCases, [true, false])
  func `is that of their members, whatever they are and whichever are wanted`(
    kind: StoreKind, areInstances: Bool
  ) throws {
    let test = try TestStore(kind)
    let service = try test.store.service("documents")
    var random = RandomQueries(seed: 11, areInstances: areInstances)
    for block in 0..<4 { _ = try service.create((0..<50).map { random.document(50 * block + $0) }) }
    try check(service)
    for select in [#"["n"]"#, #"["x", "y"]"#, #"["o.p", "updatedAt"]"#, #"["id"]"#, "[]"] {
      try check(service, try query(#"{"$select": \#(select)}"#))
    }
  }

  @Test func `is that of nested features and of bytes`() throws {
    let store = try DataStore("memory:")
    let dataset = try Dataset("d", in: store)
    let pixels = try Matrix(rows: 40, columns: 12, (0..<480).map { Float($0 % 256) })
    let labels = LabelColumn([String](repeating: "\"quoted\"", count: 40))
    try dataset.append(pixels, labels: labels, layout: RowLayout(shape: [2, 3, 2], isBytes: true))
    try check(dataset.service)
  }

  @Test(arguments: StoreKind.allCases)
  func `is that of predictions, also of those that were given fields`(kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("test", in: test.store)
    try dataset.append(counting(3), labels: LabelColumn(["a", "b", "c"]))
    let service = try test.store.service("predictions-test")
    let pass = try InstancePass(dataset, field: "x", rows: 3)
    let table = try #require(try pass.next())
    let values = try Matrix(rows: 3, columns: 2, [0, 1, 0.25, 0.75, 1, 0])
    let run = PredictionRun(.labels(["a", "b"]), origin: [:])
    _ = try service.append(
      values, of: try #require(table.ids), truth: try #require(table.truth), to: run, begins: true)
    _ = try service.patch(try service.find().data[1].id, with: ["label": "z", "note": 1])
    try check(service)
    try check(service, try query(#"{"$select": ["label"]}"#))
  }

  @Test(arguments: StoreKind.allCases) func `is that of what happened`(kind: StoreKind) throws {
    let test = try TestStore(kind)
    let dataset = try Dataset("d", in: test.store)
    let (events, changes) = (Seen<[ServiceEvent]>(), Seen<[DatasetChange]>())
    dataset.service.events.observe { events.add($0.value) }
    dataset.$changes.observe { changes.add($0.value) }
    try dataset.append(counting(1), labels: LabelColumn(["one"]))
    try dataset.append(counting(40), labels: LabelColumn([String](repeating: "many", count: 40)))
    let instance = try dataset.create(["x": [1, 2, 3], "y": 0.1, "note": ["a": [nil, true]]])
    _ = try dataset.patch(instance.id, with: ["y": "ä"])
    _ = try dataset.service.replace(instance.id, with: ["x": [1, 2, 4], "datasetName": "e"])
    _ = try dataset.service.remove(instance.id)
    try dataset.clear()
    #expect(events.values.count == 7)
    for batch in events.values { #expect(text { batch.write(to: &$0) } == batch.json.description) }
    #expect(changes.values.count == 7)
    for batch in changes.values { #expect(text { batch.write(to: &$0) } == batch.json.description) }
  }

  @Test func `is that of what others did`() throws {
    let directory = TemporaryDirectory()
    let location = "sqlite:" + directory.path("store.db")
    let dataset = try Dataset("d", in: DataStore(location))
    let queue = dataset.$changes.queue()
    _ = try queue.next(timeout: 30_000)
    let theirs = try Dataset("d", in: DataStore(location))
    let instance = try theirs.create(["x": [1, 2], "y": "a"])
    for step in 0..<3 {
      switch step {
      case 0: break
      case 1: _ = try theirs.remove(instance.id)
      default:
        _ = try theirs.create(["x": [1, 2], "y": "b"])
        _ = try queue.next(timeout: 30_000)
        try theirs.clear()
      }
      let batch = try queue.next(timeout: 30_000).value
      #expect(text { batch.write(to: &$0) } == batch.json.description)
      #expect(batch.json.description.contains(["created", "removed", "cleared"][step]))
    }
  }
}
