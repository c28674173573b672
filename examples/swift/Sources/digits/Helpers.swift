import Glibc
import Maquette

/// The rows to train on and the rows to test with, as examples/data/README.md says.
func readDigits(_ path: String) throws -> (training: Digits, test: Digits) {
  guard let file = fopen(path, "r") else {
    throw MaquetteError(
      .inputOutput, "\(path) can't be read; start this in the folder of the repository", name: path)
  }
  defer { fclose(file) }
  var rows: (training: [[Float]], test: [[Float]]) = ([], [])
  var labels: (training: [String], test: [String]) = ([], [])
  var number = 0
  while let line = readLine(from: file) {
    let values = line.split(separator: ",")
    let pixels = values.dropLast().map { (Float($0) ?? 0) / 16 }
    if number % 5 == 4 {
      rows.test.append(pixels)
      labels.test.append(String(values[64]))
    } else {
      rows.training.append(pixels)
      labels.training.append(String(values[64]))
    }
    number += 1
  }
  return (
    Digits(pixels: try Matrix(rows.training), labels: labels.training),
    Digits(pixels: try Matrix(rows.test), labels: labels.test)
  )
}

struct Digits {
  let pixels: Matrix
  let labels: [String]
}

private func readLine(from file: UnsafeMutablePointer<FILE>) -> String? {
  var buffer: UnsafeMutablePointer<CChar>?
  var capacity = 0
  defer { free(buffer) }
  guard getline(&buffer, &capacity, file) > 0, let buffer else { return nil }
  return String(cString: buffer).split(separator: "\n").first.map(String.init)
}

/// A hash of every bit (FNV-1a).
func fingerprint(_ matrix: Matrix) -> String {
  var hash: UInt64 = 0xcbf2_9ce4_8422_2325
  matrix.withUnsafeBufferPointer { values in
    for byte in UnsafeRawBufferPointer(values) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
  }
  return String(hash, radix: 16)
}

/// `0.97493` as `97.49`.
func percent(_ share: Double) -> String {
  let hundredths = Int((share * 10_000).rounded())
  return "\(hundredths / 100)." + (hundredths % 100 < 10 ? "0" : "") + "\(hundredths % 100)"
}

/// The first line that a command prints.
func output(of command: [String]) throws -> String {
  let quoted = command.map { "'\($0)'" }.joined(separator: " ")
  guard let pipe = popen(quoted, "r") else {
    throw MaquetteError(.inputOutput, "\(quoted) could not be started")
  }
  let line = readLine(from: pipe)
  guard pclose(pipe) == 0, let line else { throw MaquetteError(.inputOutput, "\(quoted) failed") }
  return line
}
