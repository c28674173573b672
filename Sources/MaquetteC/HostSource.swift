import CMaquette
import MaquetteFormats
import MaquetteKernels
import MaquetteModels
import MaquetteStores
import MaquetteSystem
import Synchronization

/// Rows to learn from as a host describes them; the host's `destroy` is called when nobody needs them any more.
final class HostSource: BlockSource, @unchecked Sendable {
  // Unchecked: the host's function and pointer are its own affair, and are only read here.
  private let source: maquette_source?
  /// What was wrong with the struct, told when it is used.
  private let flaw: MaquetteError?
  private let passes = Atomic<Int64>(0)

  init(_ source: UnsafePointer<maquette_source>?) {
    guard let source else {
      self.source = nil
      flaw = MaquetteError(.invalidArgument, "source is NULL; it must not be", name: "source")
      return
    }
    do throws(MaquetteError) {
      try checkSize(source.pointee.struct_size, of: source, "source")
      self.source = source.pointee
      flaw = nil
    } catch {
      // Of a struct of another size nothing can be trusted, `destroy` included.
      self.source = nil
      flaw = error
    }
  }

  deinit { source?.destroy?(source?.user_data) }

  /// - Parameter name: of the argument, for messages.
  /// - Throws: ``MaquetteError/Code/invalidArgument`` unless exactly one source is set; what is wrong with the rows.
  func trainingSource(_ name: String) throws(MaquetteError) -> TrainingSource {
    if let flaw { throw flaw }
    guard let source else {
      throw MaquetteError(.invalidArgument, "\(name) is NULL; it must not be", name: name)
    }
    let count = (source.dataset == nil ? 0 : 1) + (source.rows == nil ? 0 : 1) + (source.read == nil ? 0 : 1)
    guard count == 1 else {
      throw MaquetteError(
        .invalidArgument, "\(name) has \(count) of dataset, rows and read; exactly one must be set",
        name: name)
    }
    if let dataset = source.dataset {
      let dataset = try datasets[dataset].dataset
      guard source.query != nil else { return .dataset(dataset) }
      let query = try Query(.object(try object(source.query, name + ".query")))
      return .blocks(try dataset.blocks(matching: query))
    }
    guard source.query == nil else {
      throw MaquetteError(
        .invalidArgument, "\(name).query goes with a dataset; other rows are filtered by who gives them",
        name: name + ".query")
    }
    if let rows = source.rows { return .table(try Self.table(rows, name + ".rows")) }
    return .blocks(self)
  }

  /// - Throws: ``MaquetteError/Code/invalidArgument``, ``MaquetteError/Code/badShape``, ``MaquetteError/Code/badUTF8``.
  static func table(_ rows: UnsafePointer<maquette_rows>, _ name: String) throws(MaquetteError)
    -> InstanceTable
  {
    try checkSize(rows.pointee.struct_size, of: rows, name)
    let rows = rows.pointee
    let features = try MatrixView(rows.features, name + ".features").matrix(name + ".features")
    guard let targets = rows.targets else {
      return InstanceTable(
        features: features,
        labels: try labelColumn(rows.labels, count: features.rows, name + ".labels", allowsNone: true))
    }
    guard rows.labels == nil else {
      throw MaquetteError(
        .invalidArgument, "\(name) has labels and targets; a row has one of them, or none", name: name)
    }
    let matrix = try MatrixView(targets, name + ".targets").matrix(name + ".targets")
    guard matrix.rows == features.rows else {
      throw MaquetteError(
        .badShape, "\(name).targets has \(matrix.rows) rows, \(name).features has \(features.rows)",
        name: name + ".targets")
    }
    return InstanceTable(features: features, targets: matrix)
  }

  func makeReader(of target: TargetKind) throws(MaquetteError) -> any BlockReader {
    HostReader(self, pass: passes.add(1, ordering: .relaxed).oldValue)
  }

  /// Calls the host.
  ///
  /// - Returns: nil at the end.
  fileprivate func read(_ pass: Int64, _ block: Int64) throws(MaquetteError) -> InstanceTable? {
    guard let source, let function = source.read else { return nil }
    var rows = maquette_rows()
    rows.struct_size = MemoryLayout<maquette_rows>.size
    let status = function(source.user_data, pass, block, &rows)
    guard status == 0 else {
      throw MaquetteError(
        MaquetteError.Code(rawValue: status),
        "the host's function failed to read block \(block) of pass \(pass) (status \(status))", name: "read")
    }
    guard rows.features != nil else { return nil }
    let table = try Self.table(&rows, "block \(block)")
    return table.features.rows == 0 ? nil : table
  }
}

/// One pass over a host's rows.
private final class HostReader: BlockReader {
  private let source: HostSource
  private let pass: Int64
  private var block: Int64 = 0
  private var isOver = false
  private var shape: (features: Int, targets: Int?)?
  private var names: [String] = []
  private var codeOfName: [String: Int32] = [:]

  init(_ source: HostSource, pass: Int64) {
    self.source = source
    self.pass = pass
  }

  func next() throws(MaquetteError) -> InstanceTable? {
    if isOver { return nil }
    isOver = true
    guard let table = try source.read(pass, block) else { return nil }
    let shape = self.shape ?? (table.features.columns, table.targets?.columns)
    guard shape == (table.features.columns, table.targets?.columns) else {
      throw MaquetteError(
        .badShape,
        "block \(block) of the rows has \(table.features.columns) features and \(table.targets?.columns ?? 0) targets, those before have \(shape.features) and \(shape.targets ?? 0)",
        name: "read")
    }
    self.shape = shape
    block += 1
    isOver = false
    guard table.targets == nil else { return table }
    // Codes are counted through all blocks.
    let codes = table.labels.names.map { name in
      if let known = codeOfName[name] { return known }
      let code = Int32(names.count)
      codeOfName[name] = code
      names.append(name)
      return code
    }
    return InstanceTable(
      features: table.features,
      labels: try LabelColumn(names: names, codes: table.labels.codes.map { $0 < 0 ? -1 : codes[Int($0)] }))
  }
}
