package import MaquetteFormats
import MaquetteSystem

/// What the predictions of one batch have in common. A store keeps it once, beside the records.
package struct PredictionRun: Sendable, Equatable {
  /// Tells this run from all others.
  package let id: String
  package let form: PredictionForm
  /// What the predictions were made with and of; a run goes on only where this is the same.
  package let origin: JSONObject

  /// A new run.
  package init(_ form: PredictionForm, origin: JSONObject) {
    self.init(id: DocumentID.make().text, form: form, origin: origin)
  }

  private init(id: String, form: PredictionForm, origin: JSONObject) {
    self.id = id
    self.form = form
    self.origin = origin
  }

  /// As a store keeps it.
  var json: JSON { ["id": .string(id), "form": form.json, "origin": .object(origin)] }

  /// Reads what ``json`` gave; nil for anything else.
  init?(_ json: JSON) {
    guard let id = json["id"]?.string, let form = json["form"].flatMap({ PredictionForm($0) }),
      let origin = json["origin"]?.object
    else { return nil }
    self.init(id: id, form: form, origin: origin)
  }
}

/// What the numbers of a prediction mean.
package enum PredictionForm: Sendable, Equatable {
  /// The confidence of each label; all 0 where the row belongs to none.
  case labels([String])
  /// The confidence of each of so many clusters.
  case clusters(Int)
  /// One number.
  case number
  /// So many numbers.
  case numbers(Int)

  /// The label of a row that belongs to none.
  package static let none = "none"

  /// How many numbers a prediction has.
  package var width: Int {
    switch self {
    case .labels(let labels): labels.count
    case .clusters(let count), .numbers(let count): count
    case .number: 1
    }
  }

  /// The number of the label or the cluster with the greatest confidence, of equals the first; nil for a row that
  /// belongs to no label, and for numbers.
  package func choice(_ values: some RandomAccessCollection<Float>) -> Int? {
    switch self {
    case .number, .numbers: return nil
    case .labels, .clusters:
      var best: Int?
      var greatest = -Float.infinity
      for (place, value) in values.enumerated() where value > greatest {
        best = place
        greatest = value
      }
      if case .labels = self, greatest == 0 { return nil }
      return best
    }
  }

  /// The members of a record that say what was predicted, in their order.
  func members(_ values: [Float]) -> [(String, JSON)] {
    memberNames.compactMap { name in member(name, values).map { (name, $0) } }
  }

  var memberNames: [String] {
    switch self {
    case .labels: ["label", "confidences"]
    case .clusters: ["cluster", "confidences"]
    case .number, .numbers: ["value"]
    }
  }

  /// One of the members; nil for a name that is none.
  func member(_ name: String, _ values: [Float]) -> JSON? {
    switch (self, name) {
    case (.labels(let labels), "label"):
      .string(choice(values).map { labels[$0] } ?? Self.none)
    case (.labels(let labels), "confidences"):
      .object(JSONObject(zip(labels, values).map { ($0, JSON(Double($1))) }))
    case (.clusters, "cluster"): JSON(choice(values) ?? 0)
    case (.clusters, "confidences"):
      .object(JSONObject(values.enumerated().map { (String($0), JSON(Double($1))) }))
    case (.number, "value"): values.first.map { JSON(Double($0)) }
    case (.numbers, "value"): .array(values.map { JSON(Double($0)) })
    default: nil
    }
  }

  var json: JSON {
    switch self {
    case .labels(let labels): ["labels": .array(labels.map { .string($0) })]
    case .clusters(let count): ["clusters": JSON(count)]
    case .number: ["number": true]
    case .numbers(let count): ["numbers": JSON(count)]
    }
  }

  init?(_ json: JSON) {
    if let labels = json["labels"]?.array {
      let names = labels.compactMap(\.string)
      guard names.count == labels.count else { return nil }
      self = .labels(names)
    } else if let count = json["clusters"]?.integer, count >= 0, count <= Int32.max {
      self = .clusters(count)
    } else if let count = json["numbers"]?.integer, count >= 0, count <= Int32.max {
      self = .numbers(count)
    } else if json["number"]?.bool == true {
      self = .number
    } else {
      return nil
    }
  }
}
