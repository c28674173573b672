import MaquetteFormats

/// The dotted name of a field.
struct FieldPath: Sendable {
  let text: String
  let root: String
  private let rest: [String]

  init(_ text: String) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    self.text = text
    root = parts.first ?? text
    rest = Array(parts.dropFirst())
  }

  /// Whether the name is that of a member, and leads no deeper.
  func isMember(_ name: String) -> Bool { rest.isEmpty && isSame(root, name) }

  /// What the name leads to in a document; several values where it leads through an array, none where it leads
  /// nowhere.
  func values(in record: Record) -> [JSON] {
    guard let value = record[root] else { return [] }
    return rest.isEmpty ? [value] : Self.descend(value, rest[...])
  }

  /// The first of ``values(in:)``.
  func value(in record: Record) -> JSON? {
    rest.isEmpty ? record[root] : values(in: record).first
  }

  private static func descend(_ value: JSON, _ names: ArraySlice<String>) -> [JSON] {
    guard let name = names.first else { return [value] }
    switch value {
    case .object(let object): return object.member(name).map { descend($0, names.dropFirst()) } ?? []
    case .array(let elements):
      if let index = index(name) {
        return elements.indices.contains(index) ? descend(elements[index], names.dropFirst()) : []
      }
      return elements.flatMap { $0.object == nil ? [] : descend($0, names) }
    default: return []
    }
  }

  /// The number that a name is, written as JSON writes it.
  private static func index(_ name: String) -> Int? {
    guard let first = name.utf8.first, first >= 48, first <= 57, first != 48 || name.utf8.count == 1 else {
      return nil
    }
    return UInt32(name).map { Int($0) }
  }
}
