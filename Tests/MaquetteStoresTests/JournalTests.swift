import Glibc
import MaquetteFormats
import MaquetteStores
import MaquetteStreams
import MaquetteSystem
import TestSupport
import Testing

@Suite struct `The journal of a document` {
  @Test(arguments: StoreKind.allCases)
  func `keeps its pieces in order, beside the document, which stays as it is`(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let service = try test.store.service("runs")
    let document = try service.create(["name": "a"])
    let other = try service.create(["name": "b"])
    #expect(try service.idsWithJournal() == [])
    for piece in 0..<12 {
      try service.add([UInt8(piece), 0, 255], named: "\(piece)", toJournalOf: document.id)
    }
    let (found, journal) = try service.getWithJournal(document.id)
    #expect(found == document)
    #expect(journal == (0..<12).map { [UInt8($0), 0, 255] })
    #expect(try service.getWithJournal(other.id).journal == [])
    #expect(try service.idsWithJournal() == [document.id])
    #expect(try test.store.service("models").idsWithJournal() == [])
  }

  @Test(arguments: StoreKind.allCases)
  func `ends with the change that takes it up, in one transaction`(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let service = try test.store.service("runs")
    let files = [StoredFile(name: "f", bytes: [7])]
    let document = try service.create(["name": "a", "note": "kept"], files: files)
    try service.add([1], named: "1", toJournalOf: document.id)
    let seen = Seen<[ServiceEvent]>()
    service.events.observe { seen.add($0.value) }
    let unchanged = try service.change(document.id) { document, _ in
      document["note"] = nil
      return false
    }
    #expect(unchanged == document)
    let error = failure {
      try service.change(document.id) { (_, _) throws(MaquetteError) in
        throw MaquetteError(.badFormat, "no use")
      }
    }
    #expect(error?.code == .badFormat)
    #expect(seen.values.isEmpty)
    #expect(try service.getWithJournal(document.id).journal == [[1]])
    let changed = try service.change(document.id) { document, journal in
      document["sum"] = JSON(Int(journal[0][0]) + 1)
      return true
    }
    #expect(changed["sum"] == 2)
    #expect(changed["note"] == "kept")
    #expect(changed["createdAt"] == document["createdAt"])
    #expect((changed["updatedAt"]?.string ?? "") > (document["updatedAt"]?.string ?? ""))
    #expect(try service.getWithJournal(document.id).document == changed)
    #expect(try service.getWithJournal(document.id).journal == [])
    #expect(seen.values.map { $0.map(\.kind) } == [[.updated]])
    let path = try #require(changed["files"]?.array?.first?.array?.last?.string)
    #expect(try service.file(at: path) == [7])
    // And may begin anew, with the same names.
    try service.add([2], named: "1", toJournalOf: document.id)
    #expect(try service.getWithJournal(document.id).journal == [[2]])
  }

  @Test(arguments: StoreKind.allCases)
  func `may begin with the document, and anew with a change`(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let service = try test.store.service("runs")
    let document = try service.create(
      [:], numberedAfter: "a", journal: StoredFile(name: "owner", bytes: [9]))
    try service.add([1], named: "1", toJournalOf: document.id)
    #expect(try service.getWithJournal(document.id).journal == [[9], [1]])
    try service.change(document.id, leaving: StoredFile(name: "owner", bytes: [8])) { _, _ in true }
    #expect(try service.getWithJournal(document.id).journal == [[8]])
    #expect(try service.idsWithJournal() == [document.id])
    try service.change(document.id, leaving: StoredFile(name: "owner", bytes: [7])) { _, _ in false }
    #expect(try service.getWithJournal(document.id).journal == [[8]])
    try service.change(document.id) { _, _ in true }
    #expect(try service.idsWithJournal() == [])
    #expect(try service.contains(document.id))
    #expect(try !service.contains("x") && !service.contains(Service.newID()))
  }

  @Test(arguments: StoreKind.allCases)
  func `goes with its document, and there is none without one`(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let service = try test.store.service("runs")
    let document = try service.create([:])
    try service.add([1], named: "1", toJournalOf: document.id)
    _ = try service.remove(document.id)
    #expect(try service.idsWithJournal() == [])
    for id in [document.id, "", "x"] {
      #expect(failure { try service.add([2], named: "2", toJournalOf: id) }?.code == .notFound)
      #expect(failure { _ = try service.getWithJournal(id) }?.code == .notFound)
      #expect(failure { _ = try service.change(id) { _, _ in true } }?.name == id)
    }
    #expect(try service.idsWithJournal() == [])
  }

  @Test func `leaves the store as careful as it was`() throws {
    let directory = TemporaryDirectory()
    let store = try DataStore("sqlite:" + directory.path("store.db"))
    let service = try store.service("runs")
    let document = try service.create(["name": "a"])
    try service.add([1], named: "1", toJournalOf: document.id)
    #expect(failure { try service.add([1], named: "1", toJournalOf: document.id) } != nil)
    #expect(failure { try service.add([2], named: "2", toJournalOf: "x") }?.code == .notFound)
    #expect(try store.pragma("synchronous") == 2)
    let careless = try DataStore("sqlite:" + directory.path("store.db") + "?synchronous=normal")
    try careless.service("runs").add([3], named: "3", toJournalOf: document.id)
    #expect(try careless.pragma("synchronous") == 1)
    #expect(try service.getWithJournal(document.id).journal == [[1], [3]])
  }

  @Test func `survives kill -9`() async throws {
    let directory = TemporaryDirectory()
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = directory.path("store.db") as String] in
      let service = try DataStore("sqlite:" + path).service("runs")
      let document = try service.create(["name": "a"])
      for piece in 0..<50 { try service.add([UInt8(piece)], named: "\(piece)", toJournalOf: document.id) }
      kill(getpid(), SIGKILL)
    }
    let service = try DataStore("sqlite:" + directory.path("store.db")).service("runs")
    let id = try #require(try service.idsWithJournal().first)
    #expect(try service.getWithJournal(id).journal == (0..<50).map { [UInt8($0)] })
  }
}

@Suite struct `Numbered documents` {
  @Test(arguments: StoreKind.allCases)
  func `count on from the greatest number of their base`(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let service = try test.store.service("runs")
    func next(_ base: String) throws -> String? {
      try service.create(["basename": .string(base)], numberedAfter: base)["name"]?.string
    }
    #expect(try next("a") == "a-1")
    #expect(try next("a") == "a-2")
    #expect(try next("a-1") == "a-1-1")
    #expect(try next("b") == "b-1")
    for name in [
      "a-7", "a-x9", "a-", "a9", "a--8", "a-99999999999999999999", "a-7-8", "A-20", "a-+9", "a-8 ",
    ] {
      _ = try service.create(["name": .string(name)])
    }
    #expect(try next("a") == "a-8")
    #expect(try next("") == "-1")
    #expect(try next("é'\"-%") == "é'\"-%-1")
  }

  @Test(arguments: StoreKind.allCases)
  func `can all be asked for at once`(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let service = try test.store.service("runs")
    for _ in 0..<250 { _ = try service.create(["v": 1], numberedAfter: "a") }
    var all = try query(#"{"v": 1, "$sort": {"name": 1}}"#)
    #expect(try service.find(all).data.count == 100)
    all.isUnlimited = true
    #expect(try service.find(all).data.count == 250)
    #expect(try service.find(all).data.first?["name"] == "a-1")
    var plain = Query()
    plain.isUnlimited = true
    #expect(try service.find(plain).data.count == 250)
  }

  @Test(arguments: StoreKind.allCases)
  func `keep the id they bring, unless another has it`(_ kind: StoreKind) throws {
    let test = try TestStore(kind)
    let service = try test.store.service("runs")
    let id = Service.newID()
    #expect(try service.create(["id": .string(id)], numberedAfter: "a").id == id)
    #expect(failure { _ = try service.create(["id": .string(id)], numberedAfter: "a") }?.code == .conflict)
    #expect(Service.newID() > id)
  }

  @Test func `are never called the same by two who count at once`() async throws {
    let directory = TemporaryDirectory()
    let location = "sqlite:" + directory.path("store.db")
    _ = try DataStore(location).service("runs")
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        // A connection of its own each, as processes have.
        let service = try DataStore(location).service("runs")
        group.addTask {
          for _ in 0..<10 { _ = try service.create([:], numberedAfter: "a") }
        }
      }
      try await group.waitForAll()
    }
    let names = try DataStore(location).service("runs").find().data.compactMap { $0["name"]?.string }
    #expect(Set(names) == Set((1...40).map { "a-\($0)" }))
    #expect(names.count == 40)
  }
}
