import MaquetteFormats
import MaquetteSystem
import Synchronization

/// The ids of a server's documents as Maquette's.
///
/// A server on MongoDB gives 24 hexadecimal digits, as ours have. One on files (NeDB) gives 16 letters and digits: as a
/// number to the base of 62 they take no more than the same 96 bits.
final class RemoteIDs: Sendable {
  private static let shortLength = 16
  private static let digits = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)

  /// Those that came as 16 letters.
  private let short = Mutex<Set<DocumentID>>([])

  /// - Throws: ``MaquetteError/Code/badFormat`` for a document whose id has another form, or that has none.
  func id(of document: JSONObject, in service: String) throws(MaquetteError) -> DocumentID {
    let found = document["_id"] ?? document["id"]
    if let text = found?.string {
      if let id = DocumentID(text) { return id }
      if let id = Self.short(text) {
        short.withLock { _ = $0.insert(id) }
        return id
      }
    }
    throw MaquetteError(
      .badFormat,
      "the service '\(service)' holds a document with the id \((found ?? .null).description.prefix(60)): ids must have 24 "
        + "hexadecimal digits, or 16 letters and digits", name: service)
  }

  /// The id as the server knows it.
  func text(_ id: DocumentID) -> String {
    short.withLock { $0.contains(id) } ? Self.shortText(id) ?? id.text : id.text
  }

  /// How else the server may know an id that nobody has seen yet; nil where it can't.
  func otherText(_ id: DocumentID) -> String? {
    let (isKnown, isUsual) = short.withLock { ($0.contains(id), !$0.isEmpty) }
    return isKnown || !isUsual ? nil : Self.shortText(id)
  }

  private static func short(_ text: String) -> DocumentID? {
    guard text.utf8.count == shortLength else { return nil }
    var number: UInt128 = 0
    for byte in text.utf8 {
      guard let digit = digits.firstIndex(of: byte) else { return nil }
      number = number * 62 + UInt128(digit)
    }
    return DocumentID(
      high: UInt64(truncatingIfNeeded: number >> 32), low: UInt32(truncatingIfNeeded: number))
  }

  private static func shortText(_ id: DocumentID) -> String? {
    var number = UInt128(id.high) << 32 | UInt128(id.low)
    var text: [UInt8] = []
    for _ in 0..<shortLength {
      text.append(digits[Int(number % 62)])
      number /= 62
    }
    return number == 0 ? String(decoding: text.reversed(), as: UTF8.self) : nil
  }
}
