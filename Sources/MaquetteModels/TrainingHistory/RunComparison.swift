public import MaquetteFormats
public import MaquetteSystem

extension TrainingHistory {
  /// Runs side by side: what their parameters differ in, and their figures epoch by epoch.
  public struct Comparison: Sendable {
    public let runs: [Run]

    /// The parameters that are not the same in all runs, in the order of the first run that has them: a value for each
    /// run, nil where it has none of that name.
    public let parameters: [(name: String, values: [JSON?])]

    /// The figures that any of the runs has.
    public let logs: [Log]

    /// One figure of all runs.
    public struct Log: Sendable {
      public let name: String
      /// For each run the value of each epoch, all of one length; nil where the run has none.
      public let values: [[Double?]]
      /// For each run the best value and its epoch, from 1; nil where it has none, or where it is not known whether
      /// more is better.
      public let best: [Best?]
      /// The run with the best of all, the first of equals; an index into `runs`.
      public let bestRun: Int?
    }

    public struct Best: Sendable, Equatable {
      public let value: Double
      public let epoch: Int
    }

    public init(_ runs: [Run]) {
      self.runs = runs
      parameters = Self.differences(runs.map(\.parameters))
      logs = Self.names(runs.map { $0.document["logs"]?.object ?? [:] }).map { name in
        Log(name, runs.map { ($0.document["logs"]?[name]?.array ?? []).map(\.number) })
      }
    }

    private static func names(_ objects: [JSONObject]) -> [String] {
      var names: [String] = []
      var seen: Set<String> = []
      for object in objects {
        for name in object.names where seen.insert(name).inserted { names.append(name) }
      }
      return names
    }

    private static func differences(_ parameters: [JSONObject]) -> [(name: String, values: [JSON?])] {
      names(parameters).compactMap { name in
        let values = parameters.map { $0[name] }
        return values.dropFirst().allSatisfy { $0 == values[0] } ? nil : (name, values)
      }
    }
  }

  /// Compares runs, by id or name, in that order.
  ///
  /// - Throws: ``MaquetteError/Code/notFound``, or what reading the store meets.
  public func compare(_ idsOrNames: [String]) throws(MaquetteError) -> Comparison {
    var runs: [Run] = []
    for name in idsOrNames { runs.append(try run(name)) }
    return Comparison(runs)
  }
}

extension TrainingHistory.Comparison.Log {
  init(_ name: String, _ columns: [[Double?]]) {
    self.name = name
    let epochs = columns.map(\.count).max() ?? 0
    values = columns.map { $0 + Array(repeating: nil, count: epochs - $0.count) }
    let prefersMore = Self.prefersMore(name)
    let best = columns.map { column -> TrainingHistory.Comparison.Best? in
      guard let prefersMore else { return nil }
      var best: TrainingHistory.Comparison.Best?
      for case (let epoch, let value?) in column.enumerated() {
        if let best, prefersMore ? value <= best.value : value >= best.value { continue }
        best = TrainingHistory.Comparison.Best(value: value, epoch: epoch + 1)
      }
      return best
    }
    self.best = best
    var winner: Int?
    for case (let run, let candidate?) in best.enumerated() {
      guard let prefersMore, let present = winner.flatMap({ best[$0] }) else {
        winner = run
        continue
      }
      if prefersMore ? candidate.value > present.value : candidate.value < present.value { winner = run }
    }
    bestRun = winner
  }

  /// Whether more of a figure is better; nil where its name does not tell.
  private static func prefersMore(_ name: String) -> Bool? {
    var name = name.lowercased()
    if name.hasSuffix("val") { name.removeLast(3) }
    if ["loss", "error", "mse", "mae", "rmse"].contains(where: { name.hasSuffix($0) }) { return false }
    if ["accuracy", "precision", "recall", "f1", "auc", "r2"].contains(where: { name.hasSuffix($0) }) {
      return true
    }
    return nil
  }
}

extension TrainingHistory.Comparison {
  /// `{"runs": [{id, name, status, …}], "parameters": {"epochs": [20, 30]}, "logs": {"loss": {"values": [[…], […]],
  /// "best": [{"value", "epoch"}, …], "bestRun": 1}}}`, with null where there is nothing.
  public var json: JSON {
    [
      "runs": .array(runs.map { .object(TrainingHistory.Change.summary($0.document)) }),
      "parameters": .object(JSONObject(parameters.map { ($0.name, .array($0.values.map { $0 ?? .null })) })),
      "logs": .object(JSONObject(logs.map { ($0.name, $0.json) })),
    ]
  }
}

extension TrainingHistory.Comparison.Log {
  fileprivate var json: JSON {
    [
      "values": .array(values.map { .array($0.map { $0.map { .number($0) } ?? .null }) }),
      "best": .array(
        best.map { $0.map { ["value": .number($0.value), "epoch": JSON($0.epoch)] } ?? .null }),
      "bestRun": bestRun.map { JSON($0) } ?? .null,
    ]
  }
}
