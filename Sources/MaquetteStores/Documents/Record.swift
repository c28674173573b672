import MaquetteFormats
import MaquetteSystem

/// A document as the backends keep it: what they search and read in bulk apart from the rest.
struct Record: Sendable {
  var id: DocumentID
  /// Milliseconds since 1970.
  var createdAt: Int64 = 0
  var updatedAt: Int64 = 0
  /// The dataset an instance belongs to; nil for a document that is no instance.
  var dataset: String?
  var name: String?
  /// The `x` of an instance where it is made of numbers; any other `x` is among the fields.
  var features: Features?
  /// `y`, where it is a string or a number, or an array of numbers that came as a matrix.
  var label: Label?
  /// All other members.
  var fields = JSONObject()
  /// What a batch prediction stored; its record has no dataset and no features.
  @Seldom var prediction: StoredPrediction?
  /// Where the backend found it; of no meaning outside of one session.
  var place: Int64 = 0
}

/// A value that is mostly not there, and then takes no more room than a pointer: a store in memory holds a record for each
/// instance that came alone.
@propertyWrapper struct Seldom<Value: Sendable>: Sendable {
  private var values: [Value] = []

  init(wrappedValue: Value?) { self.wrappedValue = wrappedValue }

  var wrappedValue: Value? {
    get { values.first }
    set { values = newValue.map { [$0] } ?? [] }
  }
}

/// A string, a number, or numbers that came as a matrix, under `y`.
enum Label: Sendable, Equatable {
  case text(String)
  case number(Double)
  /// An array of numbers; one that came as JSON is among the fields, where it keeps all its digits.
  case numbers([Float])

  var json: JSON {
    switch self {
    case .text(let text): .string(text)
    case .number(let number): .number(number)
    case .numbers(let numbers): .array(numbers.map { .number(Double($0)) })
    }
  }
}

/// What of a record a reader needs; the id, the dates and the dataset are always there.
struct RecordParts: OptionSet, Sendable {
  let rawValue: Int
  static let features = RecordParts(rawValue: 1)
  static let label = RecordParts(rawValue: 2)
  static let fields = RecordParts(rawValue: 4)
  static let all: RecordParts = [.features, .label, .fields]

  /// What the member of that name is read from.
  init(toRead member: String) {
    switch member {
    case "id", "_id", "createdAt", "updatedAt": self = []
    // These are always there where they are texts; anything else is among the fields.
    case "datasetName", "name": self = .fields
    // Features or a label of another form than the columns hold are among the fields.
    case "x": self = [.features, .fields]
    case "y": self = [.label, .fields]
    // A prediction is kept as features are, what it is compared with as a label is, and the fields say that it is one.
    case "label", "confidences", "cluster", "value": self = [.features, .fields]
    case "yTrue": self = [.label, .fields]
    default: self = .fields
    }
  }

  init(rawValue: Int) { self.rawValue = rawValue }
}
