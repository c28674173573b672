import MaquetteFormats
import MaquetteSystem
import Testing

@Suite struct `A layers-model` {
  static let example = LayersModel(layers: [
    .init(
      name: "hidden_1", inputs: 3, units: 2, activation: "relu", kernel: [1, 2, 3, 4, 5, 6],
      bias: [0.5, -0.5]),
    .init(
      name: "output", inputs: 2, units: 2, activation: "softmax", kernel: [1, 0, 0, 1], bias: [0, 0.25]),
  ])

  @Test func `is read as it was written`() throws {
    let (topology, weights) = Self.example.encoded(name: "mlp")
    #expect(weights.count == 4 * (6 + 2 + 4 + 2))
    #expect(try LayersModel(topology: topology, weights: weights) == Self.example)
  }

  @Test func `is written as TensorFlow.js expects it`() throws {
    let json = try JSON(parsing: Self.example.encoded(name: "mlp").topology)
    #expect(json["format"] == "layers-model")
    let first = json["modelTopology"]?["config"]?["layers"]?.array?.first?["config"]
    #expect(first?["batch_input_shape"] == [nil, 3])
    #expect(
      json["weightsManifest"]?.array?.first?["weights"]?.array?.compactMap { $0["name"]?.string }
        == ["hidden_1/kernel", "hidden_1/bias", "output/kernel", "output/bias"])
  }

  @Test(arguments: [
    "\"Sequential\"": "\"Functional\"", "\"Dense\"": "\"Conv2D\"", "[3,2]": "[3,3]",
    "\"float32\"": "\"float64\"",
    "hidden_1/kernel": "hidden/kernel", "\"units\":2": "\"units\":-2", "\"layers\":[": "\"layers\":7,\"l\":[",
    "{\"format\"": "[", "[2]": "[2.5]", "[2,2]": "[9223372036854775807,2]",
  ])
  func `that is damaged is refused`(replaced: String, by replacement: String) throws {
    let (topology, weights) = Self.example.encoded(name: "mlp")
    let text = String(decoding: topology, as: UTF8.self)
    let parts = text.split(separator: replaced, omittingEmptySubsequences: false)
    #expect(parts.count > 1)
    let damaged = parts.joined(separator: replacement)
    #expect {
      try LayersModel(topology: Array(damaged.utf8), weights: weights)
    } throws: {
      ($0 as? MaquetteError)?.code == .badFormat
    }
  }

  @Test func `with too few or too many weights is refused`() {
    let (topology, weights) = Self.example.encoded(name: "mlp")
    for bytes in [Array(weights.dropLast()), weights + [0], []] {
      #expect {
        try LayersModel(topology: topology, weights: bytes)
      } throws: {
        ($0 as? MaquetteError)?.code == .badFormat
      }
    }
  }

  @Test func `with weights that were not written with it is refused, if it says which were`() throws {
    let (topology, weights) = Self.example.encoded(name: "mlp")
    var others = weights
    others[5] ^= 1
    #expect {
      try LayersModel(topology: topology, weights: others)
    } throws: {
      ($0 as? MaquetteError)?.code == .badFormat && "\($0)".contains("of another model")
    }
    // As the files of others.
    let text = String(decoding: topology, as: UTF8.self).split(separator: ",\"sha256\":\"", maxSplits: 1)
    let silent = text[0] + text[1].drop { $0 != "\"" }.dropFirst()
    #expect(try LayersModel(topology: Array(silent.utf8), weights: others) != Self.example)
  }
}
