import MaquetteKernels
import MaquetteSystem

/// Remembered rows, and what each of them is known to be.
protocol FittedMemory: FittedModel {
  var remembered: RememberedRows { get }

  /// The same with other settings.
  ///
  /// - Throws: ``MaquetteError/Code/outOfMemory``.
  func with(_ settings: NeighbourSettings) throws(MaquetteError) -> Self

  /// Only the rows at these places, which are `rows`.
  ///
  /// - Throws: ``MaquetteError/Code/outOfMemory``.
  func keeping(_ places: [Int32], _ rows: RememberedRows) throws(MaquetteError) -> Self
}

extension FittedMemory {
  var features: Int { remembered.features }
}

/// What the remembered rows of a nearest-neighbour classifier say.
final class FittedNeighbours: FittedClassifier, FittedMemory {
  let remembered: RememberedRows
  /// An index into `labels` for each row.
  let codes: [Int32]
  let labels: [String]

  var outputs: Int { labels.count }

  init(_ remembered: RememberedRows, codes: [Int32], labels: [String]) {
    self.remembered = remembered
    self.codes = codes
    self.labels = labels
  }

  func with(_ settings: NeighbourSettings) throws(MaquetteError) -> FittedNeighbours {
    settings == remembered.settings
      ? self : FittedNeighbours(try remembered.with(settings), codes: codes, labels: labels)
  }

  /// A label of which the last row goes stays among the labels.
  func keeping(_ places: [Int32], _ rows: RememberedRows) -> FittedNeighbours {
    FittedNeighbours(rows, codes: places.map { codes[Int($0)] }, labels: labels)
  }

  func predict(
    _ rows: UnsafePointer<Float>, count: Int, into confidences: UnsafeMutablePointer<Float>
  ) throws(MaquetteError) {
    guard count > 1 else {
      if count == 1 { remembered.search(rows) { vote($0, $1, into: confidences) } }
      return
    }
    nonisolated(unsafe) let confidences = confidences
    try remembered.search(rows, count: count, k: remembered.k) { [self] query, places, scores in
      vote(places, scores, into: confidences + query * labels.count)
    }
  }

  /// Writes each label's share of the votes.
  private func vote(
    _ places: UnsafePointer<Int32>, _ scores: UnsafePointer<Float>,
    into confidences: UnsafeMutablePointer<Float>
  ) {
    confidences.update(repeating: 0, count: labels.count)
    if remembered.settings.weights == .uniform, remembered.settings.rejectDistance == 0 {
      for place in 0..<remembered.k { confidences[Int(codes[Int(places[place])])] += 1 }
      for label in 0..<labels.count { confidences[label] /= Float(remembered.k) }
      return
    }
    _ = remembered.weigh(places, scores) { row, weight in confidences[Int(codes[row])] += weight }
  }
}

/// What the remembered rows of a nearest-neighbour regressor say.
final class FittedNeighbourTargets: FittedMemory {
  let remembered: RememberedRows
  /// [rows, targets]
  let targets: Matrix

  var outputs: Int { targets.columns }

  init(_ remembered: RememberedRows, targets: Matrix) {
    self.remembered = remembered
    self.targets = targets
  }

  func with(_ settings: NeighbourSettings) throws(MaquetteError) -> FittedNeighbourTargets {
    settings == remembered.settings
      ? self : FittedNeighbourTargets(try remembered.with(settings), targets: targets)
  }

  func keeping(_ places: [Int32], _ rows: RememberedRows) throws(MaquetteError) -> FittedNeighbourTargets {
    FittedNeighbourTargets(rows, targets: try targets.gathering(places))
  }

  func predict(
    _ rows: UnsafePointer<Float>, count: Int, into predictions: UnsafeMutablePointer<Float>
  ) throws(MaquetteError) {
    guard count > 1 else {
      if count == 1 { remembered.search(rows) { average($0, $1, into: predictions) } }
      return
    }
    nonisolated(unsafe) let predictions = predictions
    try remembered.search(rows, count: count, k: remembered.k) { [self] query, places, scores in
      average(places, scores, into: predictions + query * outputs)
    }
  }

  private func average(
    _ places: UnsafePointer<Int32>, _ scores: UnsafePointer<Float>,
    into prediction: UnsafeMutablePointer<Float>
  ) {
    let width = targets.columns
    prediction.update(repeating: 0, count: width)
    targets.withUnsafeBufferPointer { targets in
      if remembered.settings.weights == .uniform {
        // In doubles: the sum of numbers that fit into a float may not.
        for target in 0..<width {
          var sum = 0.0
          for place in 0..<remembered.k { sum += Double(targets[Int(places[place]) * width + target]) }
          prediction[target] = Float(sum / Double(remembered.k))
        }
        return
      }
      _ = remembered.weigh(places, scores) { row, weight in
        for target in 0..<width { prediction[target] += weight * targets[row * width + target] }
      }
    }
  }
}
