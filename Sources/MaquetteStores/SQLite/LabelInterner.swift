import Glibc
import MaquetteSystem

/// Gives equal texts one number, the first seen 0, without making a string of each.
struct LabelInterner {
  private var names: [String] = []
  private var codes: [String: Int32] = [:]
  /// Codes by the bytes' hash; of texts with one hash only the first is found here.
  private var known: [Known?] = .init(repeating: nil, count: Self.slots)

  private static let slots = 1024

  private struct Known {
    let bytes: [UInt8]
    let code: Int32
  }

  mutating func code(_ bytes: UnsafeRawBufferPointer) throws(MaquetteError) -> Int32 {
    // FNV-1a: Fowler, Noll, Vo.
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    let slot = Int(truncatingIfNeeded: (hash ^ hash >> 32) & UInt64(Self.slots - 1))
    if let code = known(slot, bytes) { return code }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw MaquetteError(.badFormat, "a label is not valid UTF-8")
    }
    let code = try code(text)
    if known[slot] == nil { known[slot] = Known(bytes: Array(bytes), code: code) }
    return code
  }

  private func known(_ slot: Int, _ bytes: UnsafeRawBufferPointer) -> Int32? {
    guard let known = known[slot], known.bytes.count == bytes.count else { return nil }
    let isSame = known.bytes.withUnsafeBytes { kept in
      guard let kept = kept.baseAddress, let bytes = bytes.baseAddress else { return true }
      return memcmp(kept, bytes, known.bytes.count) == 0
    }
    return isSame ? known.code : nil
  }

  mutating func code(_ text: String) throws(MaquetteError) -> Int32 {
    if let code = codes[text] { return code }
    guard let code = Int32(exactly: names.count) else {
      throw MaquetteError(.badShape, "more than \(Int32.max) different labels")
    }
    codes[text] = code
    names.append(text)
    return code
  }

  func column(_ codes: [Int32]) -> LabelColumn { LabelColumn(unchecked: names, codes) }
}
