import MaquetteFormats

/// The figures of a run, epoch by epoch: the same names, an array each, all of one length.
struct RunLogs: Sendable, Equatable {
  struct Column: Sendable, Equatable {
    let name: String
    /// A number, or null for an epoch without.
    var values: [JSON]
  }

  private(set) var columns: [Column] = []
  /// How many epochs there are, with figures or without.
  private(set) var count = 0

  /// Adds an epoch.
  mutating func append(_ figures: JSONObject?) {
    for (place, (name, value)) in (figures?.members ?? []).enumerated() {
      guard let number = value.number else { continue }
      // Epochs have the same figures in the same order, nearly always.
      let known = columns.indices.contains(place) && columns[place].name == name
      set(number, of: known ? place : column(name), at: count)
    }
    count += 1
    for column in columns.indices where columns[column].values.count < count {
      columns[column].values.append(.null)
    }
  }

  private mutating func column(_ name: String) -> Int {
    if let place = columns.firstIndex(where: { $0.name == name }) { return place }
    columns.append(Column(name: name, values: Array(repeating: .null, count: count)))
    return columns.count - 1
  }

  /// JSON can't say NaN, and a document with one could not be stored.
  private mutating func set(_ number: Double, of column: Int, at epoch: Int) {
    if columns[column].values.count == epoch {
      columns[column].values.append(JSON(number))
    } else if columns[column].values.indices.contains(epoch) {
      columns[column].values[epoch] = JSON(number)
    }
  }

  /// The epochs from one on, from 0: `{"loss": […], "accuracy": […]}`.
  func json(from epoch: Int = 0) -> JSONObject {
    JSONObject(columns.map { ($0.name, .array(Array($0.values.dropFirst(epoch)))) })
  }

  /// The figures of the last epoch; nil where there are none.
  var last: JSONObject? {
    let figures = columns.compactMap { column in column.values.last.map { (column.name, $0) } }
    return figures.isEmpty ? nil : JSONObject(figures)
  }
}

// MARK: Reading

extension RunLogs {
  /// The logs of a stored run, in whatever names it was written with.
  ///
  init(_ logs: JSONObject) {
    for (name, value) in logs.members {
      // One number is what some write after one epoch.
      let values = value.array ?? (value.number == nil ? [] : [value])
      guard !values.isEmpty else { continue }
      merge(values.map { $0.number == nil ? .null : $0 }, as: Self.canonical(name), at: 0)
    }
  }

  /// Puts in what one piece of a journal holds; what is there already may come again.
  ///
  /// - Parameter epoch: of the first value, from 0.
  mutating func merge(_ logs: JSONObject, at epoch: Int, count: Int) {
    pad(to: epoch + count)
    for (name, value) in logs.members {
      if let values = value.array { merge(values, as: name, at: epoch) }
    }
  }

  private mutating func merge(_ values: [JSON], as name: String, at epoch: Int) {
    pad(to: epoch + values.count)
    let column = column(name)
    for (place, value) in values.enumerated() {
      if let number = value.number { set(number, of: column, at: epoch + place) }
    }
  }

  private mutating func pad(to epochs: Int) {
    guard epochs > count else { return }
    count = epochs
    for column in columns.indices {
      let missing = count - columns[column].values.count
      columns[column].values += Array(repeating: .null, count: missing)
    }
  }

  /// Marcelle's trainings wrote `acc` and `accVal`, Keras writes `val_…`; here they are `accuracy`, `accuracyVal`, ….
  static func canonical(_ name: String) -> String {
    var name = name
    let isValidation = name.hasPrefix("val_") || (name.hasSuffix("Val") && name.utf8.count > 3)
    if name.hasPrefix("val_") { name.removeFirst(4) } else if isValidation { name.removeLast(3) }
    switch name {
    case "acc": name = "accuracy"
    case "mae", "mean_absolute_error": name = "meanAbsoluteError"
    default: break
    }
    return isValidation ? name + "Val" : name
  }
}
