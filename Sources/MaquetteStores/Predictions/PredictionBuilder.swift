import MaquetteFormats
import MaquetteKernels
import MaquetteSystem

/// Gathers predictions, one after the other, into a table. What the instance has as `y` is added before the rest.
struct PredictionBuilder {
  private let form: PredictionForm
  private var values: [Float] = []
  private var ids: [DocumentID] = []
  private var dates: [Int64] = []
  private var labels = LabelInterner()
  private var truth = TrueValuesBuilder()

  init(_ form: PredictionForm, capacity: Int) {
    self.form = form
    let (size, overflow) = capacity.multipliedReportingOverflow(by: form.width)
    if !overflow { values.reserveCapacity(size) }
    ids.reserveCapacity(capacity)
    dates.reserveCapacity(capacity)
    truth.reserveCapacity(capacity)
  }

  mutating func add(text: UnsafeRawBufferPointer) throws(MaquetteError) {
    truth.add(code: try labels.code(text))
  }

  mutating func addNothing() { truth.add(code: -1) }
  mutating func add(_ number: Double) { truth.add(number) }
  mutating func add(_ other: TrueValues.Other) { truth.add(other) }

  /// - Parameter floats: as many as the form has.
  mutating func add(_ instance: PredictedInstance, _ floats: UnsafeRawBufferPointer) {
    ids.append(instance.id)
    dates.append(instance.updatedAt)
    let start = values.count
    values.append(contentsOf: repeatElement(0, count: form.width))
    // The bytes need not lie as floats do.
    values.withUnsafeMutableBytes { $0[(start * 4)...].copyBytes(from: floats) }
  }

  /// Adds a whole record, whoever made it.
  ///
  /// - Throws: ``MaquetteError/Code/badFormat`` for a document that is no prediction of the form.
  mutating func add(_ record: Record) throws(MaquetteError) {
    if let prediction = record.prediction, prediction.form == form {
      try truth.add(record.label, prediction.truth, &labels)
      values += prediction.values
      ids.append(prediction.instance.id)
      dates.append(prediction.instance.updatedAt)
      return
    }
    let document = record.document
    guard let instance = document["instanceId"]?.string.flatMap({ DocumentID($0) }),
      let numbers = form.values(of: document)
    else {
      throw MaquetteError(
        .badFormat, "the document \(record.id.text) among the predictions is none like the others",
        name: record.id.text)
    }
    let yTrue = document["yTrue"]
    switch yTrue {
    case .string(let text): try truth.add(.text(text), nil, &labels)
    case .number(let number): truth.add(number)
    case let value?: truth.add(.json(value))
    case nil: truth.add(code: -1)
    }
    values += numbers
    ids.append(instance)
    dates.append(record.updatedAt)
  }

  func table() throws(MaquetteError) -> PredictionTable {
    PredictionTable(
      form: form, instances: InstanceIDs(ids, updatedAt: dates), truth: truth.values(labels),
      values: try Matrix(rows: ids.count, columns: form.width, values))
  }
}

extension PredictionForm {
  /// The numbers of a document that somebody else wrote; nil unless it is a prediction of this form. A label that it
  /// does not mention has the confidence 0.
  func values(of document: JSONObject) -> [Float]? {
    switch self {
    case .labels(let labels):
      return document["confidences"]?.object.flatMap { Self.confidences($0, labels) }
    case .clusters(let count):
      return document["confidences"]?.object.flatMap { Self.confidences($0, (0..<count).map { String($0) }) }
    case .number, .numbers:
      let numbers = document["value"].flatMap { Record.numbers($0) }
      return numbers?.count == width ? numbers : nil
    }
  }

  private static func confidences(_ object: JSONObject, _ names: [String]) -> [Float]? {
    var values: [Float] = []
    var found = 0
    for name in names {
      let number = object[name]?.number
      if number != nil { found += 1 }
      values.append(Float(number ?? 0))
    }
    // What is left would be labels, or no numbers.
    return found == object.count ? values : nil
  }

  /// What documents that somebody else wrote look like, from one that is as good as all; grown for each that knows more.
  ///
  /// - Returns: false for a document that is no prediction, or one of another form.
  static func learn(_ document: JSONObject, _ form: inout PredictionForm?) -> Bool {
    if document["cluster"] != nil, let confidences = document["confidences"]?.object {
      if let form, case .clusters = form {} else if form != nil { return false }
      form = .clusters(max(form?.width ?? 0, confidences.count))
      return true
    }
    if let confidences = document["confidences"]?.object {
      var labels: [String] = []
      if case .labels(let known)? = form { labels = known } else if form != nil { return false }
      let known = Set(labels)
      labels += confidences.names.filter { !known.contains($0) }
      form = .labels(labels)
      return true
    }
    let found: PredictionForm
    switch document["value"] {
    case .number?: found = .number
    case .array(let elements)?: found = .numbers(elements.count)
    default: return false
    }
    guard form == nil || form == found else { return false }
    form = found
    return true
  }
}
