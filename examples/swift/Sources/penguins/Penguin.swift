import Glibc
import Maquette

/// What is known of a penguin in examples/data/penguins.csv.
struct Penguin {
  static let species = ["Adelie", "Chinstrap", "Gentoo"]

  let species: String
  let isMale: Bool
  /// Length and depth of the bill, length of the flipper, in millimetres.
  let lengths: [Float]
  /// In kilograms.
  let mass: Float

  /// From a line of the file; nil where something is not known.
  init?(_ line: String) {
    let fields = line.split(separator: ",", omittingEmptySubsequences: false)
    guard fields.count == 8, fields[6] == "male" || fields[6] == "female" else { return nil }
    let numbers = fields[2...5].compactMap { Float($0) }
    guard numbers.count == 4 else { return nil }
    species = String(fields[0])
    isMale = fields[6] == "male"
    lengths = Array(numbers[..<3])
    mass = numbers[3] / 1000
  }

  /// The lengths, a 1 for the species, and the sex.
  var features: [Float] { lengths + Self.species.map { $0 == species ? 1 : 0 } + [isMale ? 1 : 0] }

  static func read(_ path: String) throws -> [Penguin] {
    guard let file = fopen(path, "r") else {
      throw MaquetteError(
        .inputOutput, "\(path) can't be read; start this in the folder of the repository", name: path)
    }
    defer { fclose(file) }
    var buffer: UnsafeMutablePointer<CChar>?
    var capacity = 0
    defer { free(buffer) }
    var penguins: [Penguin] = []
    while getline(&buffer, &capacity, file) > 0, let buffer {
      if let penguin = Penguin(String(cString: buffer).filter { $0 != "\n" }) { penguins.append(penguin) }
    }
    return penguins
  }
}
