public import MaquetteFormats
public import MaquetteKernels

/// Where a model stands: what its `$training` stream carries.
public struct TrainingStatus: Sendable, Equatable {
  public enum Phase: String, Sendable {
    /// Neither trained nor loaded yet.
    case idle
    case start, epoch, success, error
    case loading, loaded
    /// The training was ended before its last epoch; what it had learned until then is kept.
    case cancelled
  }

  public var phase: Phase
  /// The epoch that is finished, from 1.
  public var epoch: Int?
  /// The epochs the training is to have.
  public var epochs: Int?
  /// With `epoch`: the figures of that epoch. With `success`: the same names, an array over the epochs each.
  public var data: JSONObject?
  /// What the epoch made, where that is worth watching: an embedding, [rows, dimensions]. Not in the JSON; all
  /// subscribers share its memory.
  public var matrix: Matrix?
  /// With `loaded`: where from. Not in the JSON, and of no account when two are compared.
  var origin: ModelOrigin?

  public static func == (left: TrainingStatus, right: TrainingStatus) -> Bool {
    (left.phase, left.epoch, left.epochs) == (right.phase, right.epoch, right.epochs)
      && left.data == right.data
      && left.matrix == right.matrix
  }

  public init(
    _ phase: Phase, epoch: Int? = nil, epochs: Int? = nil, data: JSONObject? = nil,
    matrix: Matrix? = nil
  ) {
    self.phase = phase
    self.epoch = epoch
    self.epochs = epochs
    self.data = data
    self.matrix = matrix
  }

  public static let idle = TrainingStatus(.idle)

  /// Whether a later status outdates this one: an epoch may be skipped by a slow subscriber, the end may not.
  package var isOutdatedByLater: Bool { phase == .epoch }

  /// As Marcelle writes it: `{"status":"epoch","epoch":3,"epochs":20,"data":{…}}`.
  public var json: JSON {
    var object: JSONObject = ["status": .string(phase.rawValue)]
    if let epoch { object["epoch"] = JSON(epoch) }
    if let epochs { object["epochs"] = JSON(epochs) }
    if let data { object["data"] = .object(data) }
    return .object(object)
  }
}

extension TrainingStatus: CustomStringConvertible {
  /// One line for people: `epoch 3/20: loss 0.41, accuracy 0.89, lossVal 0.43, accuracyVal 0.88`.
  public var description: String {
    var text = phase.rawValue
    if let epoch { text += " \(epoch)" + (epochs.map { "/\($0)" } ?? "") }
    let figures = (data?.members ?? []).compactMap { name, value -> String? in
      switch value {
      case .number(let number): "\(name) \(rounded(number))"
      case .array(let values): values.last?.number.map { "\(name) \(rounded($0))" }
      case .string(let text): text
      default: nil
      }
    }
    return figures.isEmpty ? text : text + ": " + figures.joined(separator: ", ")
  }

  private func rounded(_ value: Double) -> Double { (value * 10_000).rounded() / 10_000 }
}
