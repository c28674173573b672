import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteSystem
import TestSupport
import Testing

@testable import MaquetteModels

extension `Every kind of model` {
  private static let locations =
    ["memory:", "sqlite:"] + (PostgreSQLTesting.location == nil ? [] : ["postgresql:"])

  @Test(arguments: Kinds.names, locations)
  func `predicts the same to the last bit when it is loaded (Marcelle's fault 7)`(
    kind: String, location: String
  ) throws {
    let folder = TemporaryDirectory()
    let place =
      switch location {
      case "memory:": location
      case "postgresql:": PostgreSQLTesting.freshLocation()
      default: location + folder.path + "/store.db"
      }
    let store = try DataStore(place)
    let samples = try Kinds.samples(90)
    let model = try Kinds.trained(kind, on: samples)
    let id = try model.save(in: store, name: "rows", metadata: ["note": "mine"])
    for name in [id, "rows"] {
      let other = try ModelKinds.make(kind)
      let stored = try other.load(from: place == "memory:" ? store : DataStore(place), name)
      #expect(stored.id == id && stored.name == "rows")
      #expect(stored.document["metadata"]?["note"] == "mine")
      #expect(other.parameterValues == model.parameterValues)
      #expect(try other.predictions(of: samples.features) == model.predictions(of: samples.features))
    }
  }

  @Test(arguments: Kinds.names)
  func `loads the latest of one name, and replaces by id (Marcelle's fault 8)`(kind: String) throws {
    let store = try DataStore("memory:")
    let first = try Kinds.trained(kind, on: Kinds.samples(30))
    let second = try Kinds.trained(kind, on: Kinds.samples(40, features: 5))
    let firstID = try first.save(in: store, name: "m")
    let secondID = try second.save(in: store, name: "m")
    let loaded = try Kinds.make(kind)
    #expect(try loaded.load(from: store, "m").id == secondID)
    #expect(loaded.fittedModel?.features == 5)
    // Two of one name keep what is their own (fault 7).
    #expect(try loaded.load(from: store, firstID).id == firstID)
    #expect(loaded.fittedModel?.features == 4)
    let created = try store.service(type(of: first).service).get(firstID)["createdAt"]
    #expect(try first.save(in: store, name: "m", id: firstID) == firstID)
    let stored = try loaded.load(from: store, "m")
    #expect(stored.id == firstID)
    #expect(created != nil && stored.document["createdAt"] == created)
    #expect(loaded.fittedModel?.features == 4)
  }

  @Test(arguments: Kinds.names)
  func `that can't be loaded stays as it was, and says so (Marcelle's fault 7)`(kind: String) throws {
    let store = try DataStore("memory:")
    let samples = try Kinds.samples(30)
    let model = try Kinds.trained(kind, on: samples)
    let before = try model.predictions(of: samples.features)
    let error = failure { try model.load(from: store, "nobody") }
    #expect(error?.code == .notFound && error?.name == "nobody")
    #expect(error?.message.contains(kind) == true)
    #expect(try store.services() == [], "reading makes no service")
    #expect(model.training.phase == .error)
    #expect(try model.predictions(of: samples.features) == before)
    #expect(code { try model.save(in: store, name: "x", id: "0123456789abcdef01234567") } == .notFound)
    #expect(code { try model.save(in: store, name: "") } == .invalidArgument)
    #expect(throws: Never.self) { try model.learn(Kinds.table(kind, samples)) }
  }

  @Test(arguments: Kinds.names)
  func `refuses a stored model that is damaged, or of another kind`(kind: String) throws {
    let store = try DataStore("memory:")
    let samples = try Kinds.samples(30)
    let model = try Kinds.trained(kind, on: samples)
    let before = try model.predictions(of: samples.features)
    let archive = try model.archive()
    let service = try store.service(type(of: model).service)
    func load(_ change: (inout ModelArchive) -> Void) throws -> MaquetteError.Code? {
      var archive = archive
      change(&archive)
      let document = try service.create(
        [
          "name": "damaged", "format": .string(archive.format), "metadata": .object(archive.metadata),
        ], files: archive.files)
      return code { try model.load(from: store, document["id"]?.string ?? "") }
    }
    #expect(try load { _ in } == nil)
    #expect(try load { $0.format = "other" } == .badFormat)
    #expect(try load { $0.files = [] } == .badFormat)
    for file in archive.files.indices {
      let (name, bytes) = (archive.files[file].name, archive.files[file].bytes)
      for damaged in [[], [UInt8](repeating: 0xff, count: 100), Array(bytes.dropLast(4))] {
        #expect(
          try load { $0.files[file] = StoredFile(name: name, bytes: damaged) } == .badFormat,
          "\(name), \(damaged.count) bytes")
      }
    }
    if let name = archive.metadata["parameters"]?.object?.names.first {
      #expect(
        try load { $0.metadata["parameters"] = .object(JSONObject([(name, ["nonsense": []])])) } == .badFormat
      )
    }
    #expect(model.training.phase == .error)
    #expect(try model.predictions(of: samples.features) == before)
    for other in Kinds.names where other != kind {
      #expect(
        code { try Kinds.make(other).restore(archive) } == .badFormat, "a \(other) took a \(kind)")
    }
  }
}
