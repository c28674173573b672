import MaquetteFormats
public import MaquetteKernels
import MaquetteStores
public import MaquetteStreams
public import MaquetteSystem
import Synchronization

/// Runs a model that was made elsewhere and comes in an ONNX file, as Marcelle's onnxModel: rows in, numbers out, with
/// labels as a classifier.
///
/// It needs ONNX Runtime, which is loaded when the first file is; `MAQUETTE_ONNXRUNTIME` says where it is. The rows are
/// those of the file's only input, each flattened to its features. Unlike with other kinds, the last bits of a prediction
/// may depend on how many rows are predicted at once: that is ONNX Runtime's affair.
public final class ONNXModel: Model, @unchecked Sendable {
  // Unchecked: no wrapper is reassigned.
  public static let kind = "onnx-model"
  public static let summary = "Predicts with a model that was trained elsewhere and comes in an ONNX file."
  public static let task = ModelTask.inference
  public static let service = "onnx-models"
  public static let isTrainable = false
  static let file = "model.onnx"

  @Parameter("input", .init(), "The name of the file's input; empty: the only one there is.")
  public var input = ""

  @Parameter(
    "output", .init(), "The name of the output that is predicted; empty: the first one of floats.")
  public var output = ""

  @Parameter(
    "classLabels", .init(),
    "The labels of the outputs, whose numbers are confidences then; empty: those that the file names, if it does."
  )
  public var classLabels: [String] = []

  @Parameter(
    "softmax", .init(),
    "Whether the outputs are turned into confidences first, as the networks of PyTorch mostly need it.")
  public var softmax = false

  @Observed(merging: \.isOutdatedByLater)
  public internal(set) var training = TrainingStatus.idle

  public let trainer: Trainer
  let published = Published<FittedONNX>()
  /// Held by who publishes; whether a loading sets the parameters, which then have no say before it is done.
  private let publication = Mutex(false)

  public init() {
    trainer = Trainer(_training.projectedValue)
    $input.observe { [weak self] _ in self?.settingsChanged() }
    $output.observe { [weak self] _ in self?.settingsChanged() }
    $classLabels.observe { [weak self] _ in self?.settingsChanged() }
    $softmax.observe { [weak self] _ in self?.settingsChanged() }
  }

  /// A model with what is in an ONNX file.
  ///
  /// - Throws: ``MaquetteError/Code/badFormat``, ``MaquetteError/Code/unsupported`` where ONNX Runtime is not installed or
  ///   the model does not take rows of numbers; ``MaquetteError/Code/badParameter``.
  public convenience init(
    _ file: [UInt8], output: String = "", classLabels: [String] = [], softmax: Bool = false
  ) throws(MaquetteError) {
    self.init()
    self.output = output
    self.classLabels = classLabels
    self.softmax = softmax
    published.publish(try FittedONNX.make(try ONNXSession(file), settings))
  }

  public var parameters: [any AnyParameter] { [_input, _output, _classLabels, _softmax] }
  public var trainingStream: Stream<TrainingStatus> { $training }
  public var fittedModel: (any FittedModel)? { published.current }

  /// The labels of the outputs; empty where there are none.
  public var labels: [String] { (published.current as? FittedONNXClassifier)?.labels ?? [] }

  struct Settings: Sendable, Equatable {
    var input = ""
    var output = ""
    var labels: [String] = []
    var softmax = false
  }

  var settings: Settings { Settings(input: input, output: output, labels: classLabels, softmax: softmax) }

  private func settingsChanged() {
    publication.withLock { isLoading in
      guard !isLoading, let fitted = published.current else { return }
      do throws(MaquetteError) {
        published.publish(try FittedONNX.make(fitted.session, settings))
      } catch {
        // Labels and output may be set one after the other: until they go together, predictions go on as before.
        Log.warning("\(Self.kind) keeps its settings: \(error.message)")
      }
    }
  }

  /// - Throws: always ``MaquetteError/Code/unsupported``.
  public func train(
    on source: TrainingSource, validatingOn validation: TrainingSource?, mode: TrainingMode
  ) throws(MaquetteError) {
    throw MaquetteError(
      .unsupported,
      "an \(Self.kind) can't be trained: it predicts with what was trained elsewhere; upload an ONNX file")
  }

  public func reset() throws(MaquetteError) {
    try trainer.exclusively { () throws(MaquetteError) in
      publication.withLock { _ in published.publish(nil) }
      trainer.forget()
      trainingStream.set(.idle)
    }
  }

  public func adopt(_ other: ONNXModel) throws(MaquetteError) {
    try trainer.exclusively { () throws(MaquetteError) in
      publication.withLock { _ in published.publish(other.published.current) }
    }
  }

  // MARK: Predicting

  /// The numbers predicted from each row: [rows, outputs].
  ///
  /// - Throws: ``MaquetteError/Code/notTrained``, ``MaquetteError/Code/badShape``, ``MaquetteError/Code/notFinite``,
  ///   ``MaquetteError/Code/badFormat`` where ONNX Runtime can't run the model on them.
  public func predict(_ features: Matrix) throws(MaquetteError) -> Matrix {
    try readyModel().predictions(of: features)
  }

  // MARK: Storing

  /// The file as it came.
  public func archive() throws(MaquetteError) -> ModelArchive {
    guard let fitted = published.current else { throw notTrained }
    var metadata: JSONObject = ["parameters": .object(parameterValues)]
    if !labels.isEmpty { metadata["labels"] = .array(labels.map { .string($0) }) }
    return ModelArchive(
      format: Self.kind, metadata: metadata,
      files: [StoredFile(name: Self.file, bytes: fitted.session.file)])
  }

  public func restore(_ archive: ModelArchive) throws(MaquetteError) {
    try archive.require(format: Self.kind)
    let parameters = try storedParameters(archive)
    let session = try ONNXSession(try archive.file(Self.file))
    // The settings it will have, before anything of this model is changed.
    let other = ONNXModel()
    try other.setParameters(parameterValues)
    try other.setParameters(parameters)
    let fitted: FittedONNX
    do throws(MaquetteError) {
      fitted = try FittedONNX.make(session, other.settings)
    } catch {
      // What came with the file is its own fault, what was set before is not.
      throw parameters.isEmpty ? error : MaquetteError(.badFormat, error.message, name: error.name)
    }
    publication.withLock { $0 = true }
    defer { publication.withLock { $0 = false } }
    try setParameters(parameters)
    publication.withLock { _ in published.publish(fitted) }
  }
}
