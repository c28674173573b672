import CSQLite
import Glibc
import MaquetteFormats
import MaquetteKernels
import MaquetteStreams
import MaquetteSystem
import TestSupport
import Testing

@testable import MaquetteStores

/// A service with predictions of three labels, and the dataset they are of.
private struct Stored {
  let dataset: Dataset
  let service: Service
  let run: PredictionRun
  let values: Matrix

  init(_ store: DataStore, rows: Int = 3) throws {
    dataset = try Dataset("test", in: store)
    let labels = (0..<rows).map { ["a", "b", "c"][$0 % 3] }
    try dataset.append(try counting(rows), labels: LabelColumn(labels))
    service = try store.service("predictions-test")
    run = PredictionRun(.labels(["a", "b"]), origin: ["model": "m"])
    values = try Matrix(rows: rows, columns: 2, (0..<rows).flatMap { row in [Float(row), 0.5] })
    let pass = try InstancePass(dataset, field: "x", rows: rows)
    let table = try #require(try pass.next())
    _ = try service.append(
      values, of: try #require(table.ids), truth: try #require(table.truth), to: run,
      begins: true)
  }
}

private func version(_ path: String) throws -> Int64? {
  try SQLiteConnection(path).integer("PRAGMA user_version")
}

@Suite struct `Stored predictions` {
  @Test(arguments: StoreKind.allCases) func `are documents, and numbers`(kind: StoreKind) throws {
    let here = try TestStore(kind)
    let stored = try Stored(here.store)
    let page = try stored.service.find()
    #expect(page.values("label") == ["\"b\"", "\"a\"", "\"a\""])
    #expect(page.values("yTrue") == ["\"a\"", "\"b\"", "\"c\""])
    #expect(page.data[1]["confidences"] == ["a": 1, "b": 0.5])
    #expect(page.values("x") == ["-", "-", "-"])
    let table = try #require(try stored.service.predictions().table)
    #expect(table.values == stored.values)
    #expect(table.form == .labels(["a", "b"]))
    #expect(table.instances == (try stored.dataset.blocks().makeReader(of: .none).next()?.ids))
    #expect(try stored.service.count() == 3)
  }

  @Test func `in a file of an older layout raise it, and clearing them does not`() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store.db")
    let store = try DataStore("sqlite:" + path)
    let dataset = try Dataset("test", in: store)
    try dataset.append(try counting(100), labels: LabelColumn([String](repeating: "a", count: 100)))
    try store.service("predictions-test").clearPredictions()
    #expect(try store.service("predictions-test").predictionRun() == nil)
    #expect(try version(path) == 1)
    let stored = try Stored(store)
    #expect(try version(path) == 6)
    let again = try DataStore("sqlite:" + path)
    #expect(try again.service("predictions-test").predictionRun() == stored.run)
    #expect(try again.service("predictions-test").find() == stored.service.find())
    #expect(try Dataset("test", in: again).count == 103)
  }

  @Test func `of a newer layout than this one knows are left alone`() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store.db")
    _ = try Stored(DataStore("sqlite:" + path))
    try SQLiteConnection(path).execute("PRAGMA user_version = \(SQLiteFile.version + 1)")
    #expect(failure { _ = try DataStore("sqlite:" + path) }?.code == .notAStore)
  }

  @Test func `that are damaged are said to be`() throws {
    for (change, word) in [
      ("UPDATE \"predictions-test\" SET fields = x'00'", "names no instance"),
      ("UPDATE \"predictions-test\" SET x = x'00000000'", "4 bytes, not 8"),
      ("UPDATE \"predictions-test\" SET fields = fields || x'7B'", "no JSON"),
      ("UPDATE maquette_predictions SET run = '{}'", "no description"),
      ("UPDATE maquette_predictions SET run = '{'", "no description"),
      ("DELETE FROM maquette_predictions", "nothing is noted"),
    ] {
      let directory = TemporaryDirectory()
      let path = directory.path("store.db")
      let store = try DataStore("sqlite:" + path)
      let stored = try Stored(store)
      let hand = try SQLiteConnection(path)
      // The concatenation of blobs is a text in SQLite.
      try hand.execute(change.replacing("fields || x'7B'", with: "CAST(fields || x'7B' AS BLOB)"))
      let error = failure { _ = try stored.service.find() }
      #expect(
        error?.code == .badFormat && error?.message.contains(word) == true,
        "\(change): \(error?.message ?? "")")
      #expect(failure { _ = try stored.service.predictions() }?.code == .badFormat, "\(change)")
    }
  }

  @Test(arguments: StoreKind.allCases) func `of a run that is over are refused`(kind: StoreKind) throws {
    let here = try TestStore(kind)
    let stored = try Stored(here.store)
    let table = try #require(try stored.service.predictions().table)
    try stored.service.begin(PredictionRun(.labels(["a", "b"]), origin: ["model": "m"]))
    #expect(try stored.service.count() == 0)
    let error = failure {
      _ = try stored.service.append(table.values, of: table.instances, truth: table.truth, to: stored.run)
    }
    #expect(error?.code == .conflict)
    #expect(try stored.service.count() == 0)
  }

  @Test(arguments: StoreKind.allCases) func `tell their service's events, and so does clearing`(
    kind: StoreKind
  ) throws {
    let here = try TestStore(kind)
    let service = try here.store.service("predictions-test")
    let seen = Seen<[ServiceEvent]>()
    service.events.observe { seen.add($0.value) }
    let stored = try Stored(here.store)
    try service.clearPredictions()
    try service.clearPredictions()
    #expect(seen.values.map { $0.map(\.kind) } == [[.created, .created, .created], [.cleared]])
    #expect(seen.values[0].map { $0.document["yTrue"] } == ["a", "b", "c"])
    #expect(seen.values[0][0].predictions?.values == stored.values)
    #expect(seen.values[1][0].json == ["type": "cleared", "document": [:]])
  }

  @Test(arguments: StoreKind.allCases) func `go with the files that were stored beside them`(kind: StoreKind)
    throws
  {
    let here = try TestStore(kind)
    let service = try here.store.service("predictions-test")
    let document = try service.create(["a": 1], files: [StoredFile(name: "f", bytes: [1])])
    let path = document["files"]?.array?[0].array?[1].string ?? ""
    #expect(try service.file(at: path) == [1])
    try service.clearPredictions()
    #expect(failure { _ = try service.file(at: path) }?.code == .notFound)
    #expect(try service.count() == 0)
  }

  @Test(arguments: StoreKind.allCases) func `can be replaced and removed like other documents`(
    kind: StoreKind
  ) throws {
    let here = try TestStore(kind)
    let stored = try Stored(here.store)
    var record = try stored.service.find().data[0]
    record["note"] = "looked at"
    let replaced = try stored.service.replace(record.id, with: record)
    #expect(replaced["confidences"] == record["confidences"] && replaced["note"] == "looked at")
    #expect(try stored.service.get(record.id) == replaced)
    _ = try stored.service.remove(try stored.service.find().data[1].id)
    #expect(
      try stored.service.predictions().table?.values == (try Matrix(rows: 2, columns: 2, [0, 0.5, 2, 0.5])))
  }
}

@Suite struct `A store whose file is gone` {
  @Test func `refuses to write, and says why`() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store.db")
    let store = try DataStore("sqlite:" + path)
    let dataset = try Dataset("test", in: store)
    try dataset.append(try counting(2), labels: LabelColumn(["a", "b"]))
    rename(path, directory.path("elsewhere.db"))
    let error = failure { _ = try dataset.create(["x": [1, 2, 3]]) }
    #expect(error?.code == .inputOutput && error?.name == path)
    // Put back, it works again.
    rename(directory.path("elsewhere.db"), path)
    _ = try dataset.create(["x": [1, 2, 3]])
    #expect(dataset.count == 3)
  }
}
