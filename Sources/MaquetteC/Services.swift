// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Exported names are the header's.

public import CMaquette
import MaquetteFormats
import MaquetteModels
import MaquetteStores
import MaquetteSystem

let services = Handles<ServiceObject>(kind: 30, description: "a service")

/// A service as a host holds it.
final class ServiceObject: Sendable {
  let service: Service
  let streams = StreamHandles()
  /// Everybody who asks this store for the service gets the same one, for as long as the store is there.
  private let store: DataStore

  init(_ service: Service, in store: DataStore) {
    self.service = service
    self.store = store
  }
}

@implementation @_cdecl("maquette_store_services")
public func maquette_store_services(
  _ store: OpaquePointer?, _ names: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let store = try stores[store].store
    let names = try required(names, "names")
    names.pointee = try owned(.array(try store.services().map { .string($0) }))
  }
}

@implementation @_cdecl("maquette_service_open")
public func maquette_service_open(
  _ store: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ service: UnsafeMutablePointer<OpaquePointer?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let store = try stores[store].store
    let service = try required(service, "service")
    let opened = try store.service(try string(name, "name"))
    service.pointee = try services.insert(ServiceObject(opened, in: store))
  }
}

@implementation @_cdecl("maquette_service_destroy")
public func maquette_service_destroy(_ service: OpaquePointer?) {
  unlessForked { services.remove(service)?.streams.close() }
}

@implementation @_cdecl("maquette_service_events")
public func maquette_service_events(_ service: OpaquePointer?) -> OpaquePointer? {
  handleUnlessForked {
    guard let object = try? services[service] else { return nil }
    return try? object.streams.handle("events") {
      JSONValueStream(object.service.events, writing: { $0.write(to: &$1) })
    }
  }
}

// MARK: Reading

@implementation @_cdecl("maquette_service_find")
public func maquette_service_find(
  _ service: OpaquePointer?, _ query: UnsafePointer<CChar>?,
  _ page: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let service = try services[service].service
    let page = try required(page, "page")
    page.pointee = try owned(try service.find(try MaquetteC.query(query)).json)
  }
}

@implementation @_cdecl("maquette_service_get")
public func maquette_service_get(
  _ service: OpaquePointer?, _ id: UnsafePointer<CChar>?,
  _ document: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let service = try services[service].service
    let document = try required(document, "document")
    document.pointee = try owned(.object(try service.get(try string(id, "id"))))
  }
}

@implementation @_cdecl("maquette_service_count")
public func maquette_service_count(
  _ service: OpaquePointer?, _ query: UnsafePointer<CChar>?, _ count: UnsafeMutablePointer<Int64>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let service = try services[service].service
    let count = try required(count, "count")
    count.pointee = Int64(try service.count(try MaquetteC.query(query)))
  }
}

@implementation @_cdecl("maquette_service_distinct")
public func maquette_service_distinct(
  _ service: OpaquePointer?, _ field: UnsafePointer<CChar>?, _ query: UnsafePointer<CChar>?,
  _ values: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let service = try services[service].service
    let values = try required(values, "values")
    let field = try string(field, "field")
    values.pointee = try owned(.array(try service.distinct(field, try MaquetteC.query(query))))
  }
}

// MARK: Writing

@implementation @_cdecl("maquette_service_create")
public func maquette_service_create(
  _ service: OpaquePointer?, _ documents: UnsafePointer<CChar>?,
  _ stored: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let service = try services[service].service
    switch try oneOrMany(documents, "documents") {
    case .one(let document): try give(.object(try service.create(document)), to: stored)
    case .many(let documents): try give(array(try service.create(documents)), to: stored)
    }
  }
}

@implementation @_cdecl("maquette_service_update")
public func maquette_service_update(
  _ service: OpaquePointer?, _ id: UnsafePointer<CChar>?, _ query: UnsafePointer<CChar>?,
  _ document: UnsafePointer<CChar>?, _ stored: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let service = try services[service].service
    let id = try string(id, "id")
    let query = try MaquetteC.query(query)
    let document = try object(try required(document, "document"), "document")
    try give(.object(try service.replace(id, matching: query, with: document)), to: stored)
  }
}

@implementation @_cdecl("maquette_service_patch")
public func maquette_service_patch(
  _ service: OpaquePointer?, _ id: UnsafePointer<CChar>?, _ query: UnsafePointer<CChar>?,
  _ changes: UnsafePointer<CChar>?, _ patched: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let service = try services[service].service
    let target = try Target(id, query)
    let changes = try object(try required(changes, "changes"), "changes")
    switch target {
    case .one(let id, let query):
      try give(.object(try service.patch(id, matching: query, with: changes)), to: patched)
    case .all(let query): try give(array(try service.patch(matching: query, with: changes)), to: patched)
    }
  }
}

@implementation @_cdecl("maquette_service_remove")
public func maquette_service_remove(
  _ service: OpaquePointer?, _ id: UnsafePointer<CChar>?, _ query: UnsafePointer<CChar>?,
  _ removed: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> maquette_status {
  reporting(to: error) { () throws(MaquetteError) in
    let service = try services[service].service
    switch try Target(id, query) {
    case .one(let id, let query): try give(.object(try service.remove(id, matching: query)), to: removed)
    case .all(let query): try give(array(try service.remove(matching: query)), to: removed)
    }
  }
}

// MARK: What comes in and goes out

/// What a verb is about.
private enum Target {
  case one(String, Query)
  case all(Query)

  /// - Throws: ``MaquetteError/Code/invalidArgument`` where both are NULL: nobody should remove everything by leaving
  ///   something out.
  init(_ id: UnsafePointer<CChar>?, _ query: UnsafePointer<CChar>?) throws(MaquetteError) {
    if id != nil {
      self = .one(try string(id, "id"), try MaquetteC.query(query))
    } else {
      self = .all(try MaquetteC.query(try required(query, "query")))
    }
  }
}

/// A JSON object, or an array of them.
enum OneOrMany {
  case one(JSONObject)
  case many([JSONObject])
}

/// - Throws: ``MaquetteError/Code/invalidArgument`` for NULL, ``MaquetteError/Code/badUTF8``,
///   ``MaquetteError/Code/badJSON``.
func oneOrMany(_ text: UnsafePointer<CChar>?, _ name: String) throws(MaquetteError) -> OneOrMany {
  switch try json(try required(text, name), name) {
  case .object(let object): return .one(object)
  case .array(let elements):
    var objects: [JSONObject] = []
    objects.reserveCapacity(elements.count)
    for (place, element) in elements.enumerated() {
      guard case .object(let object) = element else {
        throw MaquetteError(
          .badJSON, "\(name)[\(place)] is \(element.kind); it must be a JSON object", name: name)
      }
      objects.append(object)
    }
    return .many(objects)
  case let other:
    throw MaquetteError(
      .badJSON, "\(name) is \(other.kind); it must be a JSON object, or an array of them", name: name)
  }
}

/// - Returns: what matches everything for NULL.
/// - Throws: ``MaquetteError/Code/badUTF8``, ``MaquetteError/Code/badJSON``, ``MaquetteError/Code/invalidArgument``.
func query(_ text: UnsafePointer<CChar>?) throws(MaquetteError) -> Query {
  text == nil ? Query() : try Query(.object(try object(text, "query")))
}

func array(_ documents: [JSONObject]) -> JSON { .array(documents.map { .object($0) }) }

/// Gives the host a string, if it wants one.
func give(
  _ json: JSON, to text: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) throws(MaquetteError) {
  if let text { text.pointee = try owned(json) }
}
