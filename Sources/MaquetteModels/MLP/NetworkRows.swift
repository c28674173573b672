import MaquetteKernels
import MaquetteSystem

/// Rows in the form in which a network learns them.
struct NetworkRows: Sendable {
  enum Targets: Sendable {
    /// The class of each row; -1 for one that the network does not know, which only rows to validate with may have.
    case codes([Int32])
    /// [rows, targets]
    case values(Matrix)
  }

  let features: Matrix
  let targets: Targets

  init(_ rows: ClassificationRows) {
    features = rows.features
    targets = .codes(rows.codes)
  }

  init(_ rows: RegressionRows) {
    features = rows.features
    targets = .values(rows.targets)
  }

  private init(features: Matrix, targets: Targets) {
    self.features = features
    self.targets = targets
  }

  var count: Int { features.rows }

  /// The rows of these indices.
  ///
  /// - Throws: ``MaquetteError/Code/outOfMemory``.
  func gathering(_ indices: [Int32]) throws(MaquetteError) -> NetworkRows {
    let gathered = try features.gathering(indices)
    switch targets {
    case .codes(let codes):
      return NetworkRows(features: gathered, targets: .codes(indices.map { codes[Int($0)] }))
    case .values(let values):
      return NetworkRows(features: gathered, targets: .values(try values.gathering(indices)))
    }
  }

  /// Rows set apart for validation: of every label the same share, of numbers a share of all.
  func split(labels: Int, share: Double, random: inout Random) -> StratifiedSplit {
    switch targets {
    case .codes(let codes):
      StratifiedSplit(codes: codes, labelCount: labels, share: share, random: &random)
    case .values:
      StratifiedSplit(
        codes: [Int32](repeating: 0, count: count), labelCount: 1, share: share, random: &random)
    }
  }
}

extension ClassificationRows {
  /// The same rows with the codes of known labels, and behind them those that are new.
  func relabelled(after known: [String]) -> ClassificationRows {
    var places: [String: Int32] = [:]
    for (place, label) in known.enumerated() { places[label] = Int32(place) }
    var all = known
    let translated = labels.map { label in
      if let place = places[label] { return place }
      places[label] = Int32(all.count)
      all.append(label)
      return Int32(all.count - 1)
    }
    return ClassificationRows(features: features, codes: codes.map { translated[Int($0)] }, labels: all)
  }
}
