import Glibc
import MaquetteKernels

@testable import MaquetteModels

/// The network and its training once more, in doubles and plain loops: what the fast one is held against.
struct ReferenceNetwork {
  struct Layer {
    let inputs: Int
    let outputs: Int
    var weights: [Double]
    var bias: [Double]
    var moments: (first: [Double], second: [Double])
    var biasMoments: (first: [Double], second: [Double])
  }

  var layers: [Layer]
  private var steps = 0

  init(_ pass: ForwardPass) {
    layers = pass.layers.map { layer in
      let stride = Dense.stride(of: layer.outputs)
      let weights = (0..<layer.inputs).flatMap { input in
        (0..<layer.outputs).map { Double(layer.weights.pointer[input * stride + $0]) }
      }
      let bias = (0..<layer.outputs).map { Double(layer.bias.pointer[$0]) }
      let zeros = [Double](repeating: 0, count: weights.count)
      let biasZeros = [Double](repeating: 0, count: bias.count)
      return Layer(
        inputs: layer.inputs, outputs: layer.outputs, weights: weights, bias: bias, moments: (zeros, zeros),
        biasMoments: (biasZeros, biasZeros))
    }
  }

  /// One step of Adam on all rows; the mean loss and the accuracy before it.
  mutating func step(_ rows: ClassificationRows, learningRate: Double) -> (loss: Double, accuracy: Double) {
    let count = Double(rows.codes.count)
    var weightGradients = layers.map { [Double](repeating: 0, count: $0.weights.count) }
    var biasGradients = layers.map { [Double](repeating: 0, count: $0.bias.count) }
    var loss = 0.0
    var hits = 0.0
    for row in rows.codes.indices {
      var activations = [rows.features[row: row].map(Double.init)]
      for (index, layer) in layers.enumerated() {
        activations.append(
          (0..<layer.outputs).map { output in
            var sum = layer.bias[output]
            for input in 0..<layer.inputs {
              sum += activations[index][input] * layer.weights[input * layer.outputs + output]
            }
            return index + 1 < layers.count ? max(0, sum) : sum
          })
      }
      let logits = activations[layers.count]
      let greatest = logits.reduce(-.infinity, max)
      let exponentials = logits.map { exp($0 - greatest) }
      let total = exponentials.reduce(0, +)
      let label = Int(rows.codes[row])
      loss -= log(exponentials[label] / total)
      if logits.firstIndex(of: greatest) == label { hits += 1 }

      var gradient = exponentials.enumerated().map { ($1 / total - ($0 == label ? 1 : 0)) / count }
      for index in layers.indices.reversed() {
        let layer = layers[index]
        var below = [Double](repeating: 0, count: layer.inputs)
        for input in 0..<layer.inputs {
          for output in 0..<layer.outputs {
            weightGradients[index][input * layer.outputs + output] +=
              activations[index][input] * gradient[output]
            below[input] += gradient[output] * layer.weights[input * layer.outputs + output]
          }
          if activations[index][input] <= 0 { below[input] = 0 }
        }
        for output in 0..<layer.outputs { biasGradients[index][output] += gradient[output] }
        gradient = below
      }
    }
    steps += 1
    for index in layers.indices {
      var layer = layers[index]
      Self.adam(&layer.weights, &layer.moments, weightGradients[index], steps, learningRate)
      Self.adam(&layer.bias, &layer.biasMoments, biasGradients[index], steps, learningRate)
      layers[index] = layer
    }
    return (loss / count, hits / count)
  }

  private static func adam(
    _ weights: inout [Double], _ moments: inout (first: [Double], second: [Double]), _ gradient: [Double],
    _ step: Int, _ learningRate: Double
  ) {
    for index in weights.indices {
      moments.first[index] = 0.9 * moments.first[index] + 0.1 * gradient[index]
      moments.second[index] = 0.999 * moments.second[index] + 0.001 * gradient[index] * gradient[index]
      let first = moments.first[index] / (1 - pow(0.9, Double(step)))
      let second = moments.second[index] / (1 - pow(0.999, Double(step)))
      weights[index] -= learningRate * first / (second.squareRoot() + 1e-7)
    }
  }
}
