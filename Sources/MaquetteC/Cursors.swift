// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Exported names are the header's.

public import CMaquette
import MaquetteFormats
import MaquetteStores
import MaquetteSystem

let cursors = Handles<CursorObject>(kind: 31, description: "a cursor")

/// A pass over documents as a host holds it.
final class CursorObject: Sendable {
  private let reader: Monitor<DocumentTexts>
  /// What the documents are read from, so that it does not go before the last of them.
  private let owner: any Sendable

  /// The most documents of a block, and bytes from which on it is full.
  private static let blockDocuments = 256
  private static let blockBytes = 1 << 20

  init(_ texts: DocumentTexts, of owner: any Sendable) {
    reader = Monitor(texts)
    self.owner = owner
  }

  /// The next documents as a JSON array; nil behind the last.
  ///
  /// - Throws: what reading meets.
  func next() throws(MaquetteError) -> [UInt8]? {
    try reader.withLock { (reader) throws(MaquetteError) -> [UInt8]? in
      var text = JSONWriter()
      text.beginArray()
      var count = 0
      while count < Self.blockDocuments, text.count < Self.blockBytes, try reader.writeNext(to: &text) {
        count += 1
      }
      text.endArray()
      return count > 0 ? text.bytes : nil
    }
  }
}

@implementation @_cdecl("maquette_service_items")
public func maquette_service_items(
  _ service: OpaquePointer?, _ query: UnsafePointer<CChar>?, _ cursor: UnsafeMutablePointer<OpaquePointer?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let service = try services[service]
    let cursor = try required(cursor, "cursor")
    let texts = service.service.texts(try MaquetteC.query(query))
    cursor.pointee = try cursors.insert(CursorObject(texts, of: service))
  }
}

@implementation @_cdecl("maquette_dataset_items")
public func maquette_dataset_items(
  _ dataset: OpaquePointer?, _ query: UnsafePointer<CChar>?, _ cursor: UnsafeMutablePointer<OpaquePointer?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let dataset = try datasets[dataset].dataset
    let cursor = try required(cursor, "cursor")
    cursor.pointee = try cursors.insert(
      CursorObject(dataset.texts(try MaquetteC.query(query)), of: dataset))
  }
}

@implementation @_cdecl("maquette_cursor_next")
public func maquette_cursor_next(
  _ cursor: OpaquePointer?, _ documents: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let cursor = try cursors[cursor]
    let documents = try required(documents, "documents")
    let text = try cursor.next()
    documents.pointee = try text.map { (text) throws(MaquetteError) in try owned(text) }
  }
}

@implementation @_cdecl("maquette_cursor_destroy")
public func maquette_cursor_destroy(_ cursor: OpaquePointer?) {
  unlessForked { _ = cursors.remove(cursor) }
}
