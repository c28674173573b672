import MaquetteFormats
import MaquetteStores
import MaquetteSystem

/// Which of all saved models one is: every saving makes another.
struct ModelVersion: Sendable, Equatable {
  let id: String
  let updatedAt: String

  init(_ document: JSONObject) {
    id = document["id"]?.string ?? ""
    updatedAt = document["updatedAt"]?.string ?? ""
  }
}

/// Where a loaded model came from.
struct ModelOrigin: Sendable, Equatable {
  let store: ObjectIdentifier
  let version: ModelVersion
  /// What loaded it, where it was not the host.
  let synchronization: ObjectIdentifier?
}

extension JSONObject {
  /// When the model in this document came to be what it is.
  var trainedAt: Timestamp? {
    (self["trainedAt"]?.string ?? self["updatedAt"]?.string).flatMap { Timestamp($0) }
  }
}
