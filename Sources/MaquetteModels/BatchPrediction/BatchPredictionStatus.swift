public import MaquetteFormats
import MaquetteStores
import MaquetteSystem

/// Where a batch prediction stands: what its `$status` stream carries.
public struct BatchPredictionStatus: Sendable {
  public enum Phase: String, Sendable {
    /// There are no predictions.
    case idle
    case start, running, success, error
    /// It is looked up whether there are predictions already; then `loaded`, where there are some.
    case loading, loaded
    /// The run was ended before its last row; the predictions made until then are kept.
    case cancelled
  }

  public let phase: Phase
  /// How many of the instances have a prediction, from 1.
  public let count: Int?
  /// How many instances there are.
  public let total: Int?

  private enum Content: Sendable {
    case nothing
    case object(JSONObject)
    case record(BulkPredictions, row: Int)
  }

  private let content: Content

  init(_ phase: Phase, count: Int? = nil, total: Int? = nil, data: JSONObject? = nil) {
    self.phase = phase
    self.count = count
    self.total = total
    content = data.map { .object($0) } ?? .nothing
  }

  init(running count: Int, of total: Int, _ predictions: BulkPredictions, row: Int) {
    phase = .running
    self.count = count
    self.total = total
    content = .record(predictions, row: row)
  }

  init(_ error: MaquetteError, after last: BatchPredictionStatus?) {
    if error.code == .cancelled {
      self.init(.cancelled, count: last?.count, total: last?.total)
    } else {
      self.init(
        .error, data: ["error": .string(error.message), "code": .number(Double(error.code.rawValue))])
    }
  }

  /// With `running`: the record that was stored, made anew at every call, so that nothing is made for records nobody
  /// looks at. With `error`: `{"error": …, "code": …}`.
  public var data: JSONObject? {
    switch content {
    case .nothing: nil
    case .object(let object): object
    case .record(let predictions, let row): predictions.document(row)
    }
  }

  /// As Marcelle writes it: `{"status": "running", "count": 3, "total": 20, "data": {…}}`.
  public var json: JSON {
    var object: JSONObject = ["status": .string(phase.rawValue)]
    if let count { object["count"] = JSON(count) }
    if let total { object["total"] = JSON(total) }
    if let data { object["data"] = .object(data) }
    return .object(object)
  }
}

extension BatchPredictionStatus: CustomStringConvertible {
  /// One line for people: `running 300/1000`.
  public var description: String {
    var text = phase.rawValue
    if let count { text += " \(count)" + (total.map { "/\($0)" } ?? "") }
    if case .object(let object) = content, let error = object["error"]?.string { text += ": " + error }
    return text
  }
}
