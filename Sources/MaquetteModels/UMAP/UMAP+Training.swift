import MaquetteKernels
import MaquetteSystem

extension UMAP {
  /// As Marcelle has it.
  static func automaticEpochs(rows: Int) -> Int {
    switch rows {
    case ...2500: 500
    case ...5000: 400
    case ...7500: 300
    default: 200
    }
  }

  /// The least learning rate with which a finished training is gone on with.
  private static let laterRate: Float = 0.25

  func learn(
    _ task: LearningTask<EmbeddingRows>, settings: Settings, run: TrainingRun
  ) throws(MaquetteError) -> TrainingStatus {
    let rows = task.rows
    let before = task.mode == .continuing ? try continued(rows, settings) : nil
    if settings.supervised {
      guard rows.codes.contains(where: { $0 >= 0 }) else {
        throw MaquetteError(
          .notFound, "no row has a label; a supervised embedding needs some to draw apart", name: "y")
      }
    }
    let epochs =
      settings.epochs > 0 ? settings.epochs : Self.automaticEpochs(rows: rows.features.rows)
    training = TrainingStatus(.start, epochs: epochs)

    let distances = try RowDistances(rows.features, metric: settings.metric, run: run)
    let seed = UInt64(truncatingIfNeeded: settings.seed)
    var graph = try Self.graph(rows, settings, distances, run)
    graph = try graph.pruned(epochs: epochs)
    let start: FloatBuffer
    if let before {
      start = try before.embedding.buffer()
    } else {
      start = try EmbeddingStart(
        graph: graph, features: rows.features, dimensions: settings.nComponents, seed: seed, run: run
      ).places()
    }
    let layout = try EmbeddingLayout(
      graph, start: start.pointer, dimensions: settings.nComponents,
      curve: Embedding.Curve(minDist: settings.minDist, spread: settings.spread), seed: seed)
    var fitted = FittedEmbedding(
      rows: rows.features, embedding: try layout.embedding(), settings: settings, rate: 1,
      distances: distances)
    let firstRate = before.map { max($0.rate, Self.laterRate) } ?? 1
    func rate(_ epoch: Int) -> Float { firstRate * (1 - Float(epoch) / Float(epochs)) }
    for epoch in 0..<epochs {
      try run.checkCancellation()
      try layout.epoch(epoch, rate: rate(epoch), run: run)
      fitted = fitted.moved(to: try layout.embedding(), rate: rate(epoch + 1))
      try fitted.requireFinite()
      publish(fitted)
      training = TrainingStatus(.epoch, epoch: epoch + 1, epochs: epochs, matrix: fitted.embedding)
    }
    return TrainingStatus(.success, matrix: fitted.embedding)
  }

  /// What is to be gone on with, if these are its rows and settings.
  private func continued(_ rows: EmbeddingRows, _ settings: Settings) throws(MaquetteError) -> FittedEmbedding
  {
    guard let fitted else {
      throw MaquetteError(.notTrained, "this \(Self.kind) has been neither trained nor loaded yet")
    }
    guard fitted.outputs == settings.nComponents else {
      throw MaquetteError(
        .badParameter,
        "the embedding has \(fitted.outputs) dimensions; it can't be gone on with in \(settings.nComponents)",
        name: "nComponents")
    }
    guard fitted.rows == rows.features else {
      throw MaquetteError(
        .badShape,
        "an embedding can only be gone on with for the rows it was made of; train it again for others")
    }
    return fitted
  }

  private static func graph(
    _ rows: EmbeddingRows, _ settings: Settings, _ distances: RowDistances, _ run: TrainingRun
  ) throws(MaquetteError) -> FuzzyGraph {
    let lists = try NeighbourLists.nearest(
      min(settings.nNeighbors, rows.features.rows) - 1, in: distances, of: rows.features,
      seed: UInt64(truncatingIfNeeded: settings.seed), run: run)
    guard Floats.allFinite(lists.distances.pointer, count: lists.distances.count) else {
      throw MaquetteError(
        .notFinite, "the rows lie so far apart that their distances can't be told; scale the features")
    }
    let graph = try FuzzyGraph.of(lists, nNeighbors: settings.nNeighbors, run: run)
    return settings.supervised ? try graph.separating(rows.codes) : graph
  }
}

extension FittedEmbedding {
  /// - Throws: ``MaquetteError/Code/notFinite`` when the optimisation went astray.
  func requireFinite() throws(MaquetteError) {
    try embedding.withUnsafeBufferPointer { (values) throws(MaquetteError) in
      guard let base = values.baseAddress, !Floats.allFinite(base, count: values.count) else { return }
      throw MaquetteError(
        .notFinite, "the embedding left the range of numbers; try another minDist or spread")
    }
  }
}

extension Matrix {
  /// A copy to write into.
  fileprivate func buffer() throws(MaquetteError) -> FloatBuffer {
    let copy = try FloatBuffer(zeros: rows * columns)
    withUnsafeBufferPointer { values in
      guard let base = values.baseAddress else { return }
      copy.pointer.update(from: base, count: values.count)
    }
    return copy
  }
}
