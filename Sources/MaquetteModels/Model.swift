public import MaquetteFormats
public import MaquetteStores
public import MaquetteStreams
public import MaquetteSystem

/// What every kind of model can do, as in Marcelle: parameters that can be watched, trainings that run beside the host
/// and report on `$training`, saving to and loading from a store.
///
/// Every method may be called from any thread. A prediction that overlaps a training answers with the last finished
/// epoch; before the first, with the training before.
public protocol Model: AnyObject, Sendable {
  /// The name of this kind of model, e.g. `mlp-classifier`.
  static var kind: String { get }
  /// One sentence for people: what this kind does.
  static var summary: String { get }
  /// What this kind is for.
  static var task: ModelTask { get }
  /// The service that saved models of this kind are documents of.
  static var service: String { get }

  /// Whether it learns here; false for a kind that only predicts with what was trained elsewhere.
  static var isTrainable: Bool { get }

  /// A model with the default parameters.
  init()

  /// All parameters, in the order of the schema.
  var parameters: [any AnyParameter] { get }

  /// Where the model stands.
  var training: TrainingStatus { get }

  /// Runs the trainings.
  var trainer: Trainer { get }

  /// What the last training, or its last finished epoch, or a loading made; nil before. Reading it never waits.
  var fittedModel: (any FittedModel)? { get }

  /// Starts a training, and returns at once.
  ///
  /// - Parameters:
  ///   - validation: what to validate with after every epoch; nil: a part of the source, as `validationSplit` says, for
  ///     a model that has it.
  ///   - mode: whether what the model knows is forgotten or built upon.
  /// - Throws: ``MaquetteError/Code/busy``, ``MaquetteError/Code/badParameter``, ``MaquetteError/Code/unsupported`` for
  ///   a mode that this kind doesn't have, ``MaquetteError/Code/notTrained`` where there is nothing to go on with. What
  ///   is wrong with a table is thrown at once; what is wrong with a dataset is found by the training:
  ///   ``wait(timeout:)`` throws it, `$training` reports it.
  func train(
    on source: TrainingSource, validatingOn validation: TrainingSource?, mode: TrainingMode
  ) throws(MaquetteError)

  /// Forgets what was learned: not trained, `$training` idle. The parameters stay as they are.
  ///
  /// - Throws: ``MaquetteError/Code/busy`` during a training or a loading.
  func reset() throws(MaquetteError)

  /// Takes over what the other model has learned; both go on independently.
  ///
  /// - Throws: ``MaquetteError/Code/busy`` while this one is trained or loaded.
  func adopt(_ other: Self) throws(MaquetteError)

  /// The fitted model as it is stored.
  ///
  /// - Throws: ``MaquetteError/Code/notTrained``.
  func archive() throws(MaquetteError) -> ModelArchive

  /// Makes the archived model the fitted one.
  ///
  /// - Throws: ``MaquetteError/Code/badFormat``; the model is then as it was.
  func restore(_ archive: ModelArchive) throws(MaquetteError)

  /// What can be watched besides the training and the parameters, by name: `centers`, `clusters`.
  var streams: [String: any JSONStream] { get }

  /// `$training` for the extensions here, which can't name a property wrapper's projection.
  var trainingStream: Stream<TrainingStatus> { get }
}

/// What models are for: what they learn from, and what they predict.
public enum ModelTask: String, Sendable {
  /// Labels from labelled rows; predicts the confidence of each label.
  case classification
  /// Numbers from rows with targets; predicts them.
  case regression
  /// Groups of rows; predicts the confidence of each group.
  case clustering
  /// Fewer numbers that say what many say; predicts coordinates.
  case projection
  /// Nothing: what was trained elsewhere is run, and predicts whatever it does; the confidence of each label where it has
  /// labels.
  case inference
}

extension Model {
  public static var isTrainable: Bool { true }

  /// Waits until the training is over and the subscribers of `$training` have seen its last event. Without a training
  /// this returns at once.
  ///
  /// - Parameter timeout: milliseconds; negative: as long as it takes.
  /// - Throws: the error of the training; ``MaquetteError/Code/cancelled``; ``MaquetteError/Code/timeout``;
  ///   ``MaquetteError/Code/reentrant`` in a callback of this model's training.
  public func wait(timeout: Int64 = -1) throws(MaquetteError) { try trainer.wait(timeout: timeout) }

  #if !MAQUETTE_SHARED_LIBRARY
    /// Waits for the end of the training without keeping a thread of Swift's concurrency busy.
    ///
    /// Cancelling the task cancels the training.
    ///
    /// - Throws: as ``wait(timeout:)``.
    public func trained() async throws {
      try await finished({ () throws(MaquetteError) in try self.wait() }, cancel: { self.cancel() })
    }
  #endif

  /// Starts a training on the instances that are in the dataset now, and returns at once.
  ///
  /// - Throws: as ``train(on:validatingOn:mode:)``.
  public func train(
    on dataset: Dataset, validatingOn validation: Dataset? = nil, mode: TrainingMode = .fresh
  ) throws(MaquetteError) {
    try train(on: .dataset(dataset), validatingOn: validation.map { .dataset($0) }, mode: mode)
  }

  /// Starts a training on a table, and returns at once.
  ///
  /// - Throws: as ``train(on:validatingOn:mode:)``.
  public func train(
    on table: InstanceTable, validatingOn validation: InstanceTable? = nil, mode: TrainingMode = .fresh
  ) throws(MaquetteError) {
    try train(on: .table(table), validatingOn: validation.map { .table($0) }, mode: mode)
  }

  /// Learns rows on top of those before: as ``train(on:validatingOn:mode:)`` with `partial`.
  public func partialTrain(on dataset: Dataset) throws(MaquetteError) {
    try train(on: dataset, mode: .partial)
  }

  /// Asks the training to end, which it does within one mini-batch; does not wait for that.
  ///
  /// - Parameter kept: which epoch's model stays.
  public func cancel(keeping kept: KeptEpoch = .last) { trainer.cancel(keeping: kept) }

  /// A model of its own with the same parameters and the same knowledge.
  ///
  /// - Throws: ``MaquetteError/Code/outOfMemory``.
  public func clone() throws(MaquetteError) -> Self {
    let copy = Self()
    try copy.setParameters(parameterValues)
    try copy.adopt(self)
    return copy
  }

  /// What to predict with.
  ///
  /// - Throws: ``MaquetteError/Code/notTrained``.
  package func readyModel() throws(MaquetteError) -> any FittedModel {
    guard let fittedModel else { throw notTrained }
    return fittedModel
  }

  var notTrained: MaquetteError {
    MaquetteError(.notTrained, "this \(Self.kind) has been neither trained nor loaded yet")
  }

  /// What can be watched besides the training and the parameters, by name.
  public var streams: [String: any JSONStream] { [:] }

  public var isTraining: Bool { trainer.isTraining }

  /// The values of all parameters.
  public var parameterValues: JSONObject {
    JSONObject(parameters.map { ($0.name, $0.json) })
  }

  /// The parameter of that name.
  ///
  /// - Throws: ``MaquetteError/Code/unknownParameter``, listing those there are.
  public func parameter(_ name: String) throws(MaquetteError) -> any AnyParameter {
    let parameters = parameters
    guard let parameter = parameters.first(where: { $0.name == name }) else {
      throw MaquetteError(
        .unknownParameter,
        "\(Self.kind) has no parameter \(quoted(name)); it has "
          + parameters.map(\.name).joined(separator: ", "),
        name: name)
    }
    return parameter
  }

  /// Sets parameters from an object of names and values, all or none.
  ///
  /// - Throws: ``MaquetteError/Code/unknownParameter``, ``MaquetteError/Code/badParameter``.
  public func setParameters(_ values: JSONObject) throws(MaquetteError) {
    var changes: [(any AnyParameter, JSON)] = []
    for (name, value) in values.members {
      let parameter = try parameter(name)
      try parameter.check(value)
      changes.append((parameter, value))
    }
    for (parameter, value) in changes { try parameter.set(value) }
  }

  /// Kind, task, whether it can be trained, description and parameters, for a host to build a form from.
  public static var schema: JSON {
    [
      "kind": .string(kind), "task": .string(task.rawValue), "trainable": .bool(isTrainable),
      "description": .string(summary),
      "parameters": .array(Self().parameters.map(\.schema)),
    ]
  }
}
