public import MaquetteFormats
import MaquetteSystem

extension Service {
  /// The documents that match a query, read page by page when they are asked for.
  ///
  /// Unlike ``find(_:)`` this gives them all: a `$limit` is not cut off, and without one there is none. Every pass reads
  /// anew; see ``LazyIterable``.
  public func items(_ query: Query = Query()) -> LazyIterable<JSONObject> { items(query, in: nil) }

  func items(_ query: Query, in dataset: String?) -> LazyIterable<JSONObject> {
    LazyIterable { [self] () throws(MaquetteError) in
      let reader = RecordReader(self, dataset, query)
      return LazyReader { () throws(MaquetteError) in
        try reader.next()?.document(selecting: query.select)
      }
    }
  }
}

extension Dataset {
  /// The instances that match a query, read page by page when they are asked for; all of them unless the query has a
  /// `$limit`. Every pass reads anew; see ``LazyIterable``.
  ///
  /// To train on them without a detour through JSON, see ``blocks(rows:matching:)``.
  public func items(_ query: Query = Query()) -> LazyIterable<JSONObject> { service.items(query, in: name) }
}
