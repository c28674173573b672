import CMaquetteSystem

/// The SHA-256 of bytes that come in pieces.
package struct Checksum {
  private var hash = maquette_system_sha256()

  package init() { maquette_system_sha256_start(&hash) }

  /// Of bytes that are there: 64 hexadecimal digits.
  package static func digits(of bytes: [UInt8]) -> String {
    var checksum = Checksum()
    checksum.add(bytes)
    return checksum.digits()
  }

  package mutating func add(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { maquette_system_sha256_add(&hash, $0.baseAddress, $0.count) }
  }

  /// Adds a text, with its length before it, so that two texts are told from one.
  package mutating func add(_ text: String) {
    let bytes = Array(text.utf8)
    add(bytes.count)
    add(bytes)
  }

  package mutating func add(_ number: Int) {
    add(withUnsafeBytes(of: Int64(number).littleEndian) { Array($0) })
  }

  /// 64 hexadecimal digits.
  package func digits() -> String {
    var hash = hash
    var digest = [UInt8](repeating: 0, count: 32)
    maquette_system_sha256_finish(&hash, &digest)
    let digits = Array("0123456789abcdef".utf8)
    return String(
      decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
}
