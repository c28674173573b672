import MaquetteFormats
import MaquetteSystem

extension PortableModel {
  /// A network that may come from elsewhere: without parameters, or labels, or a word of what it is for.
  ///
  /// What gives probabilities is a classifier: a softmax, or a single sigmoid, which becomes a softmax of two. Labels that
  /// are missing are "0", "1" and so on; hidden units that the parameters don't tell are read off the layers.
  ///
  /// - Parameters:
  ///   - kind: what the file says it is; nil: nothing.
  ///   - wanted: the kind of the model that it is for; nil: whichever.
  ///   - metadata: `labels`, `parameters` and whatever else the file holds.
  ///   - what: what messages call the file.
  /// - Throws: ``MaquetteError/Code/badFormat`` for labels that don't go with the outputs.
  init(
    network: LayersModel, kind: String?, for wanted: String?, metadata: JSONObject, as what: String
  ) throws(MaquetteError) {
    var network = network
    var metadata = metadata
    let last = network.layers[network.layers.count - 1]
    let isBinary = last.activation == "sigmoid" && last.units == 1 && wanted != MLPRegressor.kind
    let isClassifier =
      kind.map { $0 == MLPClassifier.kind } ?? (last.activation == "softmax" || isBinary)
    let kind = isClassifier ? MLPClassifier.kind : MLPRegressor.kind
    if isClassifier {
      if isBinary { network.layers[network.layers.count - 1] = last.asSoftmaxOfTwo() }
      let outputs = isBinary ? 2 : last.units
      if metadata["labels"]?.array?.isEmpty ?? true {
        metadata["labels"] = .array((0..<outputs).map { .string(String($0)) })
      }
      guard let labels = metadata["labels"]?.array, labels.count == outputs else {
        throw MaquetteError(
          .badFormat,
          "\(what) can't be read: it has \(metadata["labels"]?.array?.count ?? 0) labels for \(outputs) outputs",
          name: "labels")
      }
    }
    var parameters = metadata["parameters"]?.object ?? [:]
    for (name, value) in network.parameters(of: kind) where parameters[name] == nil {
      // One that no training here could have is left as it is by default.
      do throws(MaquetteError) {
        try ModelKinds.make(kind).parameter(name).check(value)
        parameters[name] = value
      } catch { continue }
    }
    metadata["parameters"] = .object(parameters)
    self.init(kind: kind, archive: ModelArchive(network, name: kind, metadata: metadata))
  }
}

extension LayersModel {
  /// The parameters with which a training would make such layers.
  fileprivate func parameters(of kind: String) -> [(name: String, value: JSON)] {
    let hidden = layers.dropLast()
    var parameters: [(name: String, value: JSON)] = [
      (kind == MLPClassifier.kind ? "layers" : "units", .array(hidden.map { JSON($0.units) })),
      ("standardize", .bool(normalization != nil)),
    ]
    if let first = hidden.first, hidden.allSatisfy({ $0.activation == first.activation }) {
      parameters.append(("activation", .string(first.activation)))
    }
    return parameters
  }
}

extension LayersModel.Dense {
  /// The layer whose two shares are those that a single sigmoid tells: e⁰ : eᶻ is 1 − σ(z) : σ(z).
  fileprivate func asSoftmaxOfTwo() -> Self {
    Self(
      name: name, inputs: inputs, units: 2, activation: "softmax", kernel: kernel.flatMap { [0, $0] },
      bias: bias.flatMap { [0, $0] })
  }
}
