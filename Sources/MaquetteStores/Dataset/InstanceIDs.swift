/// The ids of rows, in their order: 24 hexadecimal digits each, made a text when they are asked for.
public struct InstanceIDs: Sendable, Equatable {
  let values: [DocumentID]
  /// When each instance was last changed, in milliseconds since 1970.
  package let updatedAt: [Int64]

  init(_ values: [DocumentID] = [], updatedAt: [Int64] = []) {
    self.values = values
    self.updatedAt = updatedAt
  }

  /// Writes the digits of all ids, one after the other.
  ///
  /// - Parameter digits: 24 bytes for each.
  package func write(to digits: UnsafeMutableRawPointer) {
    let digits = digits.assumingMemoryBound(to: UInt8.self)
    for (row, id) in values.enumerated() { id.write(to: digits + row * DocumentID.digits) }
  }
}

extension InstanceIDs: RandomAccessCollection {
  public var startIndex: Int { 0 }
  public var endIndex: Int { values.count }
  /// The id of one row. The index must lie in the collection.
  public subscript(row: Int) -> String { values[row].text }
}
