import MaquetteFormats
import MaquetteSystem

/// A prediction as a record holds it: the numbers, and which instance they are about. What the instance had as `y`, where
/// that was a text or a number, is the record's label.
struct StoredPrediction: Sendable, Equatable {
  let form: PredictionForm
  /// As many as the form has; none where they were not read.
  var values: [Float]
  let instance: PredictedInstance
  /// The instance's `y`, where it was nothing simple.
  var truth: JSON?
}

/// An instance at the moment a prediction was made of it.
struct PredictedInstance: Sendable, Hashable {
  let id: DocumentID
  /// When it was last changed by then, in milliseconds since 1970.
  let updatedAt: Int64

  /// The bytes a store keeps it as: 12 of the id, as its digits go, and 8 of the date, the lowest first.
  static let bytes = 20

  func write(to bytes: UnsafeMutableRawPointer) {
    bytes.storeBytes(of: id.high.bigEndian, as: UInt64.self)
    bytes.storeBytes(of: id.low.bigEndian, toByteOffset: 8, as: UInt32.self)
    bytes.storeBytes(of: updatedAt.littleEndian, toByteOffset: 12, as: Int64.self)
  }

  /// Reads what ``write(to:)`` wrote, from at least ``bytes`` bytes.
  init(_ bytes: UnsafeRawBufferPointer) {
    id = DocumentID(
      high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
      low: UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self)))
    updatedAt = Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: 12, as: Int64.self))
  }

  init(id: DocumentID, updatedAt: Int64) {
    self.id = id
    self.updatedAt = updatedAt
  }
}

extension Record {
  /// The members of a prediction's record, in their order: what was predicted, `instanceId` and `yTrue`.
  func members(of prediction: StoredPrediction) -> [(String, JSON)] {
    var members = prediction.form.members(prediction.values)
    members.append(("instanceId", .string(prediction.instance.id.text)))
    if let truth = truth(of: prediction) { members.append(("yTrue", truth)) }
    return members
  }

  /// One of ``members(of:)``; nil for another name.
  func member(_ name: String, of prediction: StoredPrediction) -> JSON? {
    switch name {
    case "instanceId": .string(prediction.instance.id.text)
    case "yTrue": truth(of: prediction)
    default: prediction.form.member(name, prediction.values)
    }
  }

  private func truth(of prediction: StoredPrediction) -> JSON? { prediction.truth ?? label?.json }

  /// The same document with its prediction among the fields, where it can be changed member by member.
  var flattened: Record {
    guard let prediction else { return self }
    var record = self
    record.prediction = nil
    record.label = nil
    record.fields = JSONObject(members(of: prediction) + fields.members.map { ($0.name, $0.value) })
    return record
  }
}
