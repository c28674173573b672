import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import TestSupport
import Testing

@testable import MaquetteModels

extension `A batch prediction` {
  @Test(arguments: BatchStore.kinds) func `gives results as matrices, also of records that somebody edited`(
    kind: String
  ) throws {
    let here = try BatchStore(kind)
    let model = try Batches.classifier()
    let dataset = try Batches.clouds(50, in: here.store)
    let batch = try BatchPrediction("test", in: here.store)
    try batch.predict(model, on: dataset)
    try batch.wait()
    let results = try batch.results()
    let table = try dataset.table()
    #expect(results.values == (try model.confidences(of: table.features)))
    #expect(results.names == model.labels)
    #expect(results.trueLabels == table.labels)
    let answers: [Classification] = try model.predict(table.features)
    #expect((0..<50).map { results.predicted[$0] } == answers.map(\.label))
    let service = try here.store.service(batch.serviceName)
    var record = try service.find().data[4]
    record["yTrue"] = "edited"
    record["note"] = "by hand"
    _ = try service.replace(record["id"]?.string ?? "", with: record)
    #expect(try batch.results().values == results.values)
    #expect(try batch.results().trueLabels[4] == "edited")
    #expect(try service.get(record["id"]?.string ?? "")["note"] == "by hand")
    _ = try service.create(["hello": "world"])
    #expect(failure { _ = try batch.results() }?.code == .badFormat)
  }

  @Test func `reads the records of another writer`() throws {
    let here = try BatchStore("memory")
    let service = try here.store.service("predictions-foreign")
    for (label, sure) in [("a", 0.75), ("b", 0.25)] {
      _ = try service.create([
        "label": .string(label), "confidences": ["a": .number(sure), "b": .number(1 - sure)],
        "instanceId": "65f000000000000000000001", "yTrue": "a",
      ])
    }
    let batch = try BatchPrediction("foreign", in: here.store)
    #expect(batch.status.phase == .loaded)
    let results = try batch.results()
    #expect(results.names == ["a", "b"])
    #expect(results.predicted == LabelColumn(["a", "b"]))
    #expect(results.values == (try Matrix(rows: 2, columns: 2, [0.75, 0.25, 0.25, 0.75])))
  }
}
