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

  /// Adds instances in one transaction, with a change for each: all of them, or none.
  ///
  /// - Returns: the instances as they are stored, in their order.
  /// - Throws: as ``create(_:)-(JSONObject)``; the message says which of the instances it is about, counted from 0.
  public func create(_ instances: [JSONObject]) throws(MaquetteError) -> [JSONObject] {
    try service.create(instances.map { ours($0) })
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

  /// Puts an instance in the place of the one of that id, which keeps its id and `createdAt`; Feathers' `update`.
  ///
  /// - Throws: ``MaquetteError/Code/notFound``, also for an instance of another dataset, and what ``create(_:)-(JSONObject)``
  ///   throws.
  public func replace(_ id: String, with instance: JSONObject) throws(MaquetteError) -> JSONObject {
    try service.replace(id, with: ours(instance), files: [], in: name)
  }

  /// Changes members of an instance; see ``Service/patch(_:matching:with:files:)``. It stays in the dataset.
  ///
  /// - Throws: ``MaquetteError/Code/notFound``, also for an instance of another dataset, and what ``create(_:)-(JSONObject)``
  ///   throws.
  public func patch(_ id: String, with changes: JSONObject) throws(MaquetteError) -> JSONObject {
    try service.patch(id, matching: Query(), with: staying(changes), files: [], in: name)
  }

  /// Changes members of all instances that match a query, in one transaction and with a change for each.
  ///
  /// - Returns: the instances as they are stored, in the order the query asks for.
  /// - Throws: as ``Service/patch(matching:with:)``.
  public func patch(matching query: Query, with changes: JSONObject) throws(MaquetteError) -> [JSONObject] {
    try service.patch(matching: query, with: staying(changes), in: name)
  }

  /// Removes an instance, and returns it as it was.
  ///
  /// - Throws: ``MaquetteError/Code/notFound``, also for an instance of another dataset.
  public func remove(_ id: String) throws(MaquetteError) -> JSONObject {
    try service.remove(id, matching: Query(), in: name)
  }

  /// Removes all instances that match a query, in one transaction and with a change for each, and returns them as they
  /// were. To remove all there are, see ``clear()``.
  ///
  /// - Throws: as ``Service/remove(matching:)``.
  public func remove(matching query: Query) throws(MaquetteError) -> [JSONObject] {
    try service.remove(matching: query, in: name)
  }

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

  /// Whoever changes an instance of a dataset does not mean to take it out.
  private func staying(_ changes: JSONObject) -> JSONObject {
    var changes = changes
    changes["datasetName"] = nil
    return changes
  }
}
