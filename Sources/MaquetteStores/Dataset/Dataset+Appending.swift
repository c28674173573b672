public import MaquetteKernels
public import MaquetteSystem

extension Dataset {
  /// Adds a row of the matrix with its label as an instance each: all of them, or none.
  ///
  /// - Parameter layout: what each row is kept as; all of it has to fit.
  /// - Throws: ``MaquetteError/Code/noRows`` for an empty matrix; ``MaquetteError/Code/badShape`` when there are not as
  ///   many labels as rows, the instances have another number of features, or the layout another number of elements;
  ///   ``MaquetteError/Code/invalidArgument`` for what is no byte; ``MaquetteError/Code/notFinite`` naming
  ///   the row and the column, from 0, of the first NaN or infinity; or what writing meets.
  public func append(
    _ features: Matrix, labels: LabelColumn, layout: RowLayout = .flat
  ) throws(MaquetteError) {
    try check(features, layout)
    guard features.rows == labels.count else {
      throw MaquetteError(
        .badShape, "\(features.rows) rows can't have \(labels.count) labels: there must be one for each row",
        name: name)
    }
    try service.append(features, .labels(labels), layout, to: name)
  }

  /// Adds a row of the matrix with its row of targets as an instance each: all of them, or none.
  ///
  /// One target becomes a number under `y`, several become an array.
  ///
  /// - Parameters:
  ///   - features: [rows, features]
  ///   - targets: [rows, targets], finite
  /// - Throws: as ``append(_:labels:)``.
  public func append(
    _ features: Matrix, targets: Matrix, layout: RowLayout = .flat
  ) throws(MaquetteError) {
    try check(features, layout)
    guard features.rows == targets.rows else {
      throw MaquetteError(
        .badShape,
        "\(features.rows) rows can't have \(targets.rows) rows of targets: there must be one for each row",
        name: name)
    }
    guard targets.columns > 0 else {
      throw MaquetteError(.badShape, "the targets to add to dataset '\(name)' have no columns", name: name)
    }
    try targets.requireFinite { [name] row, column, value in
      MaquetteError(
        .notFinite, "target row \(row), column \(column) is \(value): targets must be finite", name: name)
    }
    try service.append(features, .values(targets), layout, to: name)
  }

  private func check(_ features: Matrix, _ layout: RowLayout) throws(MaquetteError) {
    guard features.rows > 0 else {
      throw MaquetteError(.noRows, "there are no rows to add to dataset '\(name)'", name: name)
    }
    guard features.columns > 0 else {
      throw MaquetteError(.badShape, "the rows to add to dataset '\(name)' have no features", name: name)
    }
    try features.requireFinite { [name] row, column, value in
      MaquetteError(
        .notFinite, "row \(row), column \(column) is \(value): features must be finite", name: name)
    }
    if let shape = layout.shape { try check(shape, features.columns) }
    guard layout.isBytes else { return }
    if let place = features.firstNoByte {
      throw MaquetteError(
        .invalidArgument,
        "row \(place.row), column \(place.column) is \(features[place.row, place.column]): "
          + "a byte must be a whole number from 0 to 255", name: name)
    }
  }

  private func check(_ shape: [Int], _ columns: Int) throws(MaquetteError) {
    var count = 1
    for length in shape {
      let (product, overflow) = count.multipliedReportingOverflow(by: max(0, length))
      count = overflow ? 0 : product
    }
    guard !shape.isEmpty, shape.count <= 32, count == columns else {
      throw MaquetteError(
        .badShape, "rows of \(columns) numbers can't have the shape \(shape.prefix(40))", name: "shape")
    }
  }
}

extension Matrix {
  /// Where the first number is that no byte holds; nil where there is none.
  fileprivate var firstNoByte: (row: Int, column: Int)? {
    withUnsafeBufferPointer { values in
      values.firstIndex { !($0 >= 0 && $0 <= 255) || $0 != $0.rounded(.towardZero) }
        .map { ($0 / columns, $0 % columns) }
    }
  }
}
