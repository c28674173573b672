import MaquetteFormats

/// The figures of one epoch, with Marcelle's names.
struct EpochFigures: Sendable {
  /// Means over the training rows, each measured before its mini-batch changed the weights.
  var loss: Double
  var accuracy: Double
  /// Over the validation rows after the epoch; nil where there are none.
  var validation: (loss: Double, accuracy: Double)?

  var json: JSONObject {
    var object: JSONObject = ["loss": JSON(loss), "accuracy": JSON(accuracy)]
    if let validation {
      object["lossVal"] = JSON(validation.loss)
      object["accuracyVal"] = JSON(validation.accuracy)
    }
    return object
  }
}

/// The figures of all epochs so far: the same names, an array each.
struct TrainingHistory: Sendable {
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
