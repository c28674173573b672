import Glibc
package import MaquetteKernels
package import MaquetteSystem

/// Rows and labels to learn from in tests.
package struct Samples: Sendable {
  package let features: Matrix
  package let labels: [String]

  package init(features: Matrix, labels: [String]) {
    self.features = features
    self.labels = labels
  }

  /// Clouds of points, one for each label, which a straight line tells apart.
  ///
  /// - Parameter spread: of a cloud; the distance between their middles is about 4.
  package static func clouds(
    rows: Int, features: Int = 4, labels: Int = 3, spread: Double = 0.5, seed: UInt64 = 1
  ) throws(MaquetteError) -> Samples {
    var random = Random(seed: seed)
    var values: [Float] = []
    var names: [String] = []
    for row in 0..<rows {
      let label = row % labels
      names.append("label \(label)")
      for feature in 0..<features {
        let middle = feature % labels == label ? 4.0 : 0.5
        values.append(Float(middle + spread * random.normal()))
      }
    }
    return Samples(features: try Matrix(rows: rows, columns: features, values), labels: names)
  }

  /// The handwritten digits of the examples: 1,438 rows to train on and 359 to test with.
  package static func digits() throws(MaquetteError) -> (training: Samples, test: Samples) {
    let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let path = "/" + root + "/examples/data/digits.csv"
    guard let file = fopen(path, "r") else {
      throw MaquetteError(.inputOutput, "\(path): \(describe(errno: errno))", name: path)
    }
    defer { fclose(file) }
    var rows: (training: [Float], test: [Float]) = ([], [])
    var labels: (training: [String], test: [String]) = ([], [])
    var line = [CChar](repeating: 0, count: 512)
    var number = 0
    while fgets(&line, Int32(line.count), file) != nil {
      let numbers = line.prefix { $0 > 10 }.split(separator: 44).map { digits in
        digits.reduce(0) { $0 * 10 + Int($1) - 48 }
      }
      let pixels = numbers.dropLast().map { Float($0) / 16 }
      if number % 5 == 4 {
        rows.test += pixels
        labels.test.append(String(numbers[64]))
      } else {
        rows.training += pixels
        labels.training.append(String(numbers[64]))
      }
      number += 1
    }
    return (
      Samples(
        features: try Matrix(rows: labels.training.count, columns: 64, rows.training), labels: labels.training
      ),
      Samples(features: try Matrix(rows: labels.test.count, columns: 64, rows.test), labels: labels.test)
    )
  }
}
