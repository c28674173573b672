import MaquetteFormats

/// The figures of one epoch, with Marcelle's names.
struct EpochFigures: Sendable {
  /// What is measured beside the loss: `accuracy` or `meanAbsoluteError`.
  let measure: String
  /// Means over the training rows, each measured before its mini-batch changed the weights.
  var training: (loss: Double, measured: Double)
  /// Over the validation rows after the epoch; nil where there are none.
  var validation: (loss: Double, measured: Double)?

  /// What tells which epoch was best.
  var decisiveLoss: Double { validation?.loss ?? training.loss }

  var json: JSONObject {
    var object: JSONObject = ["loss": JSON(training.loss)]
    object[measure] = JSON(training.measured)
    if let validation {
      object["lossVal"] = JSON(validation.loss)
      object[measure + "Val"] = JSON(validation.measured)
    }
    return object
  }
}

/// The figures of all epochs so far: the same names, an array each.
struct EpochHistory: Sendable {
  private var names: [String] = []
  private var columns: [[JSON]] = []

  mutating func append(_ figures: EpochFigures) {
    let members = figures.json.members
    if names.isEmpty {
      names = members.map(\.name)
      columns = names.map { _ in [] }
    }
    for (column, member) in members.enumerated() where column < columns.count {
      columns[column].append(member.value)
    }
  }

  var json: JSONObject { JSONObject(zip(names, columns).map { ($0, .array($1)) }) }
}
