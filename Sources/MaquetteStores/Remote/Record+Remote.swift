import MaquetteFormats
import MaquetteSystem

extension Record {
  /// When the instance of a prediction was last changed by then: what a batch goes on by. Readers do not get it.
  static let instanceDate = "instanceUpdatedAt"

  /// The record of a document as a server gives it, whoever wrote it.
  ///
  /// - Parameter form: what predictions in the service are like; nil: they are documents like others.
  init(remote document: JSONObject, id: DocumentID, form: PredictionForm? = nil) {
    self.init(id: id)
    createdAt = Self.moment(document["createdAt"])
    updatedAt = Self.moment(document["updatedAt"])
    if let form { readPrediction(document, form) }
    for (member, value) in document.members {
      switch (member, value) {
      case ("_id", _), ("id", _), ("createdAt", _), ("updatedAt", _), (Self.instanceDate, _): break
      case ("datasetName", .string(let text)): dataset = text
      case ("name", .string(let text)): name = text
      case ("y", .string(let text)) where prediction == nil: label = .text(text)
      case ("y", .number(let number)) where prediction == nil: label = .number(number)
      default: if prediction?.holds(member) != true { fields[member] = value }
      }
    }
    // Numbers that no 32-bit float holds are nothing to learn from, but still a document.
    if dataset != nil, let x = fields["x"], let numbers = try? Features(x, of: id.text) {
      features = numbers
      fields["x"] = nil
    }
  }

  /// The members that a server is to keep; it makes the id and the dates.
  var remoteMembers: JSONObject {
    var members = document.members.filter { !["id", "createdAt", "updatedAt"].contains($0.name) }
      .map { ($0.name, $0.value) }
    if let prediction {
      members.append(
        (Self.instanceDate, .string(Timestamp(milliseconds: prediction.instance.updatedAt).description)))
    }
    return JSONObject(members)
  }

  private static func moment(_ json: JSON?) -> Int64 {
    switch json {
    case .string(let text): Timestamp(text)?.milliseconds ?? 0
    case .number(let number): Int64(exactly: number.rounded()) ?? 0
    default: 0
    }
  }

  private mutating func readPrediction(_ document: JSONObject, _ form: PredictionForm) {
    guard let date = document[Self.instanceDate]?.string.flatMap({ Timestamp($0) }),
      let instance = document["instanceId"]?.string.flatMap({ DocumentID($0) }),
      let values = form.values(of: document)
    else { return }
    var prediction = StoredPrediction(
      form: form, values: values,
      instance: PredictedInstance(id: instance, updatedAt: date.milliseconds))
    switch document["yTrue"] {
    case .string(let text): label = .text(text)
    case .number(let number): label = .number(number)
    case let other: prediction.truth = other
    }
    self.prediction = prediction
  }
}

extension StoredPrediction {
  /// Whether a document's member of that name is what this is made of.
  fileprivate func holds(_ member: String) -> Bool {
    member == "instanceId" || member == "yTrue" || form.memberNames.contains(member)
  }
}
