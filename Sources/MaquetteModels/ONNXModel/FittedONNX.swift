import Glibc
import MaquetteFormats
import MaquetteSystem

/// A model in ONNX Runtime, with one of its outputs chosen. Immutable.
class FittedONNX: FittedModel, @unchecked Sendable {  // nothing changes after init
  let session: ONNXSession
  let output: String
  let outputs: Int
  private let hasSoftmax: Bool

  var features: Int { session.input.features }

  fileprivate init(_ session: ONNXSession, output: String, width: Int, hasSoftmax: Bool) {
    self.session = session
    self.output = output
    self.hasSoftmax = hasSoftmax
    outputs = width
  }

  /// - Throws: ``MaquetteError/Code/badParameter`` for an output or labels that do not go with the model;
  ///   ``MaquetteError/Code/unsupported``, ``MaquetteError/Code/badFormat``.
  static func make(
    _ session: ONNXSession, _ settings: ONNXModel.Settings
  ) throws(MaquetteError) -> FittedONNX {
    let known = session.outputs
    if !settings.input.isEmpty, settings.input != session.input.name {
      throw MaquetteError(
        .badParameter,
        "input can't be \(quoted(settings.input)): the model's is \(quoted(session.input.name))",
        name: "input")
    }
    guard let output = settings.output.isEmpty ? known.first : settings.output else {
      throw MaquetteError(
        .unsupported,
        "the model has no output of floats, only "
          + session.description.graph.outputs.map(\.name).joined(separator: ", ")
          + "; skl2onnx writes some with options={\"zipmap\": False}")
    }
    guard known.contains(output) else {
      throw MaquetteError(
        .badParameter,
        "output can't be \(quoted(output)): the model's outputs of floats are \(known.joined(separator: ", "))",
        name: "output")
    }
    let width = try session.width(of: output)
    if !settings.labels.isEmpty {
      guard settings.labels.count == width, Set(settings.labels).count == width else {
        throw MaquetteError(
          .badParameter,
          "classLabels are \(settings.labels.count); \(quoted(output)) has \(width) outputs, each with a label of its own",
          name: "classLabels")
      }
      return FittedONNXClassifier(
        session, output: output, labels: settings.labels, hasSoftmax: settings.softmax)
    }
    // Labels that came with the file may belong to another of its outputs.
    if let labels = try session.description.labels(), labels.count == width {
      return FittedONNXClassifier(session, output: output, labels: labels, hasSoftmax: settings.softmax)
    }
    return FittedONNX(session, output: output, width: width, hasSoftmax: settings.softmax)
  }

  /// A number where there is one output, else an array. Here, for a subclass to have it otherwise.
  func json(_ prediction: UnsafeBufferPointer<Float>) -> JSON {
    prediction.count == 1 ? JSON(Double(prediction[0])) : .array(prediction.map { JSON(Double($0)) })
  }

  func predict(
    _ rows: UnsafePointer<Float>, count: Int, into predictions: UnsafeMutablePointer<Float>
  ) throws(MaquetteError) {
    try session.predict(rows, count: count, output, width: outputs, into: predictions)
    guard hasSoftmax else { return }
    for row in 0..<count {
      let numbers = UnsafeMutableBufferPointer(start: predictions + row * outputs, count: outputs)
      let greatest = numbers.max() ?? 0
      var sum = 0.0
      for number in numbers { sum += exp(Double(number - greatest)) }
      for place in numbers.indices {
        numbers[place] = Float(exp(Double(numbers[place] - greatest)) / sum)
      }
    }
  }
}

/// One with a label for each number of its output, which are confidences then.
final class FittedONNXClassifier: FittedONNX, FittedClassifier, @unchecked Sendable {
  let labels: [String]

  fileprivate init(_ session: ONNXSession, output: String, labels: [String], hasSoftmax: Bool) {
    self.labels = labels
    super.init(session, output: output, width: labels.count, hasSoftmax: hasSoftmax)
  }

  override func json(_ prediction: UnsafeBufferPointer<Float>) -> JSON {
    Classification(labels: labels, confidences: prediction).json
  }
}
