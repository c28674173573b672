public import MaquetteSystem

extension Service {
  /// How many documents match the query, whatever page of them it asks for.
  public func count(_ query: Query) throws(MaquetteError) -> Int { try count(query, in: nil) }

  func count(_ query: Query, in dataset: String?) throws(MaquetteError) -> Int {
    var query = query
    query.limit = 0
    return try find(query, in: dataset).total
  }
}

extension Dataset {
  /// How many instances match the query, whatever page of them it asks for.
  public func count(_ query: Query) throws(MaquetteError) -> Int { try service.count(query, in: name) }
}
