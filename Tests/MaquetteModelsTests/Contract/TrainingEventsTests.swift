import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import Synchronization
import TestSupport
import Testing

@testable import MaquetteModels

/// Marcelle's table of `$training`, event for event, as the JSON that a host sees. A number that is measured is written
/// as #.
@Suite struct `The events of a training` {
  /// The kind, the service of its saved models, its parameters and defaults; Marcelle's come first.
  private struct Entry {
    let service: String
    let defaults: String
    /// Of a training with ``parameters``.
    let parameters: JSONObject
    let events: [String]
  }

  private static let network =
    #""epochs":20,"batchSize":8,"validationSplit":0.2,"learningRate":0.001,"seed":0,"optimizer":"adam","momentum":0.9,"activation":"relu","initializer":"glorot-normal","l2":0,"dropout":0,"patience":0,"standardize":false"#

  private static let table: [String: Entry] = [
    "mlp-classifier": Entry(
      service: "tfjs-models", defaults: #"{"layers":[64,32],\#(network),"classWeights":"none"}"#,
      parameters: ["epochs": 2],
      events: [
        #"{"status":"start","epochs":2}"#,
        #"{"status":"epoch","epoch":1,"epochs":2,"data":{"loss":#,"accuracy":#,"lossVal":#,"accuracyVal":#}}"#,
        #"{"status":"epoch","epoch":2,"epochs":2,"data":{"loss":#,"accuracy":#,"lossVal":#,"accuracyVal":#}}"#,
        #"{"status":"success","data":{"loss":[#,#],"accuracy":[#,#],"lossVal":[#,#],"accuracyVal":[#,#]}}"#,
      ]),
    "mlp-regressor": Entry(
      service: "tfjs-models", defaults: #"{"units":[64,32],\#(network)}"#, parameters: ["epochs": 1],
      events: [
        #"{"status":"start","epochs":1}"#,
        #"{"status":"epoch","epoch":1,"epochs":1,"data":{"loss":#,"meanAbsoluteError":#,"lossVal":#,"meanAbsoluteErrorVal":#}}"#,
        #"{"status":"success","data":{"loss":[#],"meanAbsoluteError":[#],"lossVal":[#],"meanAbsoluteErrorVal":[#]}}"#,
      ]),
    "knn-classifier": Entry(
      service: "knn-classifier-models",
      defaults: #"{"k":3,"metric":"cosine","weights":"uniform","rejectDistance":0}"#, parameters: [:],
      events: [#"{"status":"start","epochs":1}"#, #"{"status":"success"}"#]),
    "knn-regressor": Entry(
      service: "knn-regressor-models", defaults: #"{"k":3,"metric":"cosine","weights":"uniform"}"#,
      parameters: [:], events: [#"{"status":"start","epochs":1}"#, #"{"status":"success"}"#]),
    "kmeans-clustering": Entry(
      service: "kmeans-models",
      defaults:
        #"{"k":3,"init":"k-means++","nInit":3,"maxIterations":300,"tolerance":0.0001,"batchSize":0,"seed":0}"#,
      parameters: ["k": 2],
      events: [
        #"{"status":"start","epochs":1}"#, "centers [[#,#,#,#],[#,#,#,#]]", "clusters [#,#,#,#,#,#,#,#,#]",
        #"{"status":"success"}"#,
      ]),
    "pca": Entry(
      service: "pca", defaults: #"{"nComponents":2,"whiten":false}"#, parameters: [:],
      events: [
        #"{"status":"start"}"#, #"{"status":"success","data":{"explainedVariance":[#,#]}}"#,
      ]),
    // The embedding comes beside the JSON, as a matrix: with every epoch, and with the success.
    "umap": Entry(
      service: "umap",
      defaults:
        #"{"nComponents":2,"nNeighbors":15,"minDist":0.1,"spread":1,"metric":"euclidean","supervised":false,"epochs":0,"seed":0}"#,
      parameters: ["epochs": 2],
      events: [
        #"{"status":"start","epochs":2}"#, #"{"status":"epoch","epoch":1,"epochs":2} + 9 × 2"#,
        #"{"status":"epoch","epoch":2,"epochs":2} + 9 × 2"#, #"{"status":"success"} + 9 × 2"#,
      ]),
  ]

  /// The value with every number that was measured as #.
  private static func text(_ json: JSON) -> String {
    switch json {
    case .number: "#"
    case .array(let values): "[" + values.map(text).joined(separator: ",") + "]"
    case .object(let object):
      "{" + object.members.map { "\(JSON.string($0.name)):\(text($0.value))" }.joined(separator: ",") + "}"
    default: json.description
    }
  }

  private static func text(_ json: JSON, _ matrix: Matrix?) -> String {
    let isMeasured = ["epoch", "success"].contains(json["status"])
    let members = (json.object?.members ?? []).map { name, value in
      "\(JSON.string(name)):" + (name == "data" && isMeasured ? text(value) : value.description)
    }
    let matrix = matrix.map { " + \($0.rows) × \($0.columns)" } ?? ""
    return "{" + members.joined(separator: ",") + "}" + matrix
  }

  private static func value(of stream: (any JSONStream)?) -> JSON? {
    stream?.text.flatMap { try? JSON(parsing: $0) }
  }

  /// What the streams of a model say from now on, in the order they say it.
  private func listen(_ model: any Model) -> @Sendable () -> [String] {
    let seen = Mutex<[String]>([])
    model.trainingStream.observe { event in
      let text = Self.text(event.value.json, event.value.matrix)
      seen.withLock { $0.append(text) }
    }
    if let clustering = model as? KMeansClustering {
      clustering.$centers.observe { _ in
        guard let json = Self.value(of: model.streams["centers"]), json != .null else { return }
        seen.withLock { $0.append("centers " + Self.text(json)) }
      }
      clustering.$clusters.observe { event in
        guard !event.value.isEmpty, let json = Self.value(of: model.streams["clusters"]) else { return }
        seen.withLock { $0.append("clusters " + Self.text(json)) }
      }
    }
    return {
      seen.withLock { events in
        defer { events = [] }
        return events
      }
    }
  }

  @Test func `are in the table for every kind`() {
    #expect(Self.table.keys.sorted() == Kinds.names.sorted())
  }

  @Test(arguments: Kinds.names) func `begin from Marcelle's defaults`(kind: String) throws {
    let entry = try #require(Self.table[kind])
    #expect(try ModelKinds.named(kind).service == entry.service)
    #expect(try ModelKinds.make(kind).parameterValues == JSON(parsing: entry.defaults).object)
  }

  @Test(arguments: Kinds.names) func `are Marcelle's, one for one`(kind: String) throws {
    let entry = try #require(Self.table[kind])
    let model = try ModelKinds.make(kind, parameters: entry.parameters)
    let table = try Kinds.table(kind, Kinds.samples(9))
    let events = listen(model)
    #expect(events() == [#"{"status":"idle"}"#])
    try model.learn(table)
    #expect(events() == entry.events)
    // Again, and nothing is left of the first.
    try model.learn(table)
    #expect(events() == entry.events)
  }

  @Test(arguments: Kinds.names) func `are one for each epoch, the success has them all`(kind: String) throws {
    let model = try Kinds.make(kind)
    let seen = Mutex<[TrainingStatus]>([])
    model.trainingStream.observe { event in seen.withLock { $0.append(event.value) } }
    try model.learn(Kinds.table(kind, Kinds.samples(30)))
    let statuses = seen.withLock { $0 }
    let epochs = statuses.filter { $0.phase == .epoch }
    let count = model.parameterValues["epochs"]?.integer ?? 0
    #expect(epochs.map(\.epoch) == (0..<count).map { $0 + 1 })
    #expect(epochs.allSatisfy { $0.epochs == count })
    for (name, values) in statuses.last?.data?.members ?? [] where name != "explainedVariance" {
      #expect(values == .array(epochs.compactMap { $0.data?[name] }), "\(name)")
    }
    #expect(statuses.last?.matrix == epochs.last?.matrix)
  }

  @Test(arguments: Kinds.names) func `of loading are loading and loaded, with the source`(kind: String) throws
  {
    let store = try DataStore("memory:")
    let trained = try Kinds.trained(kind, on: Kinds.samples(9))
    let id = try trained.save(in: store, name: "rows")
    let model = try ModelKinds.make(kind)
    let events = listen(model)
    _ = events()
    try model.load(from: store, "rows")
    let service = try #require(Self.table[kind]).service
    #expect(
      events().filter { $0.hasPrefix("{") } == [
        #"{"status":"loading"}"#,
        #"{"status":"loaded","data":{"source":"datastore","url":"\#(service)/\#(id)"}}"#,
      ])
    #expect(code { try model.wait() } == nil)
  }

  @Test(arguments: Kinds.names)
  func `of a loading that fails are loading and an error, which is thrown too (Marcelle's fault 7)`(
    kind: String
  ) throws {
    let model = try ModelKinds.make(kind)
    let events = listen(model)
    _ = events()
    let error = failure { try model.load(from: DataStore("memory:"), "nobody") }
    let message = #"no saved \#(kind) has the id or the name \"nobody\""#
    #expect(
      events() == [
        #"{"status":"loading"}"#,
        #"{"status":"error","data":{"error":"\#(message)","code":10}}"#,
      ])
    #expect(error?.code == .notFound)
    #expect(model.fittedModel == nil)
  }

  @Test(arguments: Kinds.names) func `that fails or is cancelled are an end of their own`(kind: String) throws
  {
    let model = try Kinds.make(kind)
    let dataset = try Dataset("nothing", in: DataStore("memory:"))
    let events = listen(model)
    _ = events()
    try model.train(on: dataset)
    #expect(code { try model.wait() } == .noRows)
    let told = events()
    #expect(told.count == 1)
    #expect(told.last?.hasPrefix(#"{"status":"error","data":{"error":"#) == true)
    #expect(told.last?.hasSuffix(#","code":17}}"#) == true)
    model.trainingStream.observe { event in if event.value.phase == .start { model.cancel() } }
    #expect(code { try model.learn(Kinds.table(kind, Kinds.samples(30))) } == .cancelled)
    #expect(events().last?.hasPrefix(#"{"status":"cancelled""#) == true)
    #expect(events().isEmpty)
  }

  @Test func `of reset is idle`() throws {
    for kind in Kinds.names {
      let model = try Kinds.trained(kind, on: Kinds.samples(9))
      let events = listen(model)
      _ = events()
      try model.reset()
      #expect(events() == [#"{"status":"idle"}"#])
    }
  }
}
