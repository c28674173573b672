import Glibc
import MaquetteSystem

/// Gives equal texts one number, the first seen 0, without making a string of each.
struct LabelInterner {
  private var names: [String] = []
  private var codes: [String: Int32] = [:]
  /// Texts seen, by their hash; of several that share a slot only the first is found here, the others below.
  private var slots: [Slot] = []
  private var arena: [UInt8] = []

  private static let slotCount = 4096

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
    while place < bytes.count {
      hash = (hash ^ UInt64(bytes[place])) &* 0x100_0000_01B3
      place &+= 1
    }
    if slots.isEmpty { slots = [Slot](repeating: Slot(), count: Self.slotCount) }
    let home = Int(truncatingIfNeeded: (hash ^ hash >> 32) & UInt64(Self.slotCount - 1))
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
