import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import Synchronization
import TestSupport
import Testing

@testable import MaquetteModels

@Suite struct `A batch prediction` {
  // MARK: What Marcelle's does

  @Test(arguments: BatchStore.kinds) func `goes through Marcelle's sequence, a record at a time`(kind: String)
    throws
  {
    let here = try BatchStore(kind)
    let model = try Batches.classifier()
    let dataset = try Batches.clouds(30, in: here.store)
    let batch = try BatchPrediction("TestSet", in: here.store)
    #expect(batch.serviceName == "predictions-test-set")
    #expect(batch.status.phase == .idle)
    let log = StatusLog(batch)
    try batch.predict(model, on: dataset)
    try batch.wait()
    #expect(log.phases == [.idle, .start, .running, .success])
    let running = log.statuses.filter { $0.phase == .running }
    #expect(running.map(\.count) == (1...30).map { $0 })
    #expect(running.allSatisfy { $0.total == 30 })
    let records = try here.store.service("predictions-test-set").find()
    #expect(records.total == 30)
    for (status, record) in zip(running, records.data) { #expect(status.data == record) }
    let last = try #require(log.statuses.last)
    #expect(last.json == ["status": "success", "count": 30, "total": 30])
    #expect(log.statuses.first { $0.phase == .start }?.json == ["status": "start"])
  }

  @Test(arguments: BatchStore.kinds) func `stores what the classifier predicts, with instanceId and yTrue`(
    kind: String
  ) throws {
    let here = try BatchStore(kind)
    let model = try Batches.classifier()
    let dataset = try Batches.clouds(12, in: here.store)
    let batch = try BatchPrediction("test", in: here.store)
    try batch.predict(model, on: dataset)
    try batch.wait()
    let instances = try dataset.find().data
    let records = try here.store.service(batch.serviceName).find().data
    for (record, instance) in zip(records, instances) {
      let row = (instance["x"]?.array ?? []).map { Float($0.number ?? .nan) }
      let expected = try model.predict(row).json
      #expect(record["label"] == expected["label"])
      #expect(record["confidences"] == expected["confidences"])
      #expect(record["instanceId"] == instance["id"])
      #expect(record["yTrue"] == instance["y"])
      #expect(
        Set(record.names) == ["id", "label", "confidences", "instanceId", "yTrue", "createdAt", "updatedAt"])
    }
  }

  @Test(arguments: BatchStore.kinds) func `fault 12: numbers and vectors are in the records`(kind: String)
    throws
  {
    let here = try BatchStore(kind)
    let samples = try Samples.clouds(rows: 40)
    let dataset = try Dataset("numbers", in: here.store)
    let targets = try Matrix(rows: 40, columns: 1, (0..<40).map { Float($0) / 8 })
    try dataset.append(samples.features, targets: targets)
    let regressor = MLPRegressor()
    regressor.epochs = 2
    try regressor.train(on: dataset)
    try regressor.wait()
    let batch = try BatchPrediction("numbers", in: here.store)
    try batch.predict(regressor, on: dataset)
    try batch.wait()
    var record = try #require(try here.store.service(batch.serviceName).find().data.last)
    let row = samples.features[row: 39]
    #expect(record["value"]?.number == Double(try regressor.predict(row)[0]))
    #expect(record["yTrue"] == .number(39.0 / 8))
    #expect(try batch.results().trueValues == targets)

    let pca = PCA(nComponents: 2)
    try pca.train(on: dataset)
    try pca.wait()
    try batch.predict(pca, on: dataset)
    try batch.wait()
    record = try #require(try here.store.service(batch.serviceName).find().data.last)
    let fitted = try #require(pca.fittedModel)
    let scores = try fitted.predictions(of: samples.features)
    #expect(record["value"] == .array(scores[row: 39].map { JSON(Double($0)) }))
    #expect(try batch.results().values == scores)

    let one = PCA(nComponents: 1)
    try one.train(on: dataset)
    try one.wait()
    try batch.predict(one, on: dataset)
    try batch.wait()
    #expect(try here.store.service(batch.serviceName).find().data.last?["value"]?.array?.count == 1)
  }

  @Test(arguments: BatchStore.kinds) func `stores clusters with their confidences`(kind: String) throws {
    let here = try BatchStore(kind)
    let dataset = try Batches.clouds(30, in: here.store)
    let clustering = KMeansClustering(k: 3)
    try clustering.train(on: dataset)
    try clustering.wait()
    let batch = try BatchPrediction("clusters", in: here.store)
    try batch.predict(clustering, on: dataset)
    try batch.wait()
    let records = try here.store.service(batch.serviceName).find().data
    let answers = try clustering.predict(try dataset.table().features)
    for (record, answer) in zip(records, answers) {
      #expect(record["cluster"]?.integer == answer.cluster)
      #expect(record["confidences"]?["2"]?.number == Double(answer.confidences[2]))
    }
    let results = try batch.results()
    #expect(results.names == ["0", "1", "2"])
    #expect((0..<30).allSatisfy { results.predicted[$0] == String(answers[$0].cluster) })
  }

  @Test(arguments: BatchStore.kinds) func `keeps every sort of yTrue as the instance has it`(kind: String)
    throws
  {
    let here = try BatchStore(kind)
    let dataset = try Dataset("mixed", in: here.store)
    let truths: [JSON?] = [
      "text", 3, 2.5, nil, .null, true, [1, 2], ["a": 1], "3", [0.1], .string(""), .string("né\u{0}"),
    ]
    for truth in truths {
      var instance: JSONObject = ["x": [1, 2, 3, 4]]
      instance["y"] = truth
      _ = try dataset.create(instance)
    }
    let batch = try BatchPrediction("mixed", in: here.store)
    try batch.predict(try Batches.classifier(), on: dataset)
    try batch.wait()
    let records = try here.store.service(batch.serviceName).find().data
    #expect(records.map { $0["yTrue"] } == truths)
    let labels = try batch.results().trueLabels
    #expect(
      (0..<truths.count).map { labels[$0] } == [
        "text", "3", "2.5", nil, nil, "true", "[1,2]", "{\"a\":1}", "3", "[0.1]", "", "né\u{0}",
      ])
    #expect(try batch.results().trueValues == nil)
  }

  @Test(arguments: BatchStore.kinds) func `finds records by label, yTrue and instanceId`(kind: String) throws
  {
    let here = try BatchStore(kind)
    let dataset = try Batches.clouds(60, in: here.store)
    let batch = try BatchPrediction("test", in: here.store)
    try batch.predict(try Batches.classifier(epochs: 20), on: dataset)
    try batch.wait()
    let service = try here.store.service(batch.serviceName)
    let results = try batch.results()
    func found(_ query: String) throws -> Page { try service.find(Query(JSON(parsing: query))) }
    let ofLabel = (0..<60).filter { results.predicted[$0] == "label 1" }.count
    #expect(try found(#"{"label": "label 1"}"#).total == ofLabel && ofLabel > 0)
    #expect(try found(#"{"yTrue": "label 2"}"#).total == 20)
    #expect(try found(#"{"y": "label 2"}"#).total == 0)
    #expect(try found(#"{"yTrue": "label 2", "label": {"$ne": "label 2"}}"#).total <= 20)
    let id = results.instanceIDs[17]
    let page = try found(#"{"instanceId": "\#(id)"}"#)
    #expect(page.total == 1 && page.data[0]["instanceId"] == .string(id))
    #expect(try service.get(page.data[0]["id"]?.string ?? "") == page.data[0])
    #expect(try found(#"{"confidences.label 0": {"$gte": 0}, "$select": ["yTrue"]}"#).total == 60)
    #expect(try found(#"{"$sort": {"confidences.label 0": -1}, "$limit": 1}"#).data[0]["yTrue"] == "label 0")
    #expect(try service.distinct("yTrue") == ["label 0", "label 1", "label 2"])
    // The features of an instance are not in its record, and the other way round.
    #expect(try found(#"{"x": null, "value": null, "cluster": null}"#).total == 60)
  }

  // MARK: Faults

  @Test(arguments: BatchStore.kinds) func `fault 9: clear works on a memory store too`(kind: String) throws {
    let here = try BatchStore(kind)
    let dataset = try Batches.clouds(10, in: here.store)
    let batch = try BatchPrediction("test", in: here.store)
    try batch.predict(try Batches.classifier(), on: dataset)
    try batch.wait()
    #expect(try batch.count() == 10)
    try batch.clear()
    #expect(try batch.count() == 0)
    #expect(try here.store.service(batch.serviceName).find().total == 0)
    #expect(try batch.results().count == 0)
    try batch.clear()
  }

  @Test(arguments: BatchStore.kinds)
  func `fault 12: clear tells $status, and progress counts from 1 to the total`(
    kind: String
  ) throws {
    let here = try BatchStore(kind)
    let dataset = try Batches.clouds(3, in: here.store)
    let batch = try BatchPrediction("test", in: here.store)
    let log = StatusLog(batch)
    try batch.predict(try Batches.classifier(), on: dataset)
    try batch.wait()
    try batch.clear()
    #expect(batch.status.json == ["status": "idle"])
    #expect(log.phases == [.idle, .start, .running, .success, .idle])
    #expect(log.statuses.filter { $0.phase == .running }.map(\.count) == [1, 2, 3])
  }

  @Test func `fault 12: a block is one transaction, not one request a row`() throws {
    let here = try BatchStore("sqlite")
    let dataset = try Batches.clouds(5000, in: here.store)
    let batch = try BatchPrediction("test", in: here.store)
    let batches = Mutex<[Int]>([])
    try here.store.service(batch.serviceName).events.observe { event in
      batches.withLock { $0.append(event.value.count) }
    }
    try batch.predict(try Batches.classifier(), on: dataset)
    try batch.wait()
    #expect(batches.withLock { $0 } == [4096, 904])
  }

  // MARK: Opening

  @Test func `is loaded where there are predictions already`() throws {
    let here = try BatchStore("sqlite")
    let dataset = try Batches.clouds(10, in: here.store)
    let batch = try BatchPrediction("test", in: here.store)
    try batch.predict(try Batches.classifier(), on: dataset)
    try batch.wait()
    let results = try batch.results()
    let again = try DataStore("sqlite:" + here.path)
    let other = try BatchPrediction("test", in: again)
    #expect(other.status.json == ["status": "loaded"])
    #expect(try other.results().values == results.values)
    #expect(try other.results().predicted == results.predicted)
    #expect(Array(try other.results().instanceIDs) == Array(results.instanceIDs))
  }

  @Test func `refuses names that are none, models that are not trained, fields without a name`() throws {
    let here = try BatchStore("memory")
    #expect(failure { _ = try BatchPrediction("", in: here.store) }?.code == .invalidArgument)
    #expect(failure { _ = try BatchPrediction("a\u{0}", in: here.store) }?.code == .invalidArgument)
    let batch = try BatchPrediction("test", in: here.store)
    let dataset = try Batches.clouds(3, in: here.store)
    #expect(failure { try batch.predict(MLPClassifier(), on: dataset) }?.code == .notTrained)
    let model = try Batches.classifier()
    #expect(failure { try batch.predict(model, on: dataset, inputField: "") }?.code == .invalidArgument)
    #expect(batch.status.phase == .idle)
    try batch.wait()
  }

  @Test(arguments: BatchStore.kinds) func `predicts nothing of an empty dataset`(kind: String) throws {
    let here = try BatchStore(kind)
    let model = try Batches.classifier()
    let batch = try BatchPrediction("test", in: here.store)
    try batch.predict(model, on: Batches.clouds(4, in: here.store))
    try batch.wait()
    try batch.predict(model, on: Dataset("nobody", in: here.store))
    try batch.wait()
    #expect(batch.status.json == ["status": "success", "count": 0, "total": 0])
    #expect(try batch.count() == 0)
  }

  // MARK: Input

  @Test(arguments: BatchStore.kinds) func `reads the features from another field`(kind: String) throws {
    let here = try BatchStore(kind)
    let samples = try Samples.clouds(rows: 20)
    let dataset = try Dataset("fields", in: here.store)
    for row in 0..<20 {
      let numbers = samples.features[row: row].map { JSON(Double($0)) }
      _ = try dataset.create([
        "x": "a picture", "y": .string(samples.labels[row]),
        "features": .array([.array(Array(numbers[..<2])), .array(Array(numbers[2...]))]),
        "deep": ["down": .array(numbers)],
      ])
    }
    let model = try Batches.classifier()
    let batch = try BatchPrediction("test", in: here.store)
    let expected = try model.confidences(of: samples.features)
    for field in ["features", "deep.down"] {
      try batch.predict(model, on: dataset, inputField: field)
      try batch.wait()
      #expect(try batch.results().values == expected)
    }
    #expect(
      failure {
        try batch.predict(model, on: dataset); try batch.wait()
      }?.code == .badShape)
    let missing = failure {
      try batch.predict(model, on: dataset, inputField: "nothing"); try batch.wait()
    }
    #expect(missing?.code == .badShape && missing?.message.contains("\"nothing\"") == true)
    #expect(batch.status.phase == .error)
    #expect(batch.status.data?["error"]?.string == missing?.message)
    // What was there stayed.
    #expect(try batch.count() == 20)
  }

  @Test(arguments: BatchStore.kinds) func `says which rows don't fit the model, and keeps what was there`(
    kind: String
  )
    throws
  {
    let here = try BatchStore(kind)
    let model = try Batches.classifier()
    let batch = try BatchPrediction("test", in: here.store)
    try batch.predict(model, on: Batches.clouds(4, in: here.store))
    try batch.wait()
    let wide = try Dataset("wide", in: here.store)
    try wide.append(
      Matrix(rows: 2, columns: 5, [Float](repeating: 1, count: 10)), labels: LabelColumn(["a", "b"]))
    #expect(
      failure {
        try batch.predict(model, on: wide); try batch.wait()
      }?.code == .badShape)
    #expect(try batch.count() == 4)
  }
}
