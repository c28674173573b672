/// What is to be learnt from an instance, beside its features.
public enum TargetKind: String, Sendable, CaseIterable {
  /// A label from each instance.
  case label
  /// A number or an array of numbers from each instance, all of one width.
  case values
  /// Nothing: `y` is not looked at.
  case none
  /// A label from each instance that has one.
  case optionalLabel

  var readsLabels: Bool { self == .label || self == .optionalLabel }

  /// What must be read of a record.
  var parts: RecordParts { self == .none ? .features : .all }
}
