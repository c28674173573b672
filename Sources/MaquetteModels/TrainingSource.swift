public import MaquetteStores
import Synchronization

/// What a model is trained on.
public enum TrainingSource: Sendable {
  /// The instances that are in the dataset when the training begins.
  case dataset(Dataset)
  case table(InstanceTable)
  /// Rows that are read when the training begins; as one table as long as they take no more than
  /// ``TrainingSource/greatestTable``. Beyond that, kinds that can learn them block by block, reading them again for
  /// every epoch; others refuse them.
  case blocks(any BlockSource)

  /// How many bytes of rows are gathered from blocks: 256 MB unless set.
  public static var greatestTable: Int {
    get { limit.load(ordering: .relaxed) }
    set { limit.store(max(0, newValue), ordering: .relaxed) }
  }

  private static let limit = Atomic<Int>(256 << 20)
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
