import Glibc
import MaquetteKernels
import MaquetteStores
import MaquetteSystem
import TestSupport
import Testing

@testable import MaquetteModels

@Suite struct `The training of a network` {
  /// A network at its start, with all rows in one mini-batch, so that their order does not matter.
  private func training(
    _ rows: NetworkRows, outputs: Int, settings: NetworkSettings, isClassifier: Bool = true,
    classWeights: [Float]? = nil
  ) throws -> NetworkTraining {
    var random = Random(seed: UInt64(settings.seed))
    let widths = [rows.features.columns] + settings.layers + [outputs]
    var layers: [TrainableLayer] = []
    for index in 1..<widths.count {
      layers.append(
        try TrainableLayer(
          inputs: widths[index - 1], outputs: widths[index],
          activation: index + 1 < widths.count ? settings.activation.kernel : .linear,
          initializer: settings.initializer, random: &random, run: TrainingRun()))
    }
    let state = NetworkState(layers: layers, optimizer: settings.rule, random: random)
    return try NetworkTraining(
      state, settings: settings, isClassifier: isClassifier, classWeights: classWeights, rows: rows.count,
      run: TrainingRun())
  }

  private func classification(rows: Int, features: Int = 4) throws -> ClassificationRows {
    let samples = try Samples.clouds(rows: rows, features: features, spread: 1.5)
    return try ClassificationRows(
      InstanceTable(features: samples.features, labels: LabelColumn(samples.labels)))
  }

  private func regression(rows: Int, targets: Int) throws -> RegressionRows {
    let samples = try Samples.clouds(rows: rows, spread: 1.5)
    var random = Random(seed: 9)
    let values = (0..<rows * targets).map { _ in Float(random.normal()) }
    return try RegressionRows(
      InstanceTable(
        features: samples.features, targets: try Matrix(rows: rows, columns: targets, values)))
  }

  private func epoch(_ training: NetworkTraining, _ rows: NetworkRows) throws -> EpochFigures {
    var sum = LossSum()
    try training.learn(rows, order: (0..<Int32(rows.count)).map { $0 }, &sum)
    return try training.finish(sum, count: rows.count, validation: nil).1
  }

  @Test func `changes its weights as a plain reference does`() throws {
    let rows = try classification(rows: 40)
    let training = try training(
      NetworkRows(rows), outputs: 3,
      settings: NetworkSettings(layers: [5, 4], batchSize: 40, learningRate: 0.01, seed: 3))
    var reference = ReferenceNetwork(try training.state.pass(softmax: true))
    for _ in 0..<30 {
      let figures = try epoch(training, NetworkRows(rows))
      let expected = reference.step(rows, learningRate: 0.01)
      #expect(abs(figures.training.loss - expected.loss) < 1e-4)
      #expect(abs(figures.training.measured - expected.accuracy) < 1e-9)
    }
    let fitted = ReferenceNetwork(try training.state.pass(softmax: true))
    for (layer, other) in zip(fitted.layers, reference.layers) {
      for (weight, expected) in zip(layer.weights + layer.bias, other.weights + other.bias) {
        #expect(abs(weight - expected) < 2e-4)
      }
    }
  }

  @Test func `starts from weights cut off at two standard deviations, and biases of zero`() throws {
    let rows = try classification(rows: 20, features: 50)
    let training = try training(
      NetworkRows(rows), outputs: 3, settings: NetworkSettings(layers: [100], seed: 3))
    let layer = ReferenceNetwork(try training.state.pass(softmax: true)).layers[0]
    let sigma = (2.0 / 150).squareRoot()
    #expect(layer.bias.allSatisfy { $0 == 0 })
    #expect(layer.weights.allSatisfy { abs($0) <= 2 * sigma * 1.000001 })
    let deviation = (layer.weights.map { $0 * $0 }.reduce(0, +) / 5000).squareRoot()
    // 0.8796 σ is the standard deviation of a normal distribution cut off at 2 σ.
    #expect(abs(deviation / sigma - 0.8796) < 0.02)
  }

  @Test func `starts from uniform weights and biases where the parameter says so`() throws {
    let rows = try classification(rows: 20, features: 50)
    let training = try training(
      NetworkRows(rows), outputs: 3,
      settings: NetworkSettings(layers: [100], seed: 3, initializer: .fanInUniform))
    let layer = ReferenceNetwork(try training.state.pass(softmax: true)).layers[0]
    let bound = 1 / 50.0.squareRoot()
    for (values, tolerance) in [(layer.weights, 0.02), (layer.bias, 0.1)] {
      #expect(values.allSatisfy { abs($0) <= bound })
      #expect((values.max() ?? 0) > 0.9 * bound)
      // The standard deviation of a uniform distribution is its bound by √3.
      let deviation = (values.map { $0 * $0 }.reduce(0, +) / Double(values.count)).squareRoot()
      #expect(abs(deviation / bound * 3.0.squareRoot() - 1) < tolerance)
    }
  }

  // MARK: Gradients

  /// The loss in doubles, of weights and biases in a row, layer by layer.
  ///
  /// - Parameter masks: what dropout multiplies by, for each hidden layer: [rows, stride].
  private func loss(
    _ parameters: [Double], widths: [Int], _ activation: HiddenActivation, _ rows: NetworkRows, l2: Double,
    classWeights: [Float]?, masks: [[Float]]? = nil
  ) -> Double {
    var total = 0.0
    var squares = 0.0
    for row in 0..<rows.count {
      var x = rows.features[row: row].map(Double.init)
      var place = 0
      for layer in 1..<widths.count {
        let (inputs, outputs) = (widths[layer - 1], widths[layer])
        let weights = parameters[place..<place + inputs * outputs]
        let bias = parameters[place + inputs * outputs..<place + (inputs + 1) * outputs]
        if row == 0 { squares += weights.reduce(0) { $0 + $1 * $1 } }
        let sums = (0..<outputs).map { output in
          (0..<inputs).reduce(bias[bias.startIndex + output]) {
            $0 + x[$1] * weights[weights.startIndex + $1 * outputs + output]
          }
        }
        x =
          layer + 1 == widths.count
          ? sums
          : sums.enumerated().map { unit, sum in
            let kept = Double(masks?[layer - 1][row * Dense.stride(of: outputs) + unit] ?? 1)
            return switch activation {
            case .relu: kept * max(0, sum)
            case .tanh: kept * Glibc.tanh(sum)
            case .sigmoid: kept / (1 + exp(-sum))
            }
          }
        place += (inputs + 1) * outputs
      }
      switch rows.targets {
      case .codes(let codes):
        let greatest = x.reduce(-.infinity, max)
        let label = Int(codes[row])
        let crossEntropy = log(x.reduce(0) { $0 + exp($1 - greatest) }) + greatest - x[label]
        total += crossEntropy * Double(classWeights?[label] ?? 1) / Double(rows.count)
      case .values(let values):
        for (output, value) in x.enumerated() {
          let error = value - Double(values[row, output])
          total += error * error / Double(rows.count * x.count)
        }
      }
    }
    return total + l2 * squares
  }

  private func parameters(_ training: NetworkTraining) throws -> [Double] {
    ReferenceNetwork(try training.state.pass(softmax: false)).layers.flatMap { $0.weights + $0.bias }
  }

  @Test(arguments: HiddenActivation.allCases, [0, 0.01])
  func `has the gradients of finite differences, for each activation, loss and penalty`(
    activation: HiddenActivation, l2: Double
  ) throws {
    let classes = NetworkRows(try classification(rows: 12))
    let numbers = NetworkRows(try regression(rows: 12, targets: 2))
    for (rows, outputs, weights) in [
      (classes, 3, nil), (classes, 3, [0.5, 2, 3] as [Float]?), (numbers, 2, nil),
    ] {
      // A step of gradient descent without momentum is the gradient.
      let settings = NetworkSettings(
        layers: [5, 4], batchSize: 12, learningRate: 0.125, seed: 4, optimizer: .sgd, momentum: 0,
        activation: activation, l2: l2)
      let training = try training(
        rows, outputs: outputs, settings: settings, isClassifier: outputs == 3, classWeights: weights)
      let before = try parameters(training)
      _ = try epoch(training, rows)
      let after = try parameters(training)
      let widths = [4, 5, 4, outputs]
      for index in before.indices {
        var (above, below) = (before, before)
        above[index] += 1e-5
        below[index] -= 1e-5
        let slope =
          (loss(above, widths: widths, activation, rows, l2: l2, classWeights: weights)
            - loss(below, widths: widths, activation, rows, l2: l2, classWeights: weights)) / 2e-5
        let gradient = (before[index] - after[index]) / 0.125
        #expect(
          abs(slope - gradient) < 2e-4 * max(1, abs(slope)), "\(activation) \(index) of \(before.count)")
      }
    }
  }

  @Test(arguments: HiddenActivation.allCases, [0, 0.01])
  func `has the gradients of finite differences of the units that dropout leaves`(
    activation: HiddenActivation, l2: Double
  ) throws {
    let classes = NetworkRows(try classification(rows: 12))
    let numbers = NetworkRows(try regression(rows: 12, targets: 2))
    for (rows, outputs) in [(classes, 3), (numbers, 2)] {
      let settings = NetworkSettings(
        layers: [16, 6], batchSize: 12, learningRate: 0.125, seed: 4, optimizer: .sgd, momentum: 0,
        activation: activation, l2: l2, dropout: 0.4)
      let training = try training(rows, outputs: outputs, settings: settings, isClassifier: outputs == 3)
      // Away from biases of zero, where ReLU has a kink for rows of which nothing is left; the masks are those that the
      // next step will draw.
      _ = try epoch(training, rows)
      var random = training.state.random
      let masks = settings.layers.map { units in
        var mask = [Float](repeating: 1, count: 12 * Dense.stride(of: units))
        Dropout(key: random.next(), share: 0.4).apply(to: &mask, count: mask.count)
        return mask
      }
      #expect(masks.allSatisfy { $0.contains(0) && $0.contains { $0 > 1.6 && $0 < 1.7 } })
      let before = try parameters(training)
      _ = try epoch(training, rows)
      let after = try parameters(training)
      for index in before.indices {
        var (above, below) = (before, before)
        above[index] += 1e-5
        below[index] -= 1e-5
        let slopes = [above, below].map {
          loss(
            $0, widths: [4, 16, 6, outputs], activation, rows, l2: l2, classWeights: nil, masks: masks)
        }
        let slope = (slopes[0] - slopes[1]) / 2e-5
        let gradient = (before[index] - after[index]) / 0.125
        #expect(
          abs(slope - gradient) < 2e-5 * max(1, abs(slope)), "\(activation) \(index) of \(before.count)")
      }
    }
  }

  @Test(arguments: HiddenActivation.allCases, [0, 0.3])
  func `has the same weights when workers share its mini-batches, whatever their number`(
    activation: HiddenActivation, dropout: Double
  ) throws {
    // 100 rows: three parts and a rest; 130 inputs: two parts and a rest.
    let samples = try Samples.clouds(rows: 200, features: 130, spread: 1.5)
    let rows = NetworkRows(
      try ClassificationRows(
        InstanceTable(features: samples.features, labels: LabelColumn(samples.labels))))
    let settings = NetworkSettings(
      layers: [70, 33], batchSize: 100, learningRate: 0.01, seed: 4, activation: activation, l2: 0.001,
      dropout: dropout)
    let limit = Workers.limit
    defer { Workers.limit = limit }
    func learned(shared: Bool, threads: Int) throws -> ([Double], EpochFigures) {
      Workers.limit = threads
      let training = try training(rows, outputs: 3, settings: settings)
      #expect(!training.isShared)
      training.isShared = shared
      var figures: EpochFigures?
      for _ in 0..<3 { figures = try epoch(training, rows) }
      return (try parameters(training), try #require(figures))
    }
    let (alone, figures) = try learned(shared: false, threads: 1)
    for threads in [1, 2, 5] {
      let (together, others) = try learned(shared: true, threads: threads)
      #expect(together == alone)
      #expect(abs(others.training.loss - figures.training.loss) < 1e-9)
      #expect(others.training.measured == figures.training.measured)
    }
  }

  @Test func `shares mini-batches that are large enough`() throws {
    let rows = NetworkRows(try classification(rows: 128, features: 300))
    for (units, isShared) in [(30, false), (300, true)] {
      let settings = NetworkSettings(layers: [units], batchSize: 128)
      let training = try training(rows, outputs: 3, settings: settings)
      #expect(training.isShared == isShared)
    }
  }

  @Test(arguments: HiddenActivation.allCases)
  func `drops units on the way forth and back alike`(activation: HiddenActivation) throws {
    // A unit that is dropped has no gradient: with one hidden unit, the weights above and below it stay as they were
    // exactly in those steps in which it is dropped, and move in all others.
    let rows = try regression(rows: 6, targets: 1)
    let one = NetworkRows(try rows.gathering([0]))
    let training = try training(
      one, outputs: 1,
      settings: NetworkSettings(
        layers: [1], batchSize: 1, learningRate: 0.01, seed: 2, optimizer: .sgd, momentum: 0,
        activation: activation, dropout: 0.5), isClassifier: false)
    var moves = 0
    for _ in 0..<200 {
      let before = ReferenceNetwork(try training.state.pass(softmax: false)).layers
      _ = try epoch(training, one)
      let after = ReferenceNetwork(try training.state.pass(softmax: false)).layers
      let isUpperStill = before[1].weights == after[1].weights
      #expect(before[1].bias != after[1].bias)
      if isUpperStill { #expect(before[0].weights == after[0].weights && before[0].bias == after[0].bias) }
      if !isUpperStill { moves += 1 }
      if activation == .relu && before[0].weights == after[0].weights && !isUpperStill { continue }
    }
    // ReLU's unit may be dead from the start; the others move in half of the steps.
    if activation != .relu { #expect((70...130).contains(moves)) }
  }

  @Test func `takes steps of momentum as the formula says`() throws {
    let rows = NetworkRows(try regression(rows: 8, targets: 1))
    let settings = NetworkSettings(
      layers: [], batchSize: 8, learningRate: 0.05, seed: 1, optimizer: .sgd, momentum: 0.9)
    let training = try training(rows, outputs: 1, settings: settings, isClassifier: false)
    var expected = try parameters(training)
    var velocity = [Double](repeating: 0, count: expected.count)
    for _ in 0..<20 {
      let gradient = expected.indices.map { index in
        var (above, below) = (expected, expected)
        above[index] += 1e-5
        below[index] -= 1e-5
        return
          (loss(above, widths: [4, 1], .relu, rows, l2: 0, classWeights: nil)
          - loss(below, widths: [4, 1], .relu, rows, l2: 0, classWeights: nil)) / 2e-5
      }
      for index in expected.indices {
        velocity[index] = 0.9 * velocity[index] + gradient[index]
        expected[index] -= 0.05 * velocity[index]
      }
      _ = try epoch(training, rows)
    }
    for (value, expected) in zip(try parameters(training), expected) { #expect(abs(value - expected) < 1e-3) }
  }
}
