public import MaquetteFormats
import MaquetteKernels
import MaquetteSystem

/// Where clusters begin.
public enum KMeansInit: Sendable, Equatable {
  /// Rows far from each other, drawn at random: Arthur & Vassilvitskii, "k-means++: the advantages of careful seeding",
  /// 2007.
  case plusPlus
  /// [k, features]
  case centers([[Double]])
}

extension KMeansInit: ParameterValue {
  public static var typeName: String { "centers" }
  public static var choices: [String] { ["k-means++"] }

  public init?(json: JSON) {
    if json == "k-means++" {
      self = .plusPlus
      return
    }
    guard let rows = json.array, !rows.isEmpty else { return nil }
    var centers: [[Double]] = []
    for row in rows {
      guard let numbers = row.array?.compactMap(\.number), !numbers.isEmpty,
        numbers.count == row.array?.count,
        numbers.count == centers.first?.count ?? numbers.count
      else { return nil }
      centers.append(numbers)
    }
    self = .centers(centers)
  }

  public var json: JSON {
    switch self {
    case .plusPlus: "k-means++"
    case .centers(let rows): .array(rows.map { .array($0.map { JSON($0) }) })
    }
  }

  public var numbers: [Double] {
    if case .centers(let rows) = self { rows.flatMap { $0 } } else { [] }
  }
}

/// The parameters of a clustering, frozen for one training.
struct KMeansSettings: Sendable {
  var k = 3
  var start = KMeansInit.plusPlus
  var nInit = 3
  var maxIterations = 300
  var tolerance = 1e-4
  var batchSize = 0
  var seed = 0
}
