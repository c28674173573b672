import MaquetteFormats
import MaquetteStores
import MaquetteSystem

extension Model {
  /// What tells this model from one that has learned anything else, or has other parameters: the same for a model that was
  /// saved and loaded, or cloned. Where a training goes on and publishes faster than it can be read, it is one that no
  /// other model has.
  ///
  /// Takes time in proportion to what is stored of the model.
  ///
  /// - Throws: what ``archive()`` throws.
  func fingerprint(of fitted: any FittedModel) throws(MaquetteError) -> String {
    for _ in 0..<8 {
      guard fittedModel === fitted else { break }
      let archive = try archive()
      // What was archived is what predicts, unless another was published meanwhile.
      if fittedModel === fitted { return Fingerprint(archive).text }
    }
    var random = SystemRandomNumberGenerator()
    return "once-" + String(random.next(), radix: 16)
  }
}

/// Two sums of all bytes that belong to a stored model.
private struct Fingerprint {
  private var first: UInt64 = 0x9E37_79B9_7F4A_7C15
  private var second: UInt64 = 0xC2B2_AE3D_27D4_EB4F

  init(_ archive: ModelArchive) {
    add(Array(archive.format.utf8))
    add(JSON.object(archive.metadata).bytes)
    for file in archive.files {
      add(Array(file.name.utf8))
      add(file.bytes)
    }
  }

  private mutating func add(_ bytes: [UInt8]) {
    mix(UInt64(truncatingIfNeeded: bytes.count))
    bytes.withUnsafeBytes { bytes in
      var place = 0
      while place &+ 8 <= bytes.count {
        mix(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)))
        place &+= 8
      }
      var rest: UInt64 = 0
      while place < bytes.count {
        rest = rest << 8 | UInt64(bytes[place])
        place &+= 1
      }
      mix(rest)
    }
  }

  /// FNV-1a (Fowler, Noll, Vo) on words, with a shift that carries the upper bits down; twice, with two multipliers.
  private mutating func mix(_ word: UInt64) {
    first = (first ^ word) &* 0x100_0000_01B3
    first ^= first >> 29
    second = (second ^ word) &* 0xFF51_AFD7_ED55_8CCD
    second ^= second >> 32
  }

  var text: String { String(first, radix: 16) + "-" + String(second, radix: 16) }
}
