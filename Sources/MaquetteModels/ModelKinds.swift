public import MaquetteFormats
public import MaquetteSystem

/// The kinds of models there are. A new kind is added here, and nowhere else.
public enum ModelKinds {
  public static let all: [any Model.Type] = [
    MLPClassifier.self, MLPRegressor.self, KNNClassifier.self, KNNRegressor.self,
    KMeansClustering.self, PCA.self, UMAP.self, ONNXModel.self,
  ]

  /// The kind of that name.
  ///
  /// - Throws: ``MaquetteError/Code/unknownKind``, listing those there are.
  public static func named(_ name: String) throws(MaquetteError) -> any Model.Type {
    guard let kind = all.first(where: { $0.kind == name }) else {
      throw MaquetteError(
        .unknownKind,
        "there is no kind of model \(quoted(name)); there is " + all.map { $0.kind }.joined(separator: ", "),
        name: name)
    }
    return kind
  }

  /// A new model of that kind, with the given parameters instead of the defaults.
  ///
  /// - Throws: ``MaquetteError/Code/unknownKind``, ``MaquetteError/Code/unknownParameter``,
  ///   ``MaquetteError/Code/badParameter``.
  public static func make(_ name: String, parameters: JSONObject = [:]) throws(MaquetteError) -> any Model {
    let model = try named(name).init()
    try model.setParameters(parameters)
    return model
  }
}
