import MaquetteFormats
import MaquetteStores
import MaquetteSystem

extension ModelArchive {
  /// Tells the model from any other: of its format, its metadata and the names and bytes of its files.
  ///
  /// The metadata counts as its values, not as their text, which a store may write in another way.
  var checksum: String {
    var checksum = Checksum()
    checksum.add(format)
    checksum.add(JSON.object(metadata).inOneForm.description)
    for file in files {
      checksum.add(file.name)
      checksum.add(file.bytes.count)
      checksum.add(file.bytes)
    }
    return "sha256:" + checksum.digits()
  }

  /// - Throws: ``MaquetteError/Code/badFormat`` unless the model is the one that was saved. One that was saved without a
  ///   checksum is taken as it is.
  func check(_ expected: JSON?, of id: String) throws(MaquetteError) {
    guard let expected, !expected.isNull else { return }
    guard let text = expected.string, text.hasPrefix("sha256:") else {
      throw MaquetteError(
        .badFormat, "the stored model \(id) has a checksum that this version doesn't know", name: id)
    }
    guard text == checksum else {
      throw MaquetteError(
        .badFormat,
        "the stored model \(id) is damaged: its checksum is not that of what was saved. Load another version of it, "
          + "or train it anew", name: id)
    }
  }

  /// The bytes of all files.
  var size: Int { files.reduce(0) { $0 + $1.bytes.count } }
}

extension JSON {
  /// The value with all members in the order of their names, and one zero.
  fileprivate var inOneForm: JSON {
    switch self {
    case .object(let object):
      .object(
        JSONObject(object.members.sorted { $0.0 < $1.0 }.map { ($0.0, $0.1.inOneForm) }))
    case .array(let values): .array(values.map(\.inOneForm))
    case .number(let number): .number(number == 0 ? 0 : number)
    default: self
    }
  }
}
