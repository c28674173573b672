import Glibc
import MaquetteSystem

/// Gives equal texts one number, the first seen 0, without making a string of each.
struct LabelInterner {
  private var names: [String] = []
  private var codes: [String: Int32] = [:]
  /// Texts seen, by their hash; of several that share a slot only the first is found here, the others below.
  private var slots: [Slot] = []
  private var arena: [UInt8] = []

  private static let slotBits: UInt64 = 12

  init() {}

  /// - Parameter names: known already, all different.
  init(_ names: [String]) {
    self.names = names
    for (code, name) in names.enumerated() { codes[name] = Int32(truncatingIfNeeded: code) }
  }

  private struct Slot {
    var hash: UInt64 = 0
    var start = 0
    var length = -1
    var code: Int32 = -1
  }

  mutating func code(_ bytes: UnsafeRawBufferPointer) throws(MaquetteError) -> Int32 {
    // FNV-1a (Fowler, Noll, Vo), eight bytes at a time.
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325 ^ UInt64(truncatingIfNeeded: bytes.count)
    var place = 0
    while place &+ 8 <= bytes.count {
      hash = (hash ^ bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)) &* 0x100_0000_01B3
      hash ^= hash >> 29
      place &+= 8
    }
    // What is left in two steps, which may overlap.
    let rest = bytes.count &- place
    if rest >= 4 {
      let (first, last) = (
        bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self),
        bytes.loadUnaligned(fromByteOffset: bytes.count &- 4, as: UInt32.self)
      )
      hash = (hash ^ (UInt64(first) | UInt64(last) << 32)) &* 0x100_0000_01B3
      hash ^= hash >> 29
    } else if rest > 0 {
      let (first, middle, last) = (bytes[place], bytes[place &+ rest / 2], bytes[bytes.count &- 1])
      hash = (hash ^ (UInt64(first) | UInt64(middle) << 8 | UInt64(last) << 16)) &* 0x100_0000_01B3
      hash ^= hash >> 29
    }
    if slots.isEmpty { slots = [Slot](repeating: Slot(), count: 1 << Self.slotBits) }
    // All bits of the hash decide (Fibonacci hashing; Knuth, The Art of Computer Programming, volume 3, 6.4).
    let home = Int(truncatingIfNeeded: (hash &* 0x9E37_79B9_7F4A_7C15) >> (64 - Self.slotBits))
    let slot = slots[home]
    if slot.hash == hash, slot.length == bytes.count, isSame(slot, bytes) { return slot.code }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw MaquetteError(.badFormat, "a label is not valid UTF-8")
    }
    let code = try code(text)
    if slot.length < 0 {
      slots[home] = Slot(hash: hash, start: arena.count, length: bytes.count, code: code)
      arena.append(contentsOf: bytes)
    }
    return code
  }

  private func isSame(_ slot: Slot, _ bytes: UnsafeRawBufferPointer) -> Bool {
    arena.withUnsafeBytes { arena in
      guard let arena = arena.baseAddress, let bytes = bytes.baseAddress else { return slot.length == 0 }
      return memcmp(arena + slot.start, bytes, slot.length) == 0
    }
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
