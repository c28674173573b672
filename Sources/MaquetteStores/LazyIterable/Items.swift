public import MaquetteFormats
package import MaquetteSystem

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

/// One pass over documents, as they are written in JSON.
package struct DocumentTexts {
  private let reader: RecordReader
  private let select: [String]?

  fileprivate init(_ service: Service, _ dataset: String?, _ query: Query) {
    reader = RecordReader(service, dataset, query)
    select = query.select
  }

  /// Writes the next document.
  ///
  /// - Returns: false behind the last.
  /// - Throws: what reading meets.
  package func writeNext(to text: inout JSONWriter) throws(MaquetteError) -> Bool {
    guard let record = try reader.next() else { return false }
    record.write(to: &text, selecting: select)
    return true
  }
}

extension Service {
  /// As ``items(_:)``, for whoever wants no more than their text.
  package func texts(_ query: Query) -> DocumentTexts { DocumentTexts(self, nil, query) }
}

extension Dataset {
  /// As ``items(_:)``, for whoever wants no more than their text.
  package func texts(_ query: Query) -> DocumentTexts { DocumentTexts(service, name, query) }

  /// The instances that match a query, read page by page when they are asked for; all of them unless the query has a
  /// `$limit`. Every pass reads anew; see ``LazyIterable``.
  ///
  /// To train on them without a detour through JSON, see ``blocks(rows:matching:)``.
  public func items(_ query: Query = Query()) -> LazyIterable<JSONObject> { service.items(query, in: name) }
}
