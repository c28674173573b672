import MaquetteSystem

/// A member that an index can be made for.
enum IndexedField: String, Sendable, CaseIterable {
  case label = "y"
  case createdAt, updatedAt, id, name
  case dataset = "datasetName"

  /// - Throws: ``MaquetteError/Code/unsupported`` for any other.
  init(_ field: String) throws(MaquetteError) {
    guard let found = IndexedField(rawValue: field == "_id" ? "id" : field) else {
      throw MaquetteError(
        .unsupported,
        "there is no index for '\(field.prefix(100))': only for "
          + IndexedField.allCases.map(\.rawValue).joined(separator: ", "), name: field)
    }
    self = found
  }
}
