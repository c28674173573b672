import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteSystem

// Between JSON of others and the tensors that are stored.

/// Rows of finite numbers, all of one width, as JSON has them.
struct NumberTable {
  let rows: Int
  let columns: Int
  let values: [Float]

  /// - Parameters:
  ///   - what: what messages call the file.
  ///   - name: of the table.
  /// - Throws: ``MaquetteError/Code/badFormat`` for no rows, or no numbers in them, numbers that no float is, or rows of
  ///   different widths.
  init(_ json: [JSON], _ what: String, _ name: String) throws(MaquetteError) {
    var values: [Float] = []
    let width = json.first?.array?.count ?? 0
    for (place, row) in json.enumerated() {
      guard let numbers = row.array, numbers.count == width else {
        throw MaquetteError(
          .badFormat, "\(what) can't be read: row \(place) of \(name) must be an array of \(width) numbers",
          name: name)
      }
      for number in numbers {
        guard let value = number.number.map({ Float($0) }), value.isFinite else {
          throw MaquetteError(
            .badFormat,
            "\(what) can't be read: row \(place) of \(name) has something that is no 32-bit number",
            name: name)
        }
        values.append(value)
      }
    }
    guard !values.isEmpty else {
      throw MaquetteError(.badFormat, "\(what) can't be read: \(name) has no numbers", name: name)
    }
    rows = json.count
    columns = width
    self.values = values
  }

  subscript(row: Int) -> ArraySlice<Float> { values[row * columns..<(row + 1) * columns] }

  var tensor: SafeTensors.Tensor { SafeTensors.Tensor(values, shape: [rows, columns]) }
}

extension JSON {
  /// An array of rows.
  init(rows matrix: Matrix) {
    self = .array((0..<matrix.rows).map { row in .array(matrix[row: row].map { JSON(Double($0)) }) })
  }
}

extension Collection<Float> {
  /// The numbers at a length of 1; zeros stay zeros.
  var unit: [Float] {
    let length = reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    return map { length > 0 ? Float(Double($0) / length) : 0 }
  }
}

extension Matrix {
  /// The columns as rows.
  ///
  /// - Throws: ``MaquetteError/Code/outOfMemory``.
  func transposed() throws(MaquetteError) -> Matrix {
    try Matrix(rows: columns, columns: rows) { (values) throws(MaquetteError) in
      for row in 0..<rows {
        for column in 0..<columns { values[column * rows + row] = self[row, column] }
      }
    }
  }
}

extension JSONObject {
  /// Adds a parameter to those in the metadata, unless it is there.
  mutating func addParameter(_ name: String, _ value: JSON) {
    var parameters = self["parameters"]?.object ?? [:]
    if parameters[name] == nil { parameters[name] = value }
    self["parameters"] = .object(parameters)
  }
}

extension ModelArchive {
  /// What archives that are no networks call their file.
  static let tensorsFile = "model.safetensors"

  /// What is stored of a model that is no network.
  ///
  /// - Throws: ``MaquetteError/Code/badFormat``.
  func tensors() throws(MaquetteError) -> SafeTensors {
    try SafeTensors(parsing: try file(Self.tensorsFile), as: Self.tensorsFile)
  }
}

extension PortableModel {
  /// A model that is no network.
  init(kind: String, tensors: [(String, SafeTensors.Tensor)], metadata: JSONObject) {
    let file = SafeTensors(tensors: tensors, metadata: [("kind", kind), ("version", "1")])
    self.init(
      kind: kind,
      archive: ModelArchive(
        format: kind, metadata: metadata,
        files: [StoredFile(name: ModelArchive.tensorsFile, bytes: file.bytes)]))
  }

  /// Clusters from elsewhere.
  ///
  /// - Parameter inertia: nil where nobody knows.
  init(
    clusters centers: NumberTable, counts: [Double], of clusters: [Int32], inertia: Double?,
    _ metadata: JSONObject
  ) {
    var tensors: [(String, SafeTensors.Tensor)] = [
      ("centers", centers.tensor), ("counts", SafeTensors.Tensor(doubles: counts, shape: [counts.count])),
      ("clusters", SafeTensors.Tensor(clusters, shape: [clusters.count])),
    ]
    if let inertia { tensors.append(("inertia", SafeTensors.Tensor(doubles: [inertia], shape: [1]))) }
    self.init(kind: KMeansClustering.kind, tensors: tensors, metadata: metadata)
  }

  /// Principal components from elsewhere.
  ///
  /// - Parameters:
  ///   - bases: [features, components], of which the first `count` are taken.
  ///   - variances: along each component at least.
  /// - Throws: ``MaquetteError/Code/badFormat`` where they don't go together.
  init(
    bases: NumberTable, count: Int, mean: [Float], variances: [Float], total: Double, _ metadata: JSONObject,
    as what: String
  ) throws(MaquetteError) {
    guard mean.count == bases.rows, count <= bases.columns, count <= variances.count else {
      throw MaquetteError(
        .badFormat,
        "\(what) can't be read: it needs a mean for each of \(bases.rows) features, and a variance for each of \(count) components",
        name: what)
    }
    let components = (0..<count).flatMap { component in
      (0..<bases.rows).map { bases.values[$0 * bases.columns + component] }
    }
    self.init(
      kind: PCA.kind,
      tensors: [
        ("components", SafeTensors.Tensor(components, shape: [count, bases.rows])),
        ("mean", SafeTensors.Tensor(mean, shape: [1, bases.rows])),
        ("explainedVariance", SafeTensors.Tensor(variances[..<count], shape: [1, count])),
        ("totalVariance", SafeTensors.Tensor(doubles: [total], shape: [1])),
      ], metadata: metadata)
  }
}
