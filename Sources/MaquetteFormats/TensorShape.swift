/// The shape of an array of numbers, as formats write it down.
struct TensorShape {
  let dimensions: [Int]
  /// The bytes that its elements take.
  let bytes: Int

  /// Nil unless all are whole numbers, none of them negative, and their product is one that can be.
  init?(_ json: [JSON], elementSize: Int = 4) {
    var dimensions: [Int] = []
    var bytes = elementSize
    for dimension in json {
      guard let size = dimension.integer, size >= 0,
        case let (product, overflow) = bytes.multipliedReportingOverflow(by: size), !overflow
      else { return nil }
      dimensions.append(size)
      bytes = product
    }
    self.dimensions = dimensions
    self.bytes = bytes
  }
}
