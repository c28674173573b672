import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import Synchronization
import TestSupport
import Testing

@testable import MaquetteModels

@Suite struct `A k-means clustering` {
  private func train(_ model: KMeansClustering, _ rows: Matrix, mode: TrainingMode = .fresh) throws {
    try model.train(on: InstanceTable(features: rows), mode: mode)
    try model.wait()
  }

  private func clouds(_ rows: Int = 90) throws -> Matrix { try Samples.clouds(rows: rows).features }

  @Test func `has Marcelle's defaults`() {
    #expect(KMeansClustering().k == 3)
    #expect(KMeansClustering.service == "kmeans-models")
    #expect(KMeansClustering.kind == "kmeans-clustering")
  }

  @Test func `reports its training event for event as Marcelle does`() throws {
    let model = KMeansClustering(k: 3)
    let seen = Mutex<[String]>([])
    model.$training.observe { event in seen.withLock { $0.append(event.value.json.description) } }
    model.$centers.observe { event in
      if event.value != nil { seen.withLock { $0.append("centers") } }
    }
    model.$clusters.observe { event in
      if !event.value.isEmpty { seen.withLock { $0.append("clusters") } }
    }
    try train(model, clouds())
    #expect(
      seen.withLock { $0 } == [
        #"{"status":"idle"}"#, #"{"status":"start","epochs":1}"#, "centers", "clusters",
        #"{"status":"success"}"#,
      ])
    #expect(model.centers?.rows == 3)
    #expect(model.clusters.count == 90)
  }

  @Test func `finds the clouds`() throws {
    let model = KMeansClustering(k: 3)
    try train(model, clouds())
    for row in 0..<90 {
      #expect(model.clusters[row] == model.clusters[row % 3])
    }
    #expect(Set(model.clusters).count == 3)
    let answers = try model.predict(clouds())
    #expect(answers.map(\.cluster) == model.clusters.map { Int($0) })
  }

  @Test func `gives the same bits whatever the number of threads`() throws {
    let rows = try Samples.clouds(rows: 5000, features: 7, spread: 3).features
    let limit = Workers.limit
    defer { Workers.limit = limit }
    var results: [Matrix] = []
    for threads in [1, 3] {
      Workers.limit = threads
      let model = KMeansClustering(k: 6, seed: 4)
      try train(model, rows)
      results.append(try #require(model.centers))
    }
    #expect(results[0] == results[1])
  }

  @Test func `is confident of what is near, at any distance (Marcelle's fault 5)`() throws {
    let model = KMeansClustering(k: 2)
    try train(model, try Matrix([[0], [1], [10], [11]]))
    let nearest = try #require(model.centers)[0, 0] < 5 ? 0 : 1
    for place: Float in [0.5, 0, -5, -2000, -1e6] {
      let answer = try model.predict([place])
      #expect(answer.cluster == nearest, "\(place)")
      #expect(answer.confidences.allSatisfy { $0.isFinite })
      #expect(abs(answer.confidences.reduce(0, +) - 1) < 1e-6)
    }
    for place: Float in [20, 1e6] { #expect(try model.predict([place]).cluster == 1 - nearest) }
    for place: Float in [-1e18, 3e38] {
      #expect(try model.predict([place]).confidences.allSatisfy { abs($0 - 0.5) < 1e-6 })
    }
    #expect(try model.predict([0.5]).confidences[nearest] == 1)
    let (near, far) = (
      try model.predict([1]).confidences[nearest], try model.predict([4]).confidences[nearest]
    )
    #expect(near > far)
  }

  @Test func `forgets old rows when it is trained again (Marcelle's fault 5)`() throws {
    let model = KMeansClustering(k: 2)
    try train(model, try Matrix([[0], [1], [100], [101]]))
    try train(model, try Matrix([[5], [6], [7], [8]]))
    #expect(model.clusters.count == 4)
    #expect(try #require(model.centers)[0, 0] < 9 && model.centers?[1, 0] ?? 100 < 9)
  }

  @Test func `predicts the same when it is loaded (Marcelle's fault 5)`() throws {
    let model = KMeansClustering(k: 3)
    try train(model, clouds())
    let store = try DataStore("memory:")
    let id = try model.save(in: store, name: "m")
    let loaded = KMeansClustering()
    try loaded.load(from: store, id)
    #expect(loaded.centers == model.centers)
    #expect(loaded.clusters == model.clusters)
    #expect(loaded.inertia == model.inertia)
    #expect(try loaded.readyModel().attributes["iterations"] == model.readyModel().attributes["iterations"])
    #expect(try loaded.predict(clouds()) == model.predict(clouds()))
    #expect(loaded.training.phase == .loaded)
    try train(loaded, clouds(), mode: .partial)
    #expect(loaded.centers?.rows == 3)
  }

  @Test func `begins at given centers`() throws {
    let model = KMeansClustering(k: 2, init: .centers([[0], [100]]))
    try train(model, try Matrix([[1], [2], [90], [92]]))
    #expect(model.centers == (try Matrix([[1.5], [91]])))
    #expect(model.inertia == 0.5 + 2)
  }

  @Test func `goes on, and takes rows on top of those before`() throws {
    let model = KMeansClustering(k: 2, init: .centers([[0], [100]]))
    try train(model, try Matrix([[0], [2], [100], [102]]))
    try train(model, try Matrix([[4]]), mode: .partial)
    #expect(model.centers == (try Matrix([[2], [101]])))
    try train(model, try Matrix([[0], [2], [50]]), mode: .continuing)
    #expect(model.centers == (try Matrix([[1], [50]])))
    #expect(code { try train(model, try Matrix([[1, 2]]), mode: .partial) } == .badShape)
    #expect(model.centers == (try Matrix([[1], [50]])))
  }

  @Test func `learns in mini-batches nearly what it learns from all rows`() throws {
    let rows = try Samples.clouds(rows: 900, spread: 1).features
    let (whole, batches) = (KMeansClustering(k: 3), KMeansClustering(k: 3))
    batches.batchSize = 50
    try train(whole, rows)
    try train(batches, rows)
    #expect(batches.inertia < 1.05 * whole.inertia)
  }

  @Test func `has attributes of centers, clusters, inertia and iterations`() throws {
    let model = KMeansClustering(k: 3)
    try train(model, clouds())
    let attributes = try model.readyModel().attributes
    #expect(attributes["centers"] == model.centers)
    #expect(attributes["clusters"]?.rows == 90)
    #expect(attributes["inertia"]?[0, 0] == Float(model.inertia))
    let iterations = try #require(attributes["iterations"]?[0, 0])
    #expect(iterations >= 1 && iterations <= 300)
    let json = try model.readyModel().json(of: try clouds().gathering([0]))[0]
    #expect(json["cluster"]?.integer == Int(model.clusters[0]))
    #expect(json["confidences"]?.object?.names == ["0", "1", "2"])
  }

  @Test func `bears duplicate rows, constant features and empty clusters`() throws {
    let same = KMeansClustering(k: 3)
    try train(same, try Matrix(rows: 10, columns: 2, [Float](repeating: 4, count: 20)))
    #expect(same.inertia == 0)
    #expect(try same.predict([4, 4]).confidences.allSatisfy { $0.isFinite })
    // The second and the third center get no row at first.
    let empty = KMeansClustering(k: 3, init: .centers([[0], [1000], [2000]]))
    try train(empty, try Matrix([[0], [1], [2], [50]]))
    #expect(Set(empty.clusters).count == 3)
  }

  @Test func `says what is wrong with k, init and rows`() throws {
    let rows = try Matrix([[1, 2], [3, 4]])
    #expect(code { try train(KMeansClustering(k: 3), rows) } == .badParameter)
    #expect(code { try train(KMeansClustering(k: 2, init: .centers([[1], [2]])), rows) } == .badParameter)
    #expect(
      code { try train(KMeansClustering(k: 3, init: .centers([[1, 2], [2, 3]])), rows) } == .badParameter)
    #expect(code { try train(KMeansClustering(k: 1), try Matrix([[.nan]])) } == .notFinite)
    #expect(code { try train(KMeansClustering(k: 1), try Matrix(rows: 0, columns: 2, [])) } == .noRows)
    let model = KMeansClustering()
    for bad in ["random", [[1, 2], [3]], [["a"]], [], [[1e39]]] as [JSON] {
      #expect(code { try model.setParameters(["init": bad]) } == .badParameter)
    }
    #expect(code { _ = try model.predict([1]) } == .notTrained)
  }

  @Test func `says so when rows lie too far apart to tell distances`() throws {
    let far = try Matrix([[-3e38, 0], [3e38, 0], [0, 0], [1e38, 0]])
    let model = KMeansClustering(k: 2, init: .centers([[0, 0], [1, 1]]))
    try train(model, try Matrix([[0, 0], [1, 1]]))
    let before = model.centers
    for (start, batchSize) in [(KMeansInit.plusPlus, 0), (.plusPlus, 2), (model.start, 0)] {
      model.start = start
      model.batchSize = batchSize
      let error = failure { try train(model, far) }
      #expect(error?.code == .notFinite && error?.message.contains("far apart") == true)
    }
    #expect(code { try train(model, far, mode: .partial) } == .notFinite)
    #expect(model.centers == before)
  }

  @Test func `is cancelled within an iteration and keeps what it knew`() throws {
    let model = KMeansClustering(k: 3)
    try train(model, clouds())
    let before = model.centers
    model.k = 50
    model.nInit = 1000
    model.tolerance = 0
    let rows = try Samples.clouds(rows: 20_000, features: 10, spread: 5).features
    try model.train(on: InstanceTable(features: rows))
    model.cancel()
    #expect(code { try model.wait() } == .cancelled)
    #expect(model.centers == before)
  }
}
