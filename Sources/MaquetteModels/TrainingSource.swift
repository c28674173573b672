public import MaquetteStores

/// What a model is trained on.
public enum TrainingSource: Sendable {
  /// The instances that are in the dataset when the training begins.
  case dataset(Dataset)
  case table(InstanceTable)
}

/// How a training begins.
public enum TrainingMode: Sendable {
  /// From nothing, whatever the model knew before.
  case fresh
  /// From where the last training ended: more epochs with the present weights.
  case continuing
  /// From where the last training ended, with rows that come on top of those before.
  case partial
}

/// What is kept of a training that is cancelled.
public enum KeptEpoch: Sendable {
  /// What the last finished epoch made.
  case last
  /// The epoch that was best: by the validation loss, or the loss where nothing is validated.
  case best
}
