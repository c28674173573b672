package import MaquetteFormats
package import MaquetteKernels
package import MaquetteSystem

/// Many new predictions of one run, as the matrix they were computed as.
package struct BulkPredictions: Sendable {
  let ids: DocumentIDRange
  package let form: PredictionForm
  /// The instances, row by row, and what they have as `y`.
  package let instances: InstanceIDs
  package let truth: TrueValues
  /// [rows, outputs]
  package let values: Matrix
  /// Milliseconds since 1970, for both dates.
  let date: Int64

  package var count: Int { values.rows }

  func instance(_ row: Int) -> PredictedInstance {
    PredictedInstance(id: instances.values[row], updatedAt: instances.updatedAt[row])
  }

  /// One of them as a record.
  func record(_ row: Int) -> Record {
    let (label, other) = truth.parts(row)
    var record = Record(id: ids[row], createdAt: date, updatedAt: date, label: label)
    record.prediction = StoredPrediction(
      form: form, values: values[row: row], instance: instance(row), truth: other)
    return record
  }

  /// The label or the cluster of each row; no row has one where numbers were predicted.
  package var choices: LabelColumn { form.choices(values) }

  /// The record as it is stored. The index must lie in the rows.
  package func document(_ row: Int) -> JSONObject { record(row).document }
}

/// Predictions read out of a store, in the order they were made.
package struct PredictionTable: Sendable {
  package let form: PredictionForm
  package let instances: InstanceIDs
  package let truth: TrueValues
  /// [rows, outputs]
  package let values: Matrix

  /// No predictions.
  package static func empty() throws(MaquetteError) -> PredictionTable {
    try PredictionBuilder(.numbers(0), capacity: 0).table()
  }

  /// The label or the cluster of each row; no row has one where numbers were predicted.
  package var choices: LabelColumn { form.choices(values) }
}

extension PredictionForm {
  /// What the numbers of a prediction are called; empty where they have no names.
  package var names: [String] {
    switch self {
    case .labels(let labels): labels
    case .clusters(let count): (0..<count).map { String($0) }
    case .number, .numbers: []
    }
  }

  /// The label or the cluster of each row; no row has one where numbers were predicted.
  ///
  /// - Parameter values: [rows, outputs]
  package func choices(_ values: Matrix) -> LabelColumn {
    var names = names
    guard !names.isEmpty else { return .none(values.rows) }
    // Where a label is called so too, it is that label.
    var noneCode = names.firstIndex(of: Self.none)
    let codes = values.withUnsafeBufferPointer { numbers in
      (0..<values.rows).map { row -> Int32 in
        let row = UnsafeBufferPointer(rebasing: numbers[row * width..<(row + 1) * width])
        if let choice = choice(row) { return Int32(truncatingIfNeeded: choice) }
        let code = noneCode ?? names.count
        if noneCode == nil { names.append(Self.none) }
        noneCode = code
        return Int32(truncatingIfNeeded: code)
      }
    }
    return LabelColumn(unchecked: names, codes)
  }
}
