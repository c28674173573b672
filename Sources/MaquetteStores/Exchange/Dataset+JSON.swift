import MaquetteFormats
public import MaquetteSystem

/// Datasets in Marcelle's JSON: what its pages download and upload.
extension Dataset {
  /// Writes all instances into a file in Marcelle's JSON, in bounded memory. What was there is replaced when the new one is
  /// complete.
  ///
  /// - Parameter query: which instances, in what order; nil for all.
  /// - Returns: how many instances were written.
  /// - Throws: ``MaquetteError/Code/inputOutput``, ``MaquetteError/Code/full``; what reading meets.
  @discardableResult
  public func download(to path: String, matching query: Query? = nil) throws(MaquetteError) -> Int {
    let file = try WrittenFile(path)
    let count = try writeJSON(query) { (bytes) throws(MaquetteError) in try file.write(bytes) }
    try file.finish()
    return count
  }

  /// All instances in Marcelle's JSON.
  ///
  /// - Throws: what reading meets.
  public func downloaded(matching query: Query? = nil) throws(MaquetteError) -> [UInt8] {
    var text: [UInt8] = []
    _ = try writeJSON(query) { (bytes) throws(MaquetteError) in text += bytes }
    return text
  }

  private func writeJSON(
    _ query: Query?, _ write: ([UInt8]) throws(MaquetteError) -> Void
  ) throws(MaquetteError) -> Int {
    try write(Array(#"{"marcelleMeta":{"type":"dataset"},"instances":["#.utf8))
    let instances = texts(query ?? Query())
    var count = 0
    while true {
      var text = JSONWriter()
      guard try instances.writeNext(to: &text) else { break }
      try write((count == 0 ? [] : [UInt8(ascii: ",")]) + text.bytes)
      count += 1
    }
    try write(Array("]}".utf8))
    return count
  }

  /// Adds the instances of a file in Marcelle's JSON, or the points of a DataSet that FluCoMa dumped, each with its name as
  /// `identifier`, in bounded memory.
  ///
  /// They get new ids and dates, and this dataset's name. The file is checked to its end first, so that one that can't be
  /// used adds nothing; then a block of instances at a time is stored, each in one transaction.
  ///
  /// - Returns: how many instances were added.
  /// - Throws: ``MaquetteError/Code/badJSON``, ``MaquetteError/Code/badUTF8``, ``MaquetteError/Code/badFormat`` for what is no
  ///   dataset of Marcelle's; ``MaquetteError/Code/badShape``, ``MaquetteError/Code/notFinite`` naming the instance;
  ///   ``MaquetteError/Code/inputOutput``; what writing meets.
  @discardableResult
  public func upload(from path: String) throws(MaquetteError) -> Int { try upload(.file(path)) }

  /// Adds the instances of a text in Marcelle's JSON; see ``upload(from:)``.
  @discardableResult
  public func upload(_ text: [UInt8]) throws(MaquetteError) -> Int { try upload(.bytes(text)) }

  private func upload(_ source: ByteSource) throws(MaquetteError) -> Int {
    let name = name
    var adding = BlockwiseAdding(self, source.description)
    func pass(_ body: (Record) throws(MaquetteError) -> Void) throws(MaquetteError) {
      var reader = MarcelleDatasetReader(source.description, read: try source.open())
      while var instance = try reader.next() {
        let given = instance["id"]?.string
        instance["id"] = nil
        instance["datasetName"] = .string(name)
        do throws(MaquetteError) {
          try body(try Record(instance))
        } catch {
          throw MaquetteError(
            error.code,
            "instance \(reader.count - 1)\(given.map { " (\($0))" } ?? "") of \(source.description): \(error.message)",
            name: given ?? error.name)
        }
      }
    }
    let width = try service.read { (session) throws(MaquetteError) in try session.width(name, except: nil) }
    var check = WidthCheck(name, width)
    try pass { (record) throws(MaquetteError) in try check.check(record.features?.width) }
    try pass { (record) throws(MaquetteError) in try adding.add(record) }
    return try adding.finish()
  }
}

/// That all instances have one width.
struct WidthCheck {
  private let dataset: String
  private var width: Int?

  /// - Parameter width: that of the instances there are.
  init(_ dataset: String, _ width: Int?) {
    self.dataset = dataset
    self.width = width
  }

  /// - Throws: ``MaquetteError/Code/badShape``.
  mutating func check(_ given: Int?) throws(MaquetteError) {
    guard let given else { return }
    guard width ?? given == given else { throw Service.wrongWidth(dataset, width ?? 0, given) }
    width = given
  }
}

/// New instances on their way into a dataset, a block in memory and in a transaction at a time.
struct BlockwiseAdding {
  private let dataset: Dataset
  private let source: String
  private var records: [Record] = []
  private var numbers = 0
  private var count = 0

  private static let blockRecords = 1024
  private static let blockNumbers = 1 << 20

  /// - Parameter source: where they come from, for messages.
  init(_ dataset: Dataset, _ source: String) {
    self.dataset = dataset
    self.source = source
  }

  mutating func add(_ record: Record) throws(MaquetteError) {
    records.append(record)
    numbers += record.features?.width ?? 0
    if records.count >= Self.blockRecords || numbers >= Self.blockNumbers { try store() }
  }

  /// - Returns: how many there were.
  mutating func finish() throws(MaquetteError) -> Int {
    try store()
    return count
  }

  private mutating func store() throws(MaquetteError) {
    guard !records.isEmpty else { return }
    let block = records
    do throws(MaquetteError) {
      try dataset.service.write { (session) throws(MaquetteError) in
        var writing = Writing(session)
        for record in block { try writing.create(record, nil, bringsID: false) }
        return ((), try writing.carryOut().events)
      }
    } catch {
      throw MaquetteError(
        error.code, "\(error.message) (\(count) instances of \(source) were stored before)", name: error.name)
    }
    count += block.count
    records = []
    numbers = 0
  }
}
