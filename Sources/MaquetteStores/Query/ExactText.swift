/// Whether two texts are the same byte by byte, as in every store and in JavaScript; Swift's own equality takes the
/// several ways to write an accented letter for one.
func isSame(_ left: String, _ right: String) -> Bool {
  left == right && left.utf8.count == right.utf8.count && left.utf8.elementsEqual(right.utf8)
}

func isSame(_ left: String?, _ right: String?) -> Bool {
  guard let left, let right else { return left == nil && right == nil }
  return isSame(left, right)
}

/// A text as a key that no other bytes are equal to.
struct ExactText: Hashable, Sendable {
  let text: String

  init(_ text: String) { self.text = text }

  static func == (left: ExactText, right: ExactText) -> Bool { isSame(left.text, right.text) }

  func hash(into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}
