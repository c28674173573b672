// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Exported names are the header's.

public import CMaquette
import MaquetteFormats
import MaquetteModels
import MaquetteStores
import MaquetteSystem

let views = Handles<ViewObject>(kind: 32, description: "a view")

/// A view as a host holds it.
final class ViewObject: Sendable {
  let view: DatasetView
  let streams = StreamHandles()
  init(_ view: DatasetView) { self.view = view }
}

@implementation @_cdecl("maquette_dataset_sift")
public func maquette_dataset_sift(
  _ dataset: OpaquePointer?, _ query: UnsafePointer<CChar>?, _ view: UnsafeMutablePointer<OpaquePointer?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let dataset = try datasets[dataset].dataset
    let view = try required(view, "view")
    let query = try MaquetteC.query(try required(query, "query"))
    view.pointee = try views.insert(ViewObject(try dataset.sift(query)))
  }
}

@implementation @_cdecl("maquette_view_destroy")
public func maquette_view_destroy(_ view: OpaquePointer?) {
  unlessForked { views.remove(view)?.streams.close() }
}

@implementation @_cdecl("maquette_view_count")
public func maquette_view_count(
  _ view: OpaquePointer?, _ count: UnsafeMutablePointer<Int64>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let view = try views[view].view
    let count = try required(count, "count")
    count.pointee = Int64(view.count)
  }
}

@implementation @_cdecl("maquette_view_find")
public func maquette_view_find(
  _ view: OpaquePointer?, _ query: UnsafePointer<CChar>?,
  _ page: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let view = try views[view].view
    let page = try required(page, "page")
    page.pointee = try owned(try view.find(try MaquetteC.query(query)).json)
  }
}

@implementation @_cdecl("maquette_view_items")
public func maquette_view_items(
  _ view: OpaquePointer?, _ query: UnsafePointer<CChar>?, _ cursor: UnsafeMutablePointer<OpaquePointer?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let view = try views[view].view
    let cursor = try required(cursor, "cursor")
    cursor.pointee = try cursors.insert(CursorObject(view.texts(try MaquetteC.query(query)), of: view))
  }
}

@implementation @_cdecl("maquette_view_counts")
public func maquette_view_counts(_ view: OpaquePointer?) -> OpaquePointer? {
  handleUnlessForked {
    guard let object = try? views[view] else { return nil }
    return try? object.streams.handle("count") { JSONValueStream(object.view.$count) { JSON($0) } }
  }
}

@implementation @_cdecl("maquette_view_changes")
public func maquette_view_changes(_ view: OpaquePointer?) -> OpaquePointer? {
  handleUnlessForked {
    guard let object = try? views[view] else { return nil }
    return try? object.streams.handle("changes") {
      JSONValueStream(object.view.$changes, writing: { $0.write(to: &$1) })
    }
  }
}
