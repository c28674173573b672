import Glibc
import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import Synchronization
import TestSupport
import Testing

@testable import MaquetteModels

/// Random tables, parameters and operations. A trap ends the tests as it would end a host.
///
/// MAQUETTE_TEST_ROUNDS and MAQUETTE_TEST_SEED make these longer and begin them elsewhere; with MAQUETTE_TEST_TELL every
/// round is told before it begins.
@Suite struct `Whatever is asked of a model` {
  @Test(arguments: Kinds.names)
  func `nothing traps, and every error has a code that says what was wrong`(kind: String) throws {
    let first = UInt64(setting("MAQUETTE_TEST_SEED", 1))
    for seed in first..<first + UInt64(setting("MAQUETTE_TEST_ROUNDS", 40)) {
      if getenv("MAQUETTE_TEST_TELL") != nil { tell("\(kind) \(seed)") }
      var play = Play(kind, seed: seed)
      try play.run()
    }
  }

  @Test(arguments: Kinds.names)
  func `a stored model whose bytes are damaged anywhere is refused, or can be used`(kind: String) throws {
    var random = Random(seed: 5)
    let samples = try Kinds.samples(30)
    let archive = try Kinds.trained(kind, on: samples).archive()
    for _ in 0..<setting("MAQUETTE_TEST_ROUNDS", 40) * 5 {
      var damaged = archive
      let place = random.integer(below: archive.files.count)
      let file = archive.files[place]
      var bytes = file.bytes
      switch random.integer(below: 4) {
      case 0: bytes.removeLast(random.integer(below: bytes.count) + 1)
      case 1: bytes[random.integer(below: bytes.count)] ^= 1 << UInt8(random.integer(below: 8))
      case 2: bytes[random.integer(below: min(300, bytes.count))] = UInt8(random.integer(below: 256))
      default: bytes.insert(UInt8(random.integer(below: 256)), at: random.integer(below: bytes.count))
      }
      damaged.files[place] = StoredFile(name: file.name, bytes: bytes)
      let model = try Kinds.make(kind)
      switch failure({ try model.restore(damaged) })?.code {
      case nil: _ = failure { _ = try model.predictions(of: samples.features) }
      case .badFormat: #expect(model.fittedModel == nil)
      case let code?: Issue.record("\(kind): status \(code.rawValue) for a damaged \(file.name)")
      }
    }
  }
}

/// Writes a line at once: what is buffered is lost when a test traps.
private func tell(_ text: String) {
  let line = Array((text + "\n").utf8)
  _ = write(2, line, line.count)
}

/// One round: a model and what is done to it.
private struct Play {
  let kind: String
  let seed: UInt64
  var random: Random
  var model: any Model
  let store: DataStore
  var saved: [String] = []
  /// What was done so far, for whoever reads a failure.
  var steps: [String] = []

  init(_ kind: String, seed: UInt64) {
    self.kind = kind
    self.seed = seed
    random = Random(seed: seed)
    guard let model = try? ModelKinds.make(kind), let store = try? DataStore("memory:") else {
      preconditionFailure("no model, or no store")
    }
    self.model = model
    self.store = store
  }

  /// What can go wrong with whatever a host passes here; nothing of it is a fault of Maquette's own.
  private static let known: Set<MaquetteError.Code> = [
    .badShape, .notFinite, .badParameter, .notFound, .notTrained, .cancelled, .noRows, .oneLabel, .diverged,
    .unsupported, .invalidArgument, .inputOutput,
  ]

  mutating func run() throws {
    try setParameters()
    for _ in 0..<4 + random.integer(below: 8) {
      switch random.integer(below: 14) {
      case 0...4: try train(.fresh)
      case 5, 6: try train(.partial)
      case 7, 8: try train(.continuing)
      case 9: try setParameters()
      case 10: model = try model.copy()
      case 11: check("reset", failure { try model.reset() }, may: [])
      case 12: try save()
      default: try load()
      }
      try predict()
    }
  }

  private func check(
    _ what: String, _ error: MaquetteError?, may codes: Set<MaquetteError.Code> = Self.known
  ) {
    guard let error else { return }
    if !codes.contains(error.code) {
      Issue.record(
        "\(kind), seed \(seed), after \(steps): \(what) fails with \(error.code.rawValue): \(error.message)")
    }
    if error.message.utf8.count < 10 { Issue.record("\(kind), seed \(seed): \(what) says nothing") }
  }

  // MARK: What is done

  private mutating func train(_ mode: TrainingMode) throws {
    let table = try table()
    steps.append("\(mode) on \(table.features.rows) × \(table.features.columns)")
    let validation = random.integer(below: 8) == 0 ? TrainingSource.table(try self.table()) : nil
    if random.integer(below: 5) > 0 { return try train(on: .table(table), validation, mode) }
    // Now and then more blocks than a table takes.
    let bytes = random.integer(below: 2) == 0 ? 100 : 256 << 20
    let source = TrainingSource.blocks(
      Blocks(try table.halves(), broken: random.integer(below: 8) == 0 ? 1 : nil))
    try withTables(of: bytes) { try train(on: source, validation, mode) }
  }

  private mutating func train(
    on source: TrainingSource, _ validation: TrainingSource?, _ mode: TrainingMode
  ) throws {
    let before = model.fittedModel
    let begun = failure { try model.train(on: source, validatingOn: validation, mode: mode) }
    check("train", begun)
    guard begun == nil else {
      #expect(model.fittedModel === before)
      return
    }
    if random.integer(below: 5) == 0 {
      for _ in 0..<random.integer(below: 200) { sched_yield() }
      check("train", failure { try model.train(on: source, validatingOn: nil, mode: mode) }, may: [.busy])
      model.cancel(keeping: random.integer(below: 2) == 0 ? .last : .best)
      steps.append("cancel")
    }
    let ended = failure { try model.wait() }
    check("wait", ended)
    let phase = model.training.phase
    switch ended?.code {
    case nil: if phase != .success { Issue.record("\(kind), seed \(seed): \(phase) after a success") }
    case .cancelled: if phase != .cancelled { Issue.record("\(kind), seed \(seed): \(phase) instead") }
    default:
      steps.append(ended?.message ?? "")
      if phase != .error { Issue.record("\(kind), seed \(seed): \(phase) instead of an error") }
    }
    _ = model.training.json.description
  }

  private mutating func predict() throws {
    guard let fitted = model.fittedModel else {
      #expect(code { _ = try model.readyModel() } == .notTrained)
      return
    }
    let style = Style.random(&random)
    let width = random.integer(below: 6) == 0 ? random.integer(below: 6) : fitted.features
    let rows = try matrix(rows: random.integer(below: 40), columns: width, style)
    let error = failure {
      let predictions = try fitted.predictions(of: rows)
      if predictions.columns != fitted.outputs || predictions.rows != rows.rows || !predictions.isFinite {
        Issue.record("\(kind), seed \(seed), after \(steps): predictions of \(style) rows are not finite")
      }
      for row in 0..<min(3, rows.rows) {
        if try fitted.predictions(of: rows.gathering([Int32(row)])) != predictions.gathering([Int32(row)]) {
          Issue.record("\(kind), seed \(seed), after \(steps): row \(row) is predicted otherwise alone")
        }
        _ = try fitted.json(of: rows.gathering([Int32(row)]))
      }
    }
    check("predict", error, may: [.badShape, .notFinite])
    for (name, values) in fitted.attributes where !values.isFinite {
      Issue.record("\(kind), seed \(seed), after \(steps): \(name) is not finite")
    }
    if let remembering = model as? any RememberingModel {
      check(
        "neighbours", failure { _ = try remembering.neighbours(of: rows, count: random.integer(below: 9)) },
        may: [.badShape, .notFinite, .invalidArgument])
      if random.integer(below: 4) == 0 {
        let gone = (0..<random.integer(below: 4)).map { _ in random.integer(below: 40) }
        check("remove", failure { try remembering.remove(ids: gone) }, may: [.notFound, .noRows])
      }
    }
    if let invertible = model as? any InvertibleModel {
      let scores = try matrix(rows: 3, columns: width, style)
      check("inverse", failure { _ = try invertible.inverse(scores) }, may: [.badShape, .notFinite])
    }
  }

  private mutating func save() throws {
    steps.append("save")
    let name = "model \(random.integer(below: 3))"
    let error = failure { try model.save(in: store, name: name) }
    check("save", error, may: [.notTrained])
    guard error == nil, let fitted = model.fittedModel else { return }
    saved.append(name)
    let loaded = try ModelKinds.make(kind)
    check("load", failure { try loaded.load(from: store, name) }, may: [])
    guard let other = loaded.fittedModel else { return }
    let rows = try matrix(rows: 7, columns: fitted.features, .mixed)
    let pair = (
      failure { _ = try fitted.predictions(of: rows) }?.code,
      failure { _ = try other.predictions(of: rows) }?.code
    )
    if try pair.0 != pair.1
      || (pair.0 == nil && fitted.predictions(of: rows) != other.predictions(of: rows))
    {
      Issue.record("\(kind), seed \(seed), after \(steps): predicts otherwise when it is loaded")
    }
  }

  private mutating func load() throws {
    steps.append("load")
    let name = saved.isEmpty ? "nobody" : saved[random.integer(below: saved.count)]
    check("load", failure { try model.load(from: store, name) }, may: saved.isEmpty ? [.notFound] : [])
  }

  // MARK: Parameters

  private mutating func setParameters() throws {
    for parameter in model.parameters where random.integer(below: 3) == 0 {
      let value = value(of: parameter.schema)
      steps.append("\(parameter.name) = \(value)")
      check("set", failure { try model.setParameters([parameter.name: value]) }, may: [])
    }
    // So that a round takes milliseconds; 0 epochs of umap are hundreds.
    for (name, most) in ["epochs": 6, "maxIterations": 40, "nInit": 4]
    where model.parameters.contains(where: { $0.name == name }) {
      let value = try model.parameter(name).json.integer ?? 0
      if value > most || value < 1 {
        try model.setParameters([name: JSON(1 + random.integer(below: most))])
      }
    }
  }

  /// A legal value, the bounds more often than not.
  private mutating func value(of schema: JSON) -> JSON {
    let minimum = schema["minimum"]?.number ?? 0
    let maximum = schema["maximum"]?.number ?? 1
    switch schema["type"] {
    case "boolean": return .bool(random.integer(below: 2) == 0)
    case "integer":
      switch random.integer(below: 6) {
      case 0: return JSON(minimum)
      case 1: return JSON(maximum)
      default: return JSON(min(maximum, minimum + Double(random.integer(below: 8))))
      }
    case "integers":
      return .array((0..<random.integer(below: 3)).map { _ in JSON(1 + random.integer(below: 20)) })
    case "number":
      switch random.integer(below: 6) {
      case 0: return JSON(minimum)
      case 1: return JSON(maximum)
      default: return JSON(minimum + (min(maximum, 2) - minimum) * pow(random.uniformDouble(), 3))
      }
    case "centers" where random.integer(below: 2) == 0:
      let (rows, columns) = (1 + random.integer(below: 4), 1 + random.integer(below: 4))
      return .array(
        (0..<rows).map { _ in .array((0..<columns).map { _ in JSON(10 * random.normal()) }) })
    case "classWeights" where random.integer(below: 3) == 0:
      return ["a": JSON(random.uniformDouble()), "b": 0]
    default:
      let values = schema["values"]?.array ?? []
      return values.isEmpty ? .null : values[random.integer(below: values.count)]
    }
  }

  // MARK: Rows

  private enum Style: CaseIterable {
    case usual, constant, duplicates, huge, tiny, subnormal, mixed, grid, notFinite

    static func random(_ random: inout Random) -> Style { allCases[random.integer(below: allCases.count)] }
  }

  private mutating func table() throws -> InstanceTable {
    let rows = random.integer(below: 5) == 0 ? random.integer(below: 3) : random.integer(below: 41)
    let columns = random.integer(below: 4) > 0 ? 3 : random.integer(below: 6)
    let features = try matrix(rows: rows, columns: columns, .random(&random))
    if try ModelKinds.named(kind).task == .regression, random.integer(below: 20) > 0 {
      let width = random.integer(below: 3) > 0 ? 1 : random.integer(below: 4)
      let count = random.integer(below: 20) == 0 ? rows + 1 : rows
      return InstanceTable(
        features: features, targets: try matrix(rows: count, columns: width, .random(&random)))
    }
    let names = Array(["a", "b", "", "d", "ä"].prefix(1 + random.integer(below: 5)))
    let least = random.integer(below: 6) == 0 ? -1 : 0
    let count = random.integer(below: 20) == 0 ? rows + 1 : rows
    return InstanceTable(
      features: features,
      labels: try LabelColumn(
        names: names,
        codes: (0..<count).map { _ in Int32(least + random.integer(below: names.count - least)) }))
  }

  private mutating func matrix(rows: Int, columns: Int, _ style: Style) throws -> Matrix {
    let subnormal = Float.leastNormalMagnitude / 1000
    var values = (0..<rows * columns).map { _ -> Float in
      let normal = Float(random.normal())
      switch style {
      case .usual, .duplicates, .notFinite: return normal
      case .constant: return 3.25
      case .huge: return max(-3.4e38, min(3.4e38, normal * 1.5e38))
      case .tiny: return normal * 1e-38
      case .subnormal: return normal * subnormal
      case .mixed: return normal * [0, subnormal, 1e-30, 1, 1e6, 1e19, 1e30][random.integer(below: 7)]
      case .grid: return Float(random.integer(below: 3))
      }
    }
    if style == .duplicates, rows > 1 {
      for row in 0..<rows {
        let from = random.integer(below: 1 + rows / 4)
        for column in 0..<columns { values[row * columns + column] = values[from * columns + column] }
      }
    }
    if style == .notFinite, !values.isEmpty {
      values[random.integer(below: values.count)] = [.nan, .infinity, -.infinity][random.integer(below: 3)]
    }
    return try Matrix(rows: rows, columns: columns, values)
  }
}

extension InstanceTable {
  /// The rows in two blocks; one where there is nothing to part, or it does not fit together.
  fileprivate func halves() throws -> [InstanceTable] {
    let rows = Int32(features.rows)
    guard rows > 1, labels.codes.count == rows, targets?.rows ?? Int(rows) == rows else { return [self] }
    return try [0..<rows / 2, rows / 2..<rows].map { half in
      let places = Array(half)
      let part = try features.gathering(places)
      if let targets { return InstanceTable(features: part, targets: try targets.gathering(places)) }
      return InstanceTable(
        features: part,
        labels: try LabelColumn(names: labels.names, codes: places.map { labels.codes[Int($0)] }))
    }
  }
}
