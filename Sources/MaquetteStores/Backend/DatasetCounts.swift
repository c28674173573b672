/// How many instances some datasets have: mostly one, which is found without a dictionary.
struct DatasetCounts: Sendable {
  private var first: (dataset: String, count: Int)?
  private var others: [ExactText: Int] = [:]

  /// None.
  init() {}

  /// Of one dataset.
  init(_ dataset: String, _ count: Int) { first = (dataset, count) }

  subscript(dataset: String) -> Int? {
    get {
      if let first, isSame(first.dataset, dataset) { return first.count }
      return others.isEmpty ? nil : others[ExactText(dataset)]
    }
    set {
      if first.map({ isSame($0.dataset, dataset) }) ?? others.isEmpty {
        first = newValue.map { (dataset, $0) }
      } else {
        others[ExactText(dataset)] = newValue
      }
    }
  }
}
