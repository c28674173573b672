import MaquetteSystem
import Testing

@Suite struct ChecksumTests {
  private func digits(_ pieces: [UInt8]...) -> String {
    var checksum = Checksum()
    for piece in pieces { checksum.add(piece) }
    return checksum.digits()
  }

  @Test("the checksum is SHA-256: the examples of FIPS 180-4, and the empty text")
  func examples() {
    #expect(digits() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    #expect(
      digits(Array("abc".utf8)) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(
      digits(Array("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".utf8))
        == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
    #expect(
      digits([UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000))
        == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  }

  @Test("the same bytes in other pieces have the same checksum")
  func pieces() {
    let bytes = (0..<300).map { UInt8(truncatingIfNeeded: $0 * 7) }
    let whole = digits(bytes)
    for cut in [0, 1, 55, 56, 63, 64, 65, 119, 128, 299, 300] {
      #expect(digits(Array(bytes[..<cut]), Array(bytes[cut...])) == whole)
    }
  }

  @Test("two texts are not one, and a number is no text")
  func texts() {
    var one = Checksum()
    one.add("ab")
    var two = Checksum()
    two.add("a")
    two.add("b")
    #expect(one.digits() != two.digits())
  }
}
