public import MaquetteFormats
public import MaquetteSystem

extension Dataset {
  /// Adds one instance.
  ///
  /// An `x` that is an array of numbers, nested or not, is kept as 32-bit floats, and must have as many of them as
  /// the other instances have.
  ///
  /// - Returns: the instance as it is stored, with its id and dates.
  /// - Throws: ``MaquetteError/Code/badShape``, ``MaquetteError/Code/notFinite``, ``MaquetteError/Code/conflict``, and
  ///   what ``Service/create(_:files:)`` throws.
  public func create(_ instance: JSONObject) throws(MaquetteError) -> JSONObject {
    try service.create(ours(instance))
  }

  /// The instance of that id.
  ///
  /// - Throws: ``MaquetteError/Code/notFound``, also for an instance of another dataset.
  public func get(_ id: String) throws(MaquetteError) -> JSONObject {
    let name = name
    let identifier = try Service.identifier(id)
    let record = try service.read { (session) throws(MaquetteError) in try session.record(identifier, .all) }
    guard let record, isSame(record.dataset, name) else { throw Service.missing(id) }
    return record.document
  }

  /// Puts an instance in the place of the one of that id, which keeps its id and `createdAt`.
  ///
  /// - Throws: ``MaquetteError/Code/notFound``, and what ``create(_:)`` throws.
  public func replace(_ id: String, with instance: JSONObject) throws(MaquetteError) -> JSONObject {
    try service.replace(id, with: ours(instance), files: [], in: name)
  }

  /// Removes an instance, and returns it as it was.
  ///
  /// - Throws: ``MaquetteError/Code/notFound``, also for an instance of another dataset.
  public func remove(_ id: String) throws(MaquetteError) -> JSONObject { try service.remove(id, in: name) }

  /// Removes all instances; afterwards they may have any number of features again.
  public func clear() throws(MaquetteError) { try service.clear(name) }

  /// A page of the instances that match the query.
  public func find(_ query: Query = Query()) throws(MaquetteError) -> Page {
    try service.find(query, in: name)
  }

  /// What the query asks for: a page, or with `$distinct` the array of different values; see ``Service/answer(_:)``.
  public func answer(_ query: Query) throws(MaquetteError) -> JSON { try service.answer(query, in: name) }

  /// How many instances match the query, whatever page of them it asks for.
  public func count(_ query: Query) throws(MaquetteError) -> Int { try service.count(query, in: name) }

  /// The different values of a field in the instances that match, the first seen first; all instances are looked at. See
  /// ``Service/distinct(_:_:)``.
  public func distinct(_ field: String, _ query: Query = Query()) throws(MaquetteError) -> [JSON] {
    try service.distinct(field, query, in: name)
  }

  private func ours(_ instance: JSONObject) -> JSONObject {
    var instance = instance
    instance["datasetName"] = .string(name)
    return instance
  }
}
