// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Exported names are the header's.

public import CMaquette
import MaquetteFormats
import MaquetteKernels
import MaquetteModels
import MaquetteStores
import MaquetteSystem

/// A dataset as a host holds it.
final class DatasetObject: Sendable {
  let dataset: Dataset
  let streams = StreamHandles()
  init(_ dataset: Dataset) { self.dataset = dataset }
}

@implementation @_cdecl("maquette_dataset_open")
public func maquette_dataset_open(
  _ store: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ dataset: UnsafeMutablePointer<OpaquePointer?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let store = try stores[store].store
    let dataset = try required(dataset, "dataset")
    dataset.pointee = try datasets.insert(DatasetObject(try Dataset(try string(name, "name"), in: store)))
  }
}

@implementation @_cdecl("maquette_dataset_destroy")
public func maquette_dataset_destroy(_ dataset: OpaquePointer?) {
  unlessForked { datasets.remove(dataset)?.streams.close() }
}

@implementation @_cdecl("maquette_dataset_append")
public func maquette_dataset_append(
  _ dataset: OpaquePointer?, _ features: UnsafePointer<maquette_matrix>?,
  _ labels: UnsafePointer<UnsafePointer<CChar>?>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let dataset = try datasets[dataset].dataset
    let view = try MatrixView(features, "features")
    // The features first: a number of rows that can't be is found there.
    let matrix = try view.matrix("features")
    try dataset.append(
      matrix, labels: try labelColumn(labels, count: view.rows, "labels", allowsNone: true),
      layout: view.layout)
  }
}

@implementation @_cdecl("maquette_dataset_append_shaped")
public func maquette_dataset_append_shaped(
  _ dataset: OpaquePointer?, _ features: UnsafePointer<maquette_matrix>?, _ shape: UnsafePointer<Int64>?,
  _ dimensions: Int32, _ labels: UnsafePointer<UnsafePointer<CChar>?>?,
  _ targets: UnsafePointer<maquette_matrix>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let dataset = try datasets[dataset].dataset
    let view = try MatrixView(features, "features")
    let shape = try required(shape, "shape")
    guard (1...32).contains(dimensions) else {
      throw MaquetteError(
        .badShape, "dimensions is \(dimensions); it must be from 1 to 32", name: "dimensions")
    }
    let lengths = UnsafeBufferPointer(start: shape, count: Int(dimensions)).map { Int($0) }
    let layout = RowLayout(shape: lengths, isBytes: view.layout.isBytes)
    let matrix = try view.matrix("features")
    guard targets != nil else {
      let column = try labelColumn(labels, count: view.rows, "labels", allowsNone: true)
      try dataset.append(matrix, labels: column, layout: layout)
      return
    }
    guard labels == nil else {
      throw MaquetteError(
        .invalidArgument, "a row has a label or targets, not both: labels or targets must be NULL",
        name: "targets"
      )
    }
    let values = try MatrixView(targets, "targets").matrix("targets")
    try dataset.append(matrix, targets: values, layout: layout)
  }
}

extension MatrixView {
  /// How its rows are kept: bytes as bytes.
  fileprivate var layout: RowLayout { RowLayout(isBytes: type == .uint8) }
}

@implementation @_cdecl("maquette_dataset_append_targets")
public func maquette_dataset_append_targets(
  _ dataset: OpaquePointer?, _ features: UnsafePointer<maquette_matrix>?,
  _ targets: UnsafePointer<maquette_matrix>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let dataset = try datasets[dataset].dataset
    let features = try MatrixView(features, "features")
    let targets = try MatrixView(targets, "targets")
    try dataset.append(
      try features.matrix("features"), targets: try targets.matrix("targets"), layout: features.layout)
  }
}

@implementation @_cdecl("maquette_dataset_targets")
public func maquette_dataset_targets(
  _ dataset: OpaquePointer?, _ targets: UnsafeMutablePointer<maquette_matrix>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let table = try datasets[dataset].dataset.table(of: .values)
    guard let matrix = table.targets else {
      throw MaquetteError(.internal, "a table of values has no targets")
    }
    try write(matrix, to: targets, "targets")
  }
}

@implementation @_cdecl("maquette_dataset_create")
public func maquette_dataset_create(
  _ dataset: OpaquePointer?, _ instance: UnsafePointer<CChar>?,
  _ stored: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let dataset = try datasets[dataset].dataset
    switch try oneOrMany(instance, "instance") {
    case .one(let document): try give(.object(try dataset.create(document)), to: stored)
    case .many(let documents): try give(array(try dataset.create(documents)), to: stored)
    }
  }
}

@implementation @_cdecl("maquette_dataset_get")
public func maquette_dataset_get(
  _ dataset: OpaquePointer?, _ id: UnsafePointer<CChar>?,
  _ instance: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let dataset = try datasets[dataset].dataset
    let instance = try required(instance, "instance")
    instance.pointee = try owned(.object(try dataset.get(try string(id, "id"))))
  }
}

@implementation @_cdecl("maquette_dataset_remove")
public func maquette_dataset_remove(
  _ dataset: OpaquePointer?, _ id: UnsafePointer<CChar>?,
  _ removed: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let document = try datasets[dataset].dataset.remove(try string(id, "id"))
    if let removed { removed.pointee = try owned(.object(document)) }
  }
}

@implementation @_cdecl("maquette_dataset_find")
public func maquette_dataset_find(
  _ dataset: OpaquePointer?, _ query: UnsafePointer<CChar>?,
  _ page: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let dataset = try datasets[dataset].dataset
    let page = try required(page, "page")
    page.pointee = try owned(try dataset.find(try Query(.object(try object(query, "query")))).json)
  }
}

@implementation @_cdecl("maquette_dataset_count")
public func maquette_dataset_count(
  _ dataset: OpaquePointer?, _ count: UnsafeMutablePointer<Int64>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let dataset = try datasets[dataset].dataset
    let count = try required(count, "count")
    count.pointee = Int64(dataset.count)
  }
}

@implementation @_cdecl("maquette_dataset_clear")
public func maquette_dataset_clear(
  _ dataset: OpaquePointer?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    try datasets[dataset].dataset.clear()
  }
}

@implementation @_cdecl("maquette_dataset_distinct")
public func maquette_dataset_distinct(
  _ dataset: OpaquePointer?, _ field: UnsafePointer<CChar>?,
  _ values: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let dataset = try datasets[dataset].dataset
    let values = try required(values, "values")
    values.pointee = try owned(.array(try dataset.distinct(try string(field, "field"))))
  }
}

@implementation @_cdecl("maquette_dataset_shape")
public func maquette_dataset_shape(
  _ dataset: OpaquePointer?, _ rows: UnsafeMutablePointer<Int64>?, _ cols: UnsafeMutablePointer<Int64>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let dataset = try datasets[dataset].dataset
    let rows = try required(rows, "rows")
    let columns = try required(cols, "cols")
    let shape = try dataset.shape()
    rows.pointee = Int64(shape.rows)
    columns.pointee = Int64(shape.columns)
  }
}

@implementation @_cdecl("maquette_dataset_read")
public func maquette_dataset_read(
  _ dataset: OpaquePointer?, _ features: UnsafeMutablePointer<maquette_matrix>?,
  _ label_codes: UnsafeMutablePointer<Int32>?, _ labels: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let dataset = try datasets[dataset].dataset
    let view = try MatrixView(features, "features")
    try view.requireWritable("features")
    let column = try read(dataset, into: view)
    let names = labels == nil ? nil : try owned(.array(column.names.map { .string($0) }))
    if let label_codes {
      for (row, code) in column.codes.enumerated() { label_codes[row] = code }
    }
    if let labels { labels.pointee = names }
  }
}

/// - Returns: the labels of the rows.
private func read(_ dataset: Dataset, into view: MatrixView) throws(MaquetteError) -> LabelColumn {
  if let dense = view.dense {
    let features = FloatBuffer(borrowing: dense, count: view.rows * view.columns)
    return try dataset.read(rows: view.rows, columns: view.columns, into: features)
  }
  let table = try dataset.table()
  try table.requireShape(rows: view.rows, columns: view.columns)
  table.features.withUnsafeBufferPointer { floats in
    if let base = floats.baseAddress { view.write(from: base) }
  }
  return table.labels
}

@implementation @_cdecl("maquette_dataset_counts")
public func maquette_dataset_counts(_ dataset: OpaquePointer?) -> OpaquePointer? {
  handleUnlessForked {
    guard let object = try? datasets[dataset] else { return nil }
    return try? object.streams.handle("count") { JSONValueStream(object.dataset.$count) { JSON($0) } }
  }
}

@implementation @_cdecl("maquette_dataset_changes")
public func maquette_dataset_changes(_ dataset: OpaquePointer?) -> OpaquePointer? {
  handleUnlessForked {
    guard let object = try? datasets[dataset] else { return nil }
    return try? object.streams.handle("changes") {
      JSONValueStream(object.dataset.$changes, writing: { $0.write(to: &$1) })
    }
  }
}
